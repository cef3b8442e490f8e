//! Accounts of every kind, by TCP and by the socket.

use std::time::Duration;

use binlogd_client::wire::ErrorCode;
use binlogd_client::wire::auth::AuthError;
use binlogd_client::{ClientError, ConnectOptions, Connection, SslMode};
use testkit::ports::PortLease;
use tokio::net::TcpListener;

use crate::support::{MYSQL, by_plain_tcp, by_socket, by_tcp, create_user};

async fn logs_in(options: &ConnectOptions) {
    let mut connection = Connection::connect(options).await.unwrap();
    let user = connection.scalar("select current_user()").await.unwrap().unwrap();
    assert_eq!(user.split('@').next(), Some(options.user_name()));
    connection.quit().await.unwrap();
}

fn needs_public_key(result: Result<Connection, ClientError>) {
    let error = result.err().unwrap();
    assert!(
        matches!(error, ClientError::Auth { error: AuthError::PublicKeyRequired, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("get-server-public-key=true"), "{error}");
}

#[tokio::test]
async fn caching_sha2_is_full_by_rsa_the_first_time_and_fast_the_second() {
    let user = create_user(&MYSQL, "caching_sha2_password", "pässwörd", "");
    let without_key = by_plain_tcp(&MYSQL).user(&user).password("pässwörd");
    let options = without_key.clone().fetch_public_key(true);

    needs_public_key(Connection::connect(&without_key).await);
    logs_in(&options).await;
    // The server knows the digest now, and asks for no password.
    logs_in(&without_key).await;
}

#[tokio::test]
async fn a_pinned_public_key_needs_not_be_fetched() {
    let user = create_user(&MYSQL, "caching_sha2_password", "secret", "");
    let options = by_plain_tcp(&MYSQL).user(&user).password("secret");

    needs_public_key(Connection::connect(&options).await);
    logs_in(&options.clone().public_key_path(MYSQL.datadir().join("public_key.pem"))).await;

    let wrong = options.public_key_path(MYSQL.datadir().join("ca.pem"));
    let error = Connection::connect(&wrong).await.unwrap_err();
    assert!(error.to_string().starts_with("server-public-key-path "), "{error}");
}

#[tokio::test]
async fn the_socket_takes_a_password_as_it_is() {
    let user = create_user(&MYSQL, "caching_sha2_password", "secret", "");
    let options = by_socket(&MYSQL).user(&user).password("secret");
    logs_in(&options).await;
    logs_in(&by_socket(&MYSQL)).await;
}

#[tokio::test]
async fn tls_takes_a_password_as_it_is() {
    let user = create_user(&MYSQL, "caching_sha2_password", "secret", "require ssl");
    let options = by_plain_tcp(&MYSQL).user(&user).password("secret");
    logs_in(&options.clone().ssl_mode(SslMode::Required)).await;

    let error = Connection::connect(&options).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ACCESS_DENIED));
    assert!(error.to_string().contains("whether it requires TLS"), "{error}");
}

#[tokio::test]
async fn sha256_password_is_switched_to() {
    let user = create_user(&MYSQL, "sha256_password", "secret", "");
    let options = by_plain_tcp(&MYSQL).user(&user).password("secret");
    logs_in(&options.clone().fetch_public_key(true)).await;
    logs_in(&options.clone().ssl_mode(SslMode::Required)).await;
    logs_in(&options.clone().public_key_path(MYSQL.datadir().join("public_key.pem"))).await;
    needs_public_key(Connection::connect(&options).await);
}

#[tokio::test]
async fn accounts_without_password_are_entered_by_all_ways() {
    for plugin in ["caching_sha2_password", "sha256_password"] {
        let user = create_user(&MYSQL, plugin, "", "");
        logs_in(&by_tcp(&MYSQL).user(&user).password("")).await;
        logs_in(&by_socket(&MYSQL).user(&user)).await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_denied_with_advice() {
    for plugin in ["caching_sha2_password", "sha256_password"] {
        let user = create_user(&MYSQL, plugin, "secret", "");
        for password in ["wrong", ""] {
            let options = by_tcp(&MYSQL).user(&user).password(password);
            let error = Connection::connect(&options).await.unwrap_err();
            assert_eq!(error.code(), Some(ErrorCode::ACCESS_DENIED));
            assert!(error.to_string().contains("check user, password"), "{error}");
        }
    }
    let error = Connection::connect(&by_tcp(&MYSQL).user("nobody")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ACCESS_DENIED));
}

#[tokio::test]
async fn the_database_is_chosen_on_the_way() {
    let options = by_tcp(&MYSQL).database("mysql");
    let mut connection = Connection::connect(&options).await.unwrap();
    assert_eq!(connection.scalar("select database()").await.unwrap().unwrap(), "mysql");

    let error = Connection::connect(&options.database("nowhere")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::BAD_DB));
}

#[tokio::test]
async fn a_connection_knows_its_server() {
    let mut connection = Connection::connect(&by_tcp(&MYSQL)).await.unwrap();
    assert!(connection.server_version().number() >= (9, 0, 0));
    assert!(!connection.server_version().is_mariadb());
    let id = connection.scalar("select connection_id()").await.unwrap().unwrap();
    assert_eq!(id, connection.id().to_string());
    assert!(!connection.is_tls());
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let lease = PortLease::take().unwrap();
    let options = ConnectOptions::new("127.0.0.1").port(lease.port());
    let error = Connection::connect(&options).await.unwrap_err().to_string();
    let start = format!("cannot connect to 127.0.0.1:{}: ", lease.port());
    assert!(error.starts_with(&start), "{error}");
    assert!(error.ends_with("does the server run and listen there?"), "{error}");

    let options = ConnectOptions::default().socket("/nowhere/mysqld.sock");
    let error = Connection::connect(&options).await.unwrap_err().to_string();
    assert!(error.ends_with("is it the right socket path?"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_greets_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let options =
        ConnectOptions::new("127.0.0.1").port(port).connect_timeout(Duration::from_millis(50));
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(matches!(error, ClientError::ConnectTimeout { .. }), "{error}");
    assert!(error.to_string().contains("within 0.05 s"), "{error}");
}
