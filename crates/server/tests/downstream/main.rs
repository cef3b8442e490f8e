//! The side that replicas and clients talk to, over real sockets: our own client, hostile bytes, and
//! the clients of real servers. The stream behind it is a fake.

mod hostile;
mod login;
mod real_clients;
mod real_replicas;
mod sessions;
mod support;
