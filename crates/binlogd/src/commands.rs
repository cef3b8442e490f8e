//! One file per command.

pub(crate) mod events;
pub(crate) mod find;
pub(crate) mod hash_password;
pub(crate) mod ls;
pub(crate) mod serve;
pub(crate) mod stats;
pub(crate) mod tail;
pub(crate) mod undo;
pub(crate) mod verify;
