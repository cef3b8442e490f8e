//! Every ssl-mode, with certificates that the server made for itself and with better ones.

use std::sync::LazyLock;

use binlogd_client::wire::ErrorCode;
use binlogd_client::{ClientError, ConnectOptions, Connection, SslMode};
use testkit::{Flavour, Pki, Server};

use crate::support::{MYSQL, by_socket, by_tcp, create_user};

static PKI: LazyLock<Pki> = LazyLock::new(|| Pki::new().unwrap());

/// A server whose certificate is for localhost.
static CERTIFIED: LazyLock<Server> =
    LazyLock::new(|| Server::builder(Flavour::Mysql97).tls(&PKI).start().unwrap());

/// Connects; whether it is by TLS, as both sides see it.
async fn is_encrypted(options: &ConnectOptions) -> bool {
    let mut connection = Connection::connect(options).await.unwrap();
    let row = connection.query_first("show status like 'Ssl_cipher'").await.unwrap().unwrap();
    let cipher = row.text(1).unwrap();
    assert_eq!(connection.is_tls(), !cipher.is_empty(), "{cipher:?}");
    connection.is_tls()
}

async fn refusal(options: &ConnectOptions) -> String {
    match Connection::connect(options).await {
        Err(error @ ClientError::Tls { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn modes_that_check_nothing_take_a_home_made_certificate() {
    let options = by_tcp(&MYSQL);
    assert!(!is_encrypted(&options.clone().ssl_mode(SslMode::Disabled)).await);
    assert!(is_encrypted(&options.clone().ssl_mode(SslMode::Preferred)).await);
    assert!(is_encrypted(&options.clone().ssl_mode(SslMode::Required)).await);
}

#[tokio::test]
async fn verify_ca_takes_the_servers_own_authority_whatever_the_name() {
    let options = by_tcp(&MYSQL).ssl_ca(MYSQL.datadir().join("ca.pem"));
    assert!(is_encrypted(&options.clone().ssl_mode(SslMode::VerifyCa)).await);

    let error = refusal(&options.ssl_mode(SslMode::VerifyIdentity)).await;
    assert!(error.contains("the certificate is for another host"), "{error}");
}

#[tokio::test]
async fn another_authority_is_not_trusted() {
    for mode in [SslMode::VerifyCa, SslMode::VerifyIdentity] {
        let options = by_tcp(&MYSQL).ssl_ca(PKI.ca()).ssl_mode(mode);
        let error = refusal(&options).await;
        assert!(error.contains("ssl-ca must name the authority"), "{mode:?}: {error}");
        // Nor is it without any authority named: the system's do not know it.
        if let Err(error) = Connection::connect(&by_tcp(&MYSQL).ssl_mode(mode)).await {
            assert!(error.to_string().contains("ssl-ca"), "{error}");
        } else {
            panic!("trusted by the system");
        }
    }
}

#[tokio::test]
async fn verify_identity_takes_a_certificate_for_this_host() {
    let options = by_tcp(&CERTIFIED).ssl_ca(PKI.ca());
    assert!(is_encrypted(&options.clone().ssl_mode(SslMode::VerifyIdentity)).await);
    assert!(is_encrypted(&options.ssl_mode(SslMode::VerifyCa)).await);
    let by_name = ConnectOptions::new("localhost")
        .port(CERTIFIED.port())
        .user("repl")
        .password("repl")
        .ssl_ca(PKI.ca())
        .ssl_mode(SslMode::VerifyIdentity);
    assert!(is_encrypted(&by_name).await);
}

#[tokio::test]
async fn a_client_certificate_opens_an_account_that_requires_one() {
    let user = create_user(&CERTIFIED, "caching_sha2_password", "secret", "require x509");
    let options = by_tcp(&CERTIFIED).user(&user).password("secret").ssl_mode(SslMode::Required);
    let with_certificate = options.clone().ssl_cert_and_key(PKI.client_cert(), PKI.client_key());
    assert!(is_encrypted(&with_certificate).await);

    let error = Connection::connect(&options).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ACCESS_DENIED));
    assert!(error.to_string().contains("client certificate"), "{error}");
}

#[tokio::test]
async fn a_client_certificate_of_another_authority_is_refused_by_the_server() {
    let foreign = Pki::new().unwrap();
    let options = by_tcp(&CERTIFIED)
        .ssl_mode(SslMode::Required)
        .ssl_cert_and_key(foreign.client_cert(), foreign.client_key());
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(matches!(error, ClientError::Tls { .. } | ClientError::Closed { .. }), "{error}");
}

#[tokio::test]
async fn a_socket_uses_tls_only_if_it_is_required() {
    let options = by_socket(&MYSQL);
    assert!(!is_encrypted(&options.clone().ssl_mode(SslMode::Preferred)).await);
    assert!(is_encrypted(&options.ssl_mode(SslMode::Required)).await);
}

#[tokio::test]
async fn a_server_without_tls_is_refused_unless_tls_is_only_preferred() {
    let server = Server::builder(Flavour::Mysql97).arg("--tls-version=").start().unwrap();
    assert!(!is_encrypted(&by_tcp(&server).ssl_mode(SslMode::Preferred)).await);
    for mode in [SslMode::Required, SslMode::VerifyCa] {
        let options = by_tcp(&server).ssl_mode(mode).ssl_ca(PKI.ca());
        let error = Connection::connect(&options).await.unwrap_err();
        assert!(matches!(error, ClientError::TlsNotOffered { .. }), "{error}");
    }
}

#[tokio::test]
async fn unusable_files_are_named_before_anything_is_sent() {
    // Nobody listens there.
    let options = ConnectOptions::new("127.0.0.1").port(1).ssl_mode(SslMode::VerifyCa);
    let message = |options: ConnectOptions| async move {
        Connection::connect(&options).await.unwrap_err().to_string()
    };
    let error = message(options.clone().ssl_ca("/nowhere/ca.pem")).await;
    assert!(error.starts_with("ssl-ca /nowhere/ca.pem: "), "{error}");
    let error = message(options.clone().ssl_ca(PKI.client_key())).await;
    assert!(error.ends_with("holds a private key and no certificate"), "{error}");
    let options = options.ssl_ca(PKI.ca());
    let swapped = options.clone().ssl_cert_and_key(PKI.client_key(), PKI.client_cert());
    let error = message(swapped).await;
    assert!(error.contains("are ssl-cert and ssl-key swapped?"), "{error}");
    let no_key = options.clone().ssl_cert_and_key(PKI.client_cert(), PKI.client_cert());
    let error = message(no_key).await;
    assert!(error.contains("are ssl-cert and ssl-key swapped?"), "{error}");
    let error =
        message(options.clone().ssl_cert_and_key(PKI.client_cert(), "/nowhere/key.pem")).await;
    assert!(error.starts_with("ssl-key /nowhere/key.pem: "), "{error}");
    let error = message(options.ssl_cert_and_key(PKI.client_cert(), PKI.server_key())).await;
    assert!(error.starts_with("ssl-cert "), "key of another certificate: {error}");
    let mut options = ConnectOptions::default().ssl_mode(SslMode::Required);
    options.set("ssl-cert", "/nowhere/cert.pem").unwrap();
    assert!(message(options).await.contains("go together"));
}
