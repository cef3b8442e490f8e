//! The structure of a binlog.
#![forbid(unsafe_code)]
