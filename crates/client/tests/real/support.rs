//! The server that most tests share, and ways to it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use binlogd_client::{ConnectOptions, Connection, SslMode};
use testkit::{Flavour, Server};

/// A MySQL 9.7 that all tests share that do not change it.
pub(crate) static MYSQL: LazyLock<Server> =
    LazyLock::new(|| Server::start_new(Flavour::Mysql97).unwrap());

/// To a server by TCP, without TLS, trusting its RSA key.
pub(crate) fn by_tcp(server: &Server) -> ConnectOptions {
    by_plain_tcp(server).fetch_public_key(true)
}

/// To a server by TCP, without TLS.
pub(crate) fn by_plain_tcp(server: &Server) -> ConnectOptions {
    let endpoint = server.endpoint();
    ConnectOptions::new(endpoint.host)
        .port(endpoint.port)
        .user(endpoint.user)
        .password(endpoint.password)
        .ssl_mode(SslMode::Disabled)
}

/// To a server by its socket, as root.
pub(crate) fn by_socket(server: &Server) -> ConnectOptions {
    ConnectOptions::default().socket(server.socket())
}

/// Connects by the socket, as root.
pub(crate) async fn connect(server: &Server) -> Connection {
    Connection::connect(&by_socket(server)).await.unwrap()
}

/// A name that no other test in this process uses.
pub(crate) fn fresh_name(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{stem}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A new account with this password, authenticated by `plugin`, and what else it requires.
pub(crate) fn create_user(server: &Server, plugin: &str, password: &str, require: &str) -> String {
    let user = fresh_name("user");
    server
        .sql(&format!(
            "create user {user} identified with {plugin} by '{password}' {require};
             grant all on *.* to {user}"
        ))
        .unwrap();
    user
}
