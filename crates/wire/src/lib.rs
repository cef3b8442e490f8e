//! The client/server protocol, both roles, without IO.
#![forbid(unsafe_code)]
