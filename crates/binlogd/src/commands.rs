//! One file per command.

pub(crate) mod hash_password;
pub(crate) mod serve;
pub(crate) mod verify;
