//! The server's side.

use std::fmt;
use std::sync::Arc;

use super::sha2::Sha2Digest;
use super::{
    AccountKinds, CACHING_SHA2_PASSWORD, CLIENT_ED25519, Credential, FAST_AUTH_OK, FULL_AUTH,
    LazyRsaKey, MYSQL_NATIVE_PASSWORD, REQUEST_PUBLIC_KEY, SHA256_PASSWORD,
    SHA256_REQUEST_PUBLIC_KEY, ed25519, sha2,
};
use crate::error_code::ErrorCode;
use crate::handshake::{AuthMoreData, AuthSwitchRequest, Scramble, fill_random};
use crate::response::ServerError;

/// What a server brings along.
#[derive(Debug, Clone)]
pub struct ServerAuthOptions {
    /// What is known of the account's password; for an account that does not exist,
    /// [`nobody`](Credential::nobody)'s.
    pub credential: Credential,
    /// The kinds of all accounts, which decide what is tried before a login fails.
    pub kinds: AccountKinds,
    /// The scramble of the greeting.
    pub scramble: Scramble,
    /// The channel is TLS or a unix socket: the client will send the password through it.
    pub secure: bool,
    /// The key for passwords through an insecure channel. [`ServerAuth`] makes it when a client
    /// wants to encrypt its password.
    pub rsa_key: Option<Arc<LazyRsaKey>>,
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
/// A client that proves its password is accepted at once. One that does not is taken through every way of
/// proof that any of the server's accounts needs, so that a failing login looks the same for each user,
/// whether it exists or not. caching_sha2_password comes last: the client sends its password then, which
/// settles every kind of account.
///
/// The plugin and data of the handshake response (or of COM_CHANGE_USER) go into
/// [`start`](Self::start), every later payload into [`on_payload`](Self::on_payload), until the
/// outcome is not [`Outcome::Continue`].
pub struct ServerAuth {
    options: ServerAuthOptions,
    state: State,
    tried: Tried,
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
    Ed25519,
}

impl Plugin {
    fn of(name: &str) -> Option<Self> {
        match name {
            MYSQL_NATIVE_PASSWORD => Some(Self::Native),
            CACHING_SHA2_PASSWORD => Some(Self::CachingSha2),
            SHA256_PASSWORD => Some(Self::Sha256),
            CLIENT_ED25519 => Some(Self::Ed25519),
            _ => None,
        }
    }
}

/// Which ways of proof a client was given.
#[derive(Debug, Clone, Copy, Default)]
struct Tried {
    native: bool,
    signature: bool,
    sha2: bool,
}

impl ServerAuth {
    /// Authentication of one client.
    #[must_use]
    pub fn new(options: ServerAuthOptions) -> Self {
        let tried = Tried::default();
        Self { options, state: State::Over, tried, used_password: false, learned: None }
    }

    /// Takes the client's plugin, if it named one, and its data. `greeted` is the plugin that the greeting
    /// named: a client that prefers another one names its own and sends no proof, because the scramble was
    /// not for it. Connector/C names `dummy_fallback_auth` if it lacks the greeting's.
    pub fn start(&mut self, plugin: Option<&str>, response: &[u8], greeted: &str) -> ServerReply {
        let name = plugin.filter(|name| !name.is_empty()).unwrap_or(MYSQL_NATIVE_PASSWORD);
        let plugin = Plugin::of(name);
        if self.options.credential.is_empty() && is_no_password(response) {
            return self.verdict(true);
        }
        match plugin {
            Some(Plugin::Native | Plugin::CachingSha2 | Plugin::Sha256)
                if name == greeted || !response.is_empty() =>
            {
                self.respond(plugin.unwrap_or(Plugin::Native), response)
            }
            _ => self.ask_first(plugin, greeted),
        }
    }

    /// Asks a client for its first proof that has sent none.
    fn ask_first(&mut self, plugin: Option<Plugin>, greeted: &str) -> ServerReply {
        let kinds = &self.options.kinds;
        if kinds.are_signatures_alone() {
            return self.ask_for_signature();
        }
        match plugin {
            Some(Plugin::Native) if kinds.native => self.ask(Plugin::Native),
            Some(Plugin::Ed25519) if kinds.signature => self.ask_for_signature(),
            Some(Plugin::CachingSha2) => self.ask(Plugin::CachingSha2),
            _ if kinds.native && greeted == CACHING_SHA2_PASSWORD => self.ask(Plugin::Native),
            _ => self.ask(Plugin::CachingSha2),
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
                let ServerAuthOptions { credential, kinds, .. } = &self.options;
                match credential.verify_ed25519(&nonce, payload, kinds) {
                    true => self.verdict(true),
                    false => self.try_next(),
                }
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
        if is_no_password(response) {
            return self.verdict(self.options.credential.is_empty());
        }
        self.used_password = true;
        let ServerAuthOptions { credential, kinds, scramble, .. } = &self.options;
        match plugin {
            Plugin::Native => {
                self.tried.native = true;
                let verified = credential.verify_native(response, scramble);
                if verified { self.verdict(true) } else { self.try_next() }
            }
            _ if kinds.are_signatures_alone() => self.try_next(),
            Plugin::CachingSha2 if credential.verify_sha2(response, scramble) => {
                let payload = Some(more_data(&[FAST_AUTH_OK]));
                ServerReply { payload, ..self.verdict(true) }
            }
            Plugin::CachingSha2 => {
                self.tried.sha2 = true;
                // As MySQL does: some clients (sqlx 0.8) compute this proof wrongly, and log in by their password.
                match (self.can_take_password(), kinds.needs_password) {
                    (true, _) => self
                        .expect(State::Password { key_request: REQUEST_PUBLIC_KEY }, &[FULL_AUTH]),
                    (false, true) => self.try_next(),
                    (false, false) => denied(),
                }
            }
            Plugin::Sha256 if self.can_take_password() => {
                self.password(response, SHA256_REQUEST_PUBLIC_KEY)
            }
            Plugin::Sha256 | Plugin::Ed25519 => self.try_next(),
        }
    }

    /// Asks for another proof if some account of the server is not settled by those that were tried;
    /// else that is the end.
    fn try_next(&mut self) -> ServerReply {
        let (kinds, tried) = (&self.options.kinds, self.tried);
        let native_is_left = kinds.native && !tried.native;
        if kinds.signature && !tried.signature {
            return self.ask_for_signature();
        }
        if !tried.sha2 && (kinds.neither || native_is_left) {
            return self.ask(Plugin::CachingSha2);
        }
        if native_is_left { self.ask(Plugin::Native) } else { denied() }
    }

    /// Asks for a plugin's proof.
    fn ask(&mut self, plugin: Plugin) -> ServerReply {
        let name = match plugin {
            Plugin::Native => MYSQL_NATIVE_PASSWORD,
            _ => CACHING_SHA2_PASSWORD,
        };
        self.options.scramble = Scramble::random();
        let mut payload = Vec::new();
        AuthSwitchRequest { plugin: name, data: &self.options.scramble.0 }.encode(&mut payload);
        self.state = State::Switched(plugin);
        ServerReply { payload: Some(payload), outcome: Outcome::Continue }
    }

    fn ask_for_signature(&mut self) -> ServerReply {
        self.tried.signature = true;
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
        if payload != [key_request] {
            return self.encrypted(payload);
        }
        let rsa_key = self.options.rsa_key.clone();
        match rsa_key.as_ref().and_then(|key| key.get()) {
            Some(key) => self.expect(State::Encrypted, key.public_key_pem().as_bytes()),
            None => denied(),
        }
    }

    fn encrypted(&mut self, payload: &[u8]) -> ServerReply {
        let Some(key) = self.options.rsa_key.as_ref().and_then(|key| key.get()) else {
            return denied();
        };
        match key.decrypt_password(payload, &self.options.scramble).as_deref() {
            Ok([password @ .., 0]) => self.verify_password(password),
            _ => denied(),
        }
    }

    fn verify_password(&mut self, password: &[u8]) -> ServerReply {
        let ServerAuthOptions { credential, kinds, .. } = &self.options;
        let verified = credential.verify_password(password, kinds);
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

/// Some plugins say that there is no password by a NUL.
fn is_no_password(response: &[u8]) -> bool {
    matches!(response, [] | [0])
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
