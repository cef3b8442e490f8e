//! Who gets in, and how.

use binlogd_client::{Connection, SslMode};
use binlogd_wire::auth::{CACHING_SHA2_PASSWORD, CLIENT_ED25519, MYSQL_NATIVE_PASSWORD, native};
use binlogd_wire::handshake::{AuthSwitchRequest, Greeting, HandshakeResponse};
use binlogd_wire::{Capabilities, ServerError};
use testkit::Pki;

use crate::raw::{CAPABILITIES, Raw};
use crate::support::{Fixture, Setup, code};

#[tokio::test]
async fn every_way_to_prove_a_password_is_taken() {
    let fixture = Fixture::start().await;
    let tcp = |user: &str, password: &str| fixture.options(user, password);
    let ca = fixture.tls_dir.join("ca.pem");
    let ways = [
        // The password is configured: the fast proof, and the native one where the client prefers it.
        tcp("repl", "repl"),
        // A native hash is configured: RSA, then the fast proof.
        tcp("native", "repl"),
        tcp("native", "repl"),
        tcp("open", ""),
        tcp("strict", "strict"),
        tcp("tls", "tls").ssl_mode(SslMode::Required),
        tcp("repl", "repl").ssl_mode(SslMode::VerifyCa).ssl_ca(&ca),
        tcp("native", "repl").ssl_mode(SslMode::VerifyIdentity).ssl_ca(&ca),
        tcp("repl", "repl").socket(&fixture.socket),
        tcp("tls", "tls").socket(&fixture.socket),
        tcp("repl", "repl").socket(&fixture.socket).ssl_mode(SslMode::Required),
    ];
    for options in ways {
        let mut connection = Connection::connect(&options)
            .await
            .unwrap_or_else(|error| panic!("{options:?}: {error}"));
        connection.ping().await.unwrap();
        let user = connection.scalar("SELECT CURRENT_USER()").await.unwrap().unwrap();
        assert_eq!(user, format!("{}@%", options.user_name()));
        connection.quit().await.unwrap();
    }
    fixture.all_gone().await;
}

#[tokio::test]
async fn who_has_no_right_password_is_denied_alike() {
    let limits = "login_delay_max_s = 0";
    let fixture = Fixture::with(Setup { limits, ..Setup::default() }).await;
    let connect = |user: &str, password: &str, mode| {
        let options = fixture.options(user, password).ssl_mode(mode);
        async move { Connection::connect(&options).await }
    };
    for mode in [SslMode::Disabled, SslMode::Required] {
        for (user, password) in [
            ("repl", "wrong"),
            ("native", "wrong"),
            ("signs", "wrong"),
            ("unknown", "x"),
            ("open", "x"),
        ] {
            let error = connect(user, password, mode).await.unwrap_err();
            let said = format!("Access denied for user '{user}'@'127.0.0.1' (using password: YES)");
            assert!(error.to_string().contains(&said), "{error}");
            assert_eq!(code::<()>(Err(error)), 1045);
        }
        let error = connect("repl", "", mode).await.unwrap_err().to_string();
        assert!(error.contains("(using password: NO)"), "{error}");
        connect("signs", "signs", mode).await.unwrap();
    }
    assert_eq!(code(connect("tls", "tls", SslMode::Disabled).await), 1045);
    connect("tls", "tls", SslMode::Required).await.unwrap();
}

#[tokio::test]
async fn a_weaker_proof_than_the_account_wants_is_not_taken() {
    let fixture = Fixture::start().await;
    // Of all whom that does not prove the same is asked for first, or the answer would show what account
    // each has.
    for (user, asked_for) in
        [("strict", Some(CLIENT_ED25519)), ("signs", Some(CLIENT_ED25519)), ("repl", None)]
    {
        let (mut raw, greeting) = Raw::greeted(&fixture).await;
        let response = native::respond(user.as_bytes(), &greeting.scramble);
        raw.send(1, &claim(&greeting, user, MYSQL_NATIVE_PASSWORD, &response)).await;
        let (_, answer) = raw.packet().await.unwrap();
        let asked = AuthSwitchRequest::parse(&answer).ok().map(|request| request.plugin);
        assert_eq!(asked, asked_for, "{}", answer.escape_ascii());
        assert!(asked.is_some() || answer[0] == 0, "{}", answer.escape_ascii());
    }
}

/// A handshake response of a user who claims to prove a password.
fn claim(greeting: &Greeting, user: &str, plugin: &str, response: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    HandshakeResponse {
        capabilities: CAPABILITIES.with(Capabilities::PLUGIN_AUTH),
        max_packet: 1 << 24,
        charset: greeting.charset,
        user,
        auth_response: response,
        database: None,
        auth_plugin: Some(plugin),
        attributes: Default::default(),
        zstd_level: None,
    }
    .encode(&mut payload);
    payload
}

/// What somebody sees who knows no password: the plugins that are asked for, and the last error.
async fn course(fixture: &Fixture, user: &str, plugin: &str, response: &[u8]) -> Vec<String> {
    let (mut raw, greeting) = Raw::greeted(fixture).await;
    raw.send(1, &claim(&greeting, user, plugin, response)).await;
    let mut seen = Vec::new();
    while let Some((sequence, answer)) = raw.packet().await {
        let (shown, reply) = match answer.first() {
            Some(0xff) => {
                let error = ServerError::parse(&answer).unwrap();
                (error.to_string().replace(user, "USER"), None)
            }
            Some(0xfe) => {
                let asked = AuthSwitchRequest::parse(&answer).unwrap();
                let proof_len = match asked.plugin {
                    MYSQL_NATIVE_PASSWORD => 20,
                    CLIENT_ED25519 => 64,
                    _ => 32,
                };
                (format!("{} {}", asked.plugin, asked.data.len()), Some(vec![7; proof_len]))
            }
            // The password is asked for; then comes the key for it.
            _ if answer == b"\x01\x04" => ("full".to_owned(), Some(vec![2])),
            first => (format!("{first:?} {}", answer.len()), Some(vec![7; 256])),
        };
        seen.push(shown);
        let Some(reply) = reply else { break };
        raw.send(sequence + 1, &reply).await;
    }
    seen
}

#[tokio::test]
async fn answers_do_not_show_which_accounts_exist() {
    let limits = "login_delay_max_s = 0\nlogin_failures_max = 0";
    for version in ["9.7.4", "11.8.3-MariaDB-log"] {
        let fixture = Fixture::with(Setup { limits, version, ..Setup::default() }).await;
        for (plugin, len) in [
            (CACHING_SHA2_PASSWORD, 32),
            (CACHING_SHA2_PASSWORD, 0),
            (MYSQL_NATIVE_PASSWORD, 20),
            (MYSQL_NATIVE_PASSWORD, 0),
            (CLIENT_ED25519, 64),
            (CLIENT_ED25519, 0),
            ("dialog", 0),
        ] {
            let response = vec![7; len];
            let unknown = course(&fixture, "unknown", plugin, &response).await;
            assert!(unknown.last().unwrap().starts_with("ERROR 1045"), "{unknown:?}");
            for user in ["repl", "native", "tls", "strict", "signs"] {
                let known = course(&fixture, user, plugin, &response).await;
                assert_eq!(known, unknown, "{user} by {plugin} with {len} bytes");
            }
            if len > 0 {
                assert_eq!(course(&fixture, "open", plugin, &response).await, unknown);
            }
        }
    }
}

#[tokio::test]
async fn a_client_ca_asks_tcp_clients_for_their_certificate() {
    let pki = Pki::new().unwrap();
    let tls = format!(
        "cert = '{}'\nkey = '{}'\nclient_ca = '{}'",
        pki.server_cert().display(),
        pki.server_key().display(),
        pki.ca().display()
    );
    let fixture = Fixture::with(Setup { tls, ..Setup::default() }).await;
    let plain = fixture.options("repl", "repl");
    let tls = plain.clone().ssl_mode(SslMode::VerifyIdentity).ssl_ca(pki.ca());
    assert_eq!(code(Connection::connect(&plain).await), 3159);
    Connection::connect(&tls).await.unwrap_err();
    let with_certificate = tls.clone().ssl_cert_and_key(pki.client_cert(), pki.client_key());
    let mut connection = Connection::connect(&with_certificate).await.unwrap();
    let version = connection.query_first("SHOW STATUS LIKE 'Ssl_version'").await.unwrap().unwrap();
    assert_eq!(version.text(1).unwrap(), "TLSv1.3");
    let required = connection.scalar("SELECT @@require_secure_transport").await.unwrap();
    assert_eq!(required.as_deref(), Some("1"));
    // Another authority's certificate is none.
    let stranger = Pki::new().unwrap();
    let other = tls.ssl_cert_and_key(stranger.client_cert(), stranger.client_key());
    Connection::connect(&other).await.unwrap_err();
    // A unix socket is as good.
    Connection::connect(&plain.socket(&fixture.socket)).await.unwrap();
}

#[tokio::test]
async fn a_certificate_can_be_a_matter_of_the_account() {
    let pki = Pki::new().unwrap();
    let tls = format!(
        "cert = '{}'\nkey = '{}'\nclient_ca = '{}'\nclient_cert = 'optional'",
        pki.server_cert().display(),
        pki.server_key().display(),
        pki.ca().display()
    );
    let users = "[[stream.user]]\nname = 'cert'\npassword = 'cert'\nrequire_client_cert = true";
    let fixture = Fixture::with(Setup { tls, users, ..Setup::default() }).await;
    let tls =
        |user: &str| fixture.options(user, user).ssl_mode(SslMode::VerifyIdentity).ssl_ca(pki.ca());
    Connection::connect(&fixture.options("repl", "repl")).await.unwrap();
    Connection::connect(&tls("repl")).await.unwrap();
    assert_eq!(code(Connection::connect(&fixture.options("cert", "cert")).await), 1045);
    assert_eq!(code(Connection::connect(&tls("cert")).await), 1045);
    let shown = tls("cert").ssl_cert_and_key(pki.client_cert(), pki.client_key());
    Connection::connect(&shown).await.unwrap();
    // A certificate that is shown is checked, also where none is asked for.
    let stranger = Pki::new().unwrap();
    let other = tls("repl").ssl_cert_and_key(stranger.client_cert(), stranger.client_key());
    Connection::connect(&other).await.unwrap_err();
}

#[tokio::test]
async fn tls_can_be_demanded_of_all() {
    let tls = "required = true".to_owned();
    let fixture = Fixture::with(Setup { tls, ..Setup::default() }).await;
    let plain = fixture.options("repl", "repl");
    assert_eq!(code(Connection::connect(&plain).await), 3159);
    Connection::connect(&plain.clone().ssl_mode(SslMode::Required)).await.unwrap();
    Connection::connect(&plain.socket(&fixture.socket)).await.unwrap();
}

#[tokio::test]
async fn accounts_and_addresses_have_limits() {
    let limits = "connections_per_user_max = 2\nconnections_per_address_max = 6";
    let users = "[[stream.user]]\nname = 'one'\npassword = 'one'\nconnections_max = 1";
    let fixture = Fixture::with(Setup { limits, users, ..Setup::default() }).await;
    let connect = |user: &str| {
        let options = fixture.options(user, user);
        async move { Connection::connect(&options).await }
    };
    let _one = connect("one").await.unwrap();
    let error = connect("one").await.unwrap_err().to_string();
    let said = "User 'one' has exceeded the 'max_user_connections' resource (current value: 1)";
    assert!(error.contains("1226") && error.contains(said), "{error}");
    let _repl = (connect("repl").await.unwrap(), connect("repl").await.unwrap());
    let error = connect("repl").await.unwrap_err().to_string();
    let said = "User repl already has more than 'max_user_connections' active connections";
    assert!(error.contains("1203") && error.contains(said), "{error}");
    let mut admin = connect("admin").await.unwrap();
    // Who was refused is gone before others count.
    while fixture.registry.len() > 4 {
        tokio::task::yield_now().await;
    }
    let _more = (connect("admin").await.unwrap(), connect("nobody").await.unwrap());
    assert_eq!(code(connect("nobody").await), 1040);
    admin.ping().await.unwrap();
}

#[tokio::test]
async fn who_guesses_passwords_is_blocked_until_forgiven() {
    let limits = "login_delay_max_s = 0\nlogin_failures_max = 4";
    let fixture = Fixture::with(Setup { limits, ..Setup::default() }).await;
    let connect = |password: &str| {
        let options = fixture.options("repl", password);
        async move { Connection::connect(&options).await }
    };
    let mut admin = fixture.connect("admin").await;
    for _ in 0..3 {
        assert_eq!(code(connect("guess").await), 1045);
    }
    connect("repl").await.unwrap();
    for _ in 0..4 {
        assert_eq!(code(connect("guess").await), 1045, "counted anew");
    }
    let error = connect("repl").await.unwrap_err().to_string();
    assert!(error.contains("1129") && error.contains("Host '127.0.0.1' is blocked"), "{error}");
    admin.ping().await.unwrap();
    admin.execute("FLUSH HOSTS").await.unwrap();
    connect("repl").await.unwrap();
}

#[tokio::test]
async fn the_greeting_presents_the_upstreams_version() {
    for version in ["9.7.4", "5.6.24-log", "11.8.3-MariaDB-log"] {
        let fixture = Fixture::with(Setup { version, ..Setup::default() }).await;
        let mut connection = fixture.connect("repl").await;
        let selected = connection.scalar("SELECT VERSION()").await.unwrap();
        assert_eq!(selected.as_deref(), Some(version));
    }
}

#[tokio::test]
async fn there_is_room_for_so_many_and_no_more() {
    let limits = "connections_max = 2";
    let fixture = Fixture::with(Setup { limits, ..Setup::default() }).await;
    let first = fixture.connect("repl").await;
    let _second = fixture.connect("repl").await;
    let third = Connection::connect(&fixture.options("repl", "repl")).await;
    assert_eq!(code(third), 1040);
    first.quit().await.unwrap();
    while fixture.registry.len() > 1 {
        tokio::task::yield_now().await;
    }
    fixture.connect("repl").await;
}
