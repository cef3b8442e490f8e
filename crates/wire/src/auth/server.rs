//! The server's side.

use std::fmt;
use std::sync::Arc;

use super::credential::Kind;
use super::sha2::Sha2Digest;
use super::{
    CACHING_SHA2_PASSWORD, CLIENT_ED25519, Credential, FAST_AUTH_OK, FULL_AUTH,
    MYSQL_NATIVE_PASSWORD, REQUEST_PUBLIC_KEY, RsaPrivateKey, SHA256_PASSWORD,
    SHA256_REQUEST_PUBLIC_KEY, ed25519, sha2,
};
use crate::error_code::ErrorCode;
use crate::handshake::{AuthMoreData, AuthSwitchRequest, Scramble, fill_random};
use crate::response::ServerError;

/// What a server brings along.
#[derive(Debug, Clone)]
pub struct ServerAuthOptions {
    /// What is known of the account's password. For an account that does not exist, a
    /// [`decoy`](Credential::decoy) of one that does.
    pub credential: Credential,
    /// The scramble of the greeting.
    pub scramble: Scramble,
    /// The channel is TLS or a unix socket: the client will send the password through it.
    pub secure: bool,
    /// The key for passwords through an insecure channel.
    pub rsa_key: Option<Arc<RsaPrivateKey>>,
}

/// Where authentication stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Read the client's next payload.
    Continue,
    /// The password is right: send OK.
    Accepted,
    /// It is not, or the client cannot prove it: send [`access_denied`].
    Denied,
}

/// What the server does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerReply {
    /// A payload to send first.
    pub payload: Option<Vec<u8>>,
    /// And then.
    pub outcome: Outcome,
}

/// The server's side of authentication.
///
/// The plugin and data of the handshake response (or of COM_CHANGE_USER) go into
/// [`start`](Self::start), every later payload into [`on_payload`](Self::on_payload), until the
/// outcome is not [`Outcome::Continue`].
pub struct ServerAuth {
    options: ServerAuthOptions,
    state: State,
    switched: bool,
    used_password: bool,
    learned: Option<Sha2Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing more is expected.
    Over,
    /// The client answers an AuthSwitchRequest for this plugin.
    Switched(Plugin),
    /// The client sends its password, or asks for the key by this byte.
    Password { key_request: u8 },
    /// The client was given the key and sends its password.
    Encrypted,
    /// The client signs this.
    Signature([u8; ed25519::NONCE_LEN]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plugin {
    CachingSha2,
    Native,
    Sha256,
}

impl ServerAuth {
    /// Authentication of one client.
    #[must_use]
    pub fn new(options: ServerAuthOptions) -> Self {
        Self { options, state: State::Over, switched: false, used_password: false, learned: None }
    }

    /// Takes the client's plugin, if it named one, and its data.
    pub fn start(&mut self, plugin: Option<&str>, response: &[u8]) -> ServerReply {
        if self.options.credential.wants_signature() {
            return self.ask_for_signature();
        }
        match plugin {
            None | Some("" | MYSQL_NATIVE_PASSWORD) => self.respond(Plugin::Native, response),
            Some(CACHING_SHA2_PASSWORD) => self.respond(Plugin::CachingSha2, response),
            Some(SHA256_PASSWORD) => self.respond(Plugin::Sha256, response),
            Some(_) => self.switch(),
        }
    }

    /// Takes the client's next payload.
    pub fn on_payload(&mut self, payload: &[u8]) -> ServerReply {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Over => denied(),
            State::Switched(plugin) => self.respond(plugin, payload),
            State::Password { key_request } => self.password(payload, key_request),
            State::Encrypted => self.encrypted(payload),
            State::Signature(nonce) => {
                self.used_password = true;
                self.verdict(self.options.credential.verify_ed25519(&nonce, payload))
            }
        }
    }

    /// Whether the client tried a password, for the error's text.
    #[must_use]
    pub fn used_password(&self) -> bool {
        self.used_password
    }

    /// After [`Outcome::Accepted`]: the digest with which the account's next login is the fast one,
    /// if it was not known. See [`Credential::with_learned`].
    #[must_use]
    pub fn learned(&self) -> Option<Sha2Digest> {
        self.learned
    }

    /// A plugin's first data.
    fn respond(&mut self, plugin: Plugin, response: &[u8]) -> ServerReply {
        // Some plugins say that there is no password by a NUL.
        if matches!(response, [] | [0]) {
            return self.verdict(self.options.credential.is_empty());
        }
        self.used_password = true;
        let credential = &self.options.credential;
        match plugin {
            Plugin::Native if credential.native_hash().is_some() || credential.is_empty() => {
                self.verdict(credential.verify_native(response, &self.options.scramble))
            }
            Plugin::Native => self.switch(),
            Plugin::CachingSha2 if credential.is_empty() => self.verdict(false),
            Plugin::CachingSha2 if credential.sha2_digest().is_some() => {
                let verified = credential.verify_sha2(response, &self.options.scramble);
                let fast_ok = more_data(&[FAST_AUTH_OK]);
                let reply = self.verdict(verified);
                ServerReply { payload: verified.then_some(fast_ok), ..reply }
            }
            Plugin::CachingSha2 if self.can_take_password() => {
                self.expect(State::Password { key_request: REQUEST_PUBLIC_KEY }, &[FULL_AUTH])
            }
            Plugin::CachingSha2 => self.switch(),
            Plugin::Sha256 if self.can_take_password() => {
                self.password(response, SHA256_REQUEST_PUBLIC_KEY)
            }
            Plugin::Sha256 => self.switch(),
        }
    }

    /// Asks for a plugin that can prove this account's password, once.
    fn switch(&mut self) -> ServerReply {
        if self.switched {
            return denied();
        }
        self.switched = true;
        let sha2_works =
            self.can_take_password() || self.options.credential.sha2_digest().is_some();
        let (plugin, name) = match &self.options.credential.kind {
            Kind::Native(_) if !sha2_works => (Plugin::Native, MYSQL_NATIVE_PASSWORD),
            Kind::Crypt(_) if !sha2_works => return denied(),
            _ => (Plugin::CachingSha2, CACHING_SHA2_PASSWORD),
        };
        self.options.scramble = Scramble::random();
        let mut payload = Vec::new();
        AuthSwitchRequest { plugin: name, data: &self.options.scramble.0 }.encode(&mut payload);
        self.state = State::Switched(plugin);
        ServerReply { payload: Some(payload), outcome: Outcome::Continue }
    }

    /// Nothing else proves the password of an account whose key is all that is known.
    fn ask_for_signature(&mut self) -> ServerReply {
        let mut nonce = [0; ed25519::NONCE_LEN];
        fill_random(&mut nonce);
        let mut payload = Vec::new();
        AuthSwitchRequest { plugin: CLIENT_ED25519, data: &nonce }.encode(&mut payload);
        self.state = State::Signature(nonce);
        ServerReply { payload: Some(payload), outcome: Outcome::Continue }
    }

    /// The password through a secure channel, or a request for the key, or the password encrypted
    /// for a key that the client knew.
    fn password(&mut self, payload: &[u8], key_request: u8) -> ServerReply {
        if self.options.secure {
            return match payload {
                [password @ .., 0] => self.verify_password(password),
                _ => denied(),
            };
        }
        match &self.options.rsa_key {
            Some(key) if payload == [key_request] => {
                let key = Arc::clone(key);
                self.expect(State::Encrypted, key.public_key_pem().as_bytes())
            }
            _ => self.encrypted(payload),
        }
    }

    fn encrypted(&mut self, payload: &[u8]) -> ServerReply {
        let Some(key) = &self.options.rsa_key else { return denied() };
        match key.decrypt_password(payload, &self.options.scramble).as_deref() {
            Ok([password @ .., 0]) => self.verify_password(password),
            _ => denied(),
        }
    }

    fn verify_password(&mut self, password: &[u8]) -> ServerReply {
        let verified = self.options.credential.verify_password(password);
        if verified && self.options.credential.sha2_digest().is_none() {
            self.learned = Some(sha2::digest(password));
        }
        self.verdict(verified)
    }

    /// Whether the client can send its password: in the clear or encrypted.
    fn can_take_password(&self) -> bool {
        self.options.secure || self.options.rsa_key.is_some()
    }

    fn expect(&mut self, state: State, data: &[u8]) -> ServerReply {
        self.state = state;
        ServerReply { payload: Some(more_data(data)), outcome: Outcome::Continue }
    }

    fn verdict(&self, verified: bool) -> ServerReply {
        if verified { ServerReply { payload: None, outcome: Outcome::Accepted } } else { denied() }
    }
}

impl fmt::Debug for ServerAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAuth").field("state", &self.state).finish_non_exhaustive()
    }
}

fn denied() -> ServerReply {
    ServerReply { payload: None, outcome: Outcome::Denied }
}

fn more_data(data: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    AuthMoreData(data).encode(&mut payload);
    payload
}

/// The error that denies a user access, worded as MySQL does.
#[must_use]
pub fn access_denied(user: &str, host: &str, used_password: bool) -> ServerError {
    let used = if used_password { "YES" } else { "NO" };
    ServerError::new(
        ErrorCode::ACCESS_DENIED,
        format!("Access denied for user '{user}'@'{host}' (using password: {used})"),
    )
}
