use std::sync::{Arc, LazyLock};

use super::*;
use crate::handshake::{AuthSwitchRequest, Scramble};

static RSA: LazyLock<Arc<LazyRsaKey>> = LazyLock::new(Arc::default);

const SCRAMBLE: Scramble = Scramble(*b"abcdefghijklmnopqrst");

/// The channel between the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Secure,
    /// Not secure; the server has an RSA key and the client may ask for it.
    Rsa,
    /// Not secure, and the server has no RSA key.
    Plain,
}

const CHANNELS: [Channel; 3] = [Channel::Secure, Channel::Rsa, Channel::Plain];
const PLUGINS: [&str; 3] = [CACHING_SHA2_PASSWORD, MYSQL_NATIVE_PASSWORD, SHA256_PASSWORD];

/// A login of both machines, at a server that has this account alone. Returns the payloads the server
/// sent, and the server's machine if it let the client in.
fn login(
    credential: &Credential,
    password: &str,
    plugin: &str,
    channel: Channel,
) -> (Vec<Vec<u8>>, Option<ServerAuth>) {
    login_among(&AccountKinds::of([credential]), credential, password, plugin, channel)
}

fn login_among(
    kinds: &AccountKinds,
    credential: &Credential,
    password: &str,
    plugin: &str,
    channel: Channel,
) -> (Vec<Vec<u8>>, Option<ServerAuth>) {
    let secure = channel == Channel::Secure;
    let rsa_key = (channel == Channel::Rsa).then(|| Arc::clone(&RSA));
    let mut server = ServerAuth::new(ServerAuthOptions {
        credential: credential.clone(),
        kinds: kinds.clone(),
        scramble: SCRAMBLE,
        secure,
        rsa_key,
    });
    let options =
        ClientAuthOptions { secure, fetch_public_key: true, ..ClientAuthOptions::default() };
    let mut client = ClientAuth::new(options, password.as_bytes(), plugin, SCRAMBLE);

    let (name, data) = client.response().unwrap();
    let mut reply = server.start(Some(name), &data, plugin);
    let mut sent = Vec::new();
    loop {
        let step = reply.payload.as_ref().map(|payload| client.on_payload(payload).unwrap());
        sent.extend(reply.payload);
        match (reply.outcome, step) {
            (Outcome::Accepted, None | Some(ClientStep::Read)) => {
                assert_eq!(client.on_payload(b"\x00\0\0\x02\0\0\0"), Ok(ClientStep::Done));
                return (sent, Some(server));
            }
            (Outcome::Denied, None) => return (sent, None),
            (Outcome::Continue, Some(ClientStep::Send(data))) => reply = server.on_payload(&data),
            other => panic!("{other:?}"),
        }
    }
}

fn stored_native(password: &str) -> Credential {
    let hex = native::hash(password.as_bytes()).map(|b| format!("{b:02X}")).concat();
    Credential::from_stored(format!("*{hex}").as_bytes()).unwrap()
}

fn stored_crypt(password: &str) -> Credential {
    Credential::from_stored(&CryptHash::generate(password.as_bytes()).stored()).unwrap()
}

#[test]
fn the_right_password_gets_in_and_no_other_whatever_is_stored_and_asked() {
    for credential in
        [Credential::from_password("secret"), stored_native("secret"), stored_crypt("secret")]
    {
        for plugin in PLUGINS {
            for channel in CHANNELS {
                let case = format!("{credential:?} {plugin} {channel:?}");
                let (_, accepted) = login(&credential, "secret", plugin, channel);
                let provable = !(matches!(credential.kind, credential::Kind::Crypt(_))
                    && channel == Channel::Plain);
                // The client cannot do sha256_password on a plain channel either: no key is given.
                assert_eq!(accepted.is_some(), provable, "{case}");
                for wrong in ["Secret", "secret2", ""] {
                    assert!(login(&credential, wrong, plugin, channel).1.is_none(), "{case}");
                }
            }
        }
    }
}

#[test]
fn an_account_without_password_takes_none() {
    let credential = Credential::from_password("");
    for plugin in PLUGINS {
        for channel in CHANNELS {
            assert!(login(&credential, "", plugin, channel).1.is_some(), "{plugin} {channel:?}");
            assert!(login(&credential, "x", plugin, channel).1.is_none(), "{plugin} {channel:?}");
            let kinds = AccountKinds::of([&credential]);
            let nobody = Credential::nobody();
            assert!(login_among(&kinds, &nobody, "", plugin, channel).1.is_none(), "nobody");
        }
    }
}

#[test]
fn the_second_login_is_the_fast_one() {
    for stored in [stored_crypt("secret"), stored_native("secret")] {
        for channel in [Channel::Secure, Channel::Rsa] {
            let (sent, server) = login(&stored, "secret", CACHING_SHA2_PASSWORD, channel);
            assert_eq!(sent[0], b"\x01\x04", "full");
            let learned = server.unwrap().learned().unwrap();
            assert_eq!(learned, sha2::digest(b"secret"));

            let cached = stored.clone().with_learned(learned);
            let (sent, server) = login(&cached, "secret", CACHING_SHA2_PASSWORD, channel);
            assert_eq!(sent, [b"\x01\x03"], "fast");
            assert_eq!(server.unwrap().learned(), None);
            assert!(login(&cached, "wrong", CACHING_SHA2_PASSWORD, channel).1.is_none());
            // A wrong password is asked for in full, as before it was learned.
            let (sent, _) = login(&cached, "x", CACHING_SHA2_PASSWORD, channel);
            assert_eq!(sent[0], b"\x01\x04", "full");
        }
    }
}

fn stored_key(password: &str) -> Credential {
    let key = ed25519::PublicKey::of_password(password.as_bytes());
    Credential::from_stored(key.stored().as_bytes()).unwrap()
}

/// One of each kind of account, all with the same password.
fn accounts() -> Vec<Credential> {
    vec![
        Credential::from_password("secret"),
        Credential::from_password("secret").without_native(),
        stored_native("secret"),
        stored_crypt("secret"),
        stored_crypt("secret").with_learned(sha2::digest(b"secret")),
        stored_key("secret"),
        Credential::from_password(""),
    ]
}

#[test]
fn a_failing_login_is_the_same_for_every_account_and_for_nobody() {
    let accounts = accounts();
    // One, two of them, and all.
    let pairs = (0..accounts.len()).flat_map(|a| (0..=a).map(move |b| vec![a, b]));
    for set in pairs.chain([(0..accounts.len()).collect()]) {
        let kinds = AccountKinds::of(set.iter().map(|i| &accounts[*i]));
        for plugin in PLUGINS {
            let shape = |credential: &Credential| {
                let (sent, accepted) =
                    login_among(&kinds, credential, "wrong", plugin, Channel::Secure);
                assert!(accepted.is_none());
                let plugin = |p: &[u8]| AuthSwitchRequest::parse(p).map(|r| r.plugin.to_owned());
                sent.iter().map(|p| (p[0], p.len(), plugin(p).ok())).collect::<Vec<_>>()
            };
            let nobody = shape(&Credential::nobody());
            for account in set.iter().map(|i| &accounts[*i]) {
                assert_eq!(shape(account), nobody, "{account:?} of {set:?} by {plugin}");
            }
            let (_, accepted) =
                login_among(&kinds, &Credential::nobody(), "secret", plugin, Channel::Secure);
            assert!(accepted.is_none(), "nobody");
        }
    }
}

#[test]
fn every_account_can_log_in_beside_every_other() {
    let accounts = accounts();
    let (_, with_password) = accounts.split_last().unwrap();
    for other in &accounts {
        for account in with_password {
            let kinds = AccountKinds::of([account, other]);
            for plugin in PLUGINS {
                for channel in [Channel::Secure, Channel::Rsa] {
                    let (_, accepted) = login_among(&kinds, account, "secret", plugin, channel);
                    assert!(accepted.is_some(), "{account:?} beside {other:?} by {plugin}");
                }
            }
        }
    }
}

#[test]
fn the_work_of_a_failing_login_is_that_of_the_slowest_account() {
    let kinds = AccountKinds::of(&accounts());
    assert_eq!((kinds.rounds, kinds.key.is_some()), (5000, true));
    assert_eq!(Credential::nobody().rounds(), 0, "the difference is made up for");
}

fn server(credential: Credential, secure: bool) -> ServerAuth {
    let rsa_key = Some(Arc::clone(&RSA));
    let kinds = AccountKinds::of([&credential]);
    ServerAuth::new(ServerAuthOptions { credential, kinds, scramble: SCRAMBLE, secure, rsa_key })
}

#[test]
fn a_client_with_an_unknown_plugin_is_switched_once() {
    let mut auth = server(Credential::from_password("secret"), false);
    let reply = auth.start(Some("dialog"), b"whatever", MYSQL_NATIVE_PASSWORD);
    let payload = reply.payload.unwrap();
    let request = AuthSwitchRequest::parse(&payload).unwrap();
    assert_eq!(request.plugin, CACHING_SHA2_PASSWORD);
    assert_ne!(request.data, SCRAMBLE.0, "a fresh scramble");
    let scramble = Scramble::from_slice(request.data).unwrap();
    let reply = auth.on_payload(&sha2::respond(b"secret", &scramble));
    assert_eq!(
        reply,
        ServerReply { payload: Some(b"\x01\x03".to_vec()), outcome: Outcome::Accepted }
    );
}

#[test]
fn an_old_client_names_no_plugin() {
    let mut auth = server(Credential::from_password("secret"), false);
    let reply = auth.start(None, &native::respond(b"secret", &SCRAMBLE), MYSQL_NATIVE_PASSWORD);
    assert_eq!(reply.outcome, Outcome::Accepted);
    assert!(auth.used_password());
}

#[test]
fn nonsense_from_a_client_is_denied() {
    for secure in [false, true] {
        for payload in [&b""[..], b"\x02\x02", b"secret", &[7; 256], &[7; 10_000]] {
            let mut auth = server(stored_crypt("secret"), secure);
            let reply = auth.start(Some(CACHING_SHA2_PASSWORD), &[1; 32], CACHING_SHA2_PASSWORD);
            assert_eq!(reply.payload.unwrap(), b"\x01\x04");
            assert_eq!(auth.on_payload(payload).outcome, Outcome::Denied, "{payload:?}");
            assert_eq!(auth.on_payload(b"secret\0").outcome, Outcome::Denied, "it is over");
        }
    }
}

#[test]
fn a_client_whose_proof_does_not_fit_is_asked_for_its_password() {
    for (password, outcome) in
        [(&b"secret\0"[..], Outcome::Accepted), (b"other\0", Outcome::Denied)]
    {
        let mut auth = server(Credential::from_password("secret"), true);
        // 32 bytes, and another number of them.
        for proof in [&[1; 32][..], b"too short"] {
            let reply = auth.start(Some(CACHING_SHA2_PASSWORD), proof, CACHING_SHA2_PASSWORD);
            assert_eq!(reply.payload.unwrap(), b"\x01\x04");
        }
        assert_eq!(auth.on_payload(password).outcome, outcome);
    }
    // The password is not sent where others can read it.
    let credential = Credential::from_password("secret");
    let kinds = AccountKinds::of([&credential]);
    let (scramble, secure, rsa_key) = (SCRAMBLE, false, None);
    let mut auth =
        ServerAuth::new(ServerAuthOptions { credential, kinds, scramble, secure, rsa_key });
    let denied = auth.start(Some(CACHING_SHA2_PASSWORD), &[1; 32], CACHING_SHA2_PASSWORD);
    assert_eq!(denied, ServerReply { payload: None, outcome: Outcome::Denied });
}

#[test]
fn a_very_long_password_is_denied_without_hashing_it() {
    let long = "x".repeat(crypt::MAX_PASSWORD_LEN + 1);
    let credential = stored_crypt(&long);
    assert!(login(&credential, &long, CACHING_SHA2_PASSWORD, Channel::Secure).1.is_none());
}

fn client(options: ClientAuthOptions) -> ClientAuth {
    ClientAuth::new(options, b"secret", CACHING_SHA2_PASSWORD, SCRAMBLE)
}

#[test]
fn without_leave_the_client_asks_for_no_key() {
    let mut auth = client(ClientAuthOptions::default());
    assert_eq!(auth.on_payload(b"\x01\x04"), Err(AuthError::PublicKeyRequired));
}

#[test]
fn a_pinned_key_needs_no_request() {
    let public_key = Some(RsaPublicKey::from_pem(RSA.get().unwrap().public_key_pem()).unwrap());
    let mut auth = client(ClientAuthOptions { public_key, ..ClientAuthOptions::default() });
    let Ok(ClientStep::Send(encrypted)) = auth.on_payload(b"\x01\x04") else {
        panic!("the client should send its password")
    };
    assert_eq!(RSA.get().unwrap().decrypt_password(&encrypted, &SCRAMBLE).unwrap(), b"secret\0");

    let mut server = server(stored_crypt("secret"), false);
    server.start(Some(CACHING_SHA2_PASSWORD), &[1; 32], CACHING_SHA2_PASSWORD);
    assert_eq!(server.on_payload(&encrypted).outcome, Outcome::Accepted);
}

#[test]
fn the_clear_password_is_given_only_with_leave_and_on_a_secure_channel() {
    let request = b"\xfemysql_clear_password\0";
    for (secure, allow_clear_password) in [(false, false), (false, true), (true, false)] {
        let mut auth =
            client(ClientAuthOptions { secure, allow_clear_password, ..Default::default() });
        assert_eq!(auth.on_payload(request), Err(AuthError::ClearPasswordRefused));
    }
    let mut auth = client(ClientAuthOptions {
        secure: true,
        allow_clear_password: true,
        ..Default::default()
    });
    assert_eq!(auth.on_payload(request), Ok(ClientStep::Send(b"secret\0".to_vec())));
    // A greeting does not get it.
    let mut auth = ClientAuth::new(
        ClientAuthOptions { secure: true, allow_clear_password: true, ..Default::default() },
        b"secret",
        MYSQL_CLEAR_PASSWORD,
        SCRAMBLE,
    );
    assert_eq!(auth.response().unwrap().0, CACHING_SHA2_PASSWORD);
}

#[test]
fn nonsense_from_a_server_is_an_error() {
    let options = || ClientAuthOptions { fetch_public_key: true, ..Default::default() };
    let error = |payload: &[u8]| client(options()).on_payload(payload).unwrap_err();
    assert!(matches!(error(b""), AuthError::Wire(_)));
    assert!(matches!(error(b"\x07"), AuthError::Wire(_)));
    assert!(matches!(error(b"\x01\x05"), AuthError::Wire(_)));
    assert!(matches!(error(b"\xfe"), AuthError::Wire(_)), "the method of before 4.1");
    assert!(matches!(error(b"\xfemysql_native_password\0short"), AuthError::Wire(_)));
    assert_eq!(error(b"\xfedialog\0x"), AuthError::UnsupportedPlugin("dialog".to_owned()));
    assert!(matches!(error(b"\xff\x15\x04#28000no"), AuthError::Server(_)));

    let mut auth = client(options());
    assert_eq!(auth.on_payload(b"\x01\x04"), Ok(ClientStep::Send(b"\x02".to_vec())));
    assert_eq!(auth.on_payload(b"\x01no key"), Err(AuthError::Rsa(RsaError::BadKey)));

    let mut auth = client(options());
    let request = b"\xfemysql_native_password\0abcdefghijklmnopqrst\0";
    for _ in 0..8 {
        auth.on_payload(request).unwrap();
    }
    assert_eq!(auth.on_payload(request), Err(AuthError::TooManySwitches));
}

#[test]
fn stored_hashes_are_recognised() {
    let verify = |credential: &Credential, password: &[u8]| {
        credential.verify_password(password, &AccountKinds::default())
    };
    // PASSWORD('secret') on MySQL 5.6.
    let native = b"*14E65567ABDB5135D0CFD9A70B3032C179A49EE7";
    let credential = Credential::from_stored(native).unwrap();
    assert!(verify(&credential, b"secret"));
    assert!(!verify(&credential, b"Secret"));

    let crypt = CryptHash::generate(b"secret").stored();
    assert!(verify(&Credential::from_stored(&crypt).unwrap(), b"secret"));
    let hex = format!("0x{}", crypt.iter().map(|b| format!("{b:02X}")).collect::<String>());
    assert!(verify(&Credential::from_stored(hex.as_bytes()).unwrap(), b"secret"));

    for wrong in [&b""[..], b"secret", &native[..40], b"0x2", b"0xzz", b"*xyz"] {
        assert!(Credential::from_stored(wrong).is_err(), "{}", wrong.escape_ascii());
    }
    assert_eq!(format!("{credential:?}"), "Credential(mysql_native_password hash)");
}

#[test]
fn access_is_denied_in_mysqls_words() {
    assert_eq!(
        access_denied("repl", "127.0.0.1", true).to_string(),
        "ERROR 1045 (28000): Access denied for user 'repl'@'127.0.0.1' (using password: YES)"
    );
}

#[test]
fn an_account_of_which_only_the_key_is_known_wants_a_signature() {
    let stored = b"ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY";
    let credential = Credential::from_stored(stored).unwrap();
    for plugin in PLUGINS {
        for channel in CHANNELS {
            let (sent, accepted) = login(&credential, "secret", plugin, channel);
            assert!(accepted.is_some_and(|server| server.used_password()), "{plugin}");
            assert_eq!(AuthSwitchRequest::parse(&sent[0]).unwrap().plugin, CLIENT_ED25519);
            for wrong in ["Secret", ""] {
                assert!(login(&credential, wrong, plugin, channel).1.is_none(), "{plugin}");
            }
        }
    }
}
