//! The client's side.

use super::server_proof::{Fingerprint, ServerProof, Shared};
use super::{
    CACHING_SHA2_PASSWORD, CLIENT_ED25519, FAST_AUTH_OK, FULL_AUTH, MYSQL_CLEAR_PASSWORD,
    MYSQL_NATIVE_PASSWORD, REQUEST_PUBLIC_KEY, RsaError, RsaPublicKey, SHA256_PASSWORD,
    SHA256_REQUEST_PUBLIC_KEY, cleartext, ed25519, native, server_proof, sha2,
};
use crate::error::WireError;
use crate::handshake::{AuthMoreData, AuthSwitchRequest, Scramble};
use crate::response::{ERR, OK, ServerError};

/// How often a server may switch plugins. MariaDB switches for each alternative of an account.
const MAX_SWITCHES: u32 = 8;

/// Why a client does not get in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The server said no.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The server broke the protocol.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The account needs a plugin that is not built in.
    #[error("the account needs authentication plugin {0:?}, which is not supported")]
    UnsupportedPlugin(String),
    /// The account needs the password in the clear, and that was not allowed, or the channel is
    /// not secure.
    #[error(
        "the server asks for the password in the clear (mysql_clear_password), which must be \
         allowed and needs TLS or a unix socket"
    )]
    ClearPasswordRefused,
    /// The password can only go through RSA, and fetching the server's key was not allowed.
    #[error("the server's public key is needed to send the password without TLS")]
    PublicKeyRequired,
    /// RSA did not work.
    #[error("sending the password by RSA: {0}")]
    Rsa(#[from] RsaError),
    /// The server keeps asking for other plugins.
    #[error("the server switched authentication plugins {MAX_SWITCHES} times")]
    TooManySwitches,
}

/// As much of a plugin's name is shown, in characters: MySQL's names have at most 64.
const SHOWN_PLUGIN_CHARS: usize = 64;

impl AuthError {
    fn unsupported(plugin: &str) -> Self {
        Self::UnsupportedPlugin(plugin.chars().take(SHOWN_PLUGIN_CHARS).collect())
    }
}

/// What a client brings along.
#[derive(Debug, Default)]
pub struct ClientAuthOptions {
    /// The channel is TLS or a unix socket: the password may go through it.
    pub secure: bool,
    /// On a channel that is not secure, ask the server for its RSA key if none is pinned. An active
    /// attacker could hand out a key of his own and learn the password.
    pub fetch_public_key: bool,
    /// The server's RSA key, known beforehand.
    pub public_key: Option<RsaPublicKey>,
    /// Give the password in the clear to a server that asks for mysql_clear_password, on a secure
    /// channel.
    pub allow_clear_password: bool,
}

/// What the client does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientStep {
    /// Send this payload, then read the next one.
    Send(Vec<u8>),
    /// Read the next payload.
    Read,
    /// The server let us in; the payload was its OK.
    Done,
}

/// The client's side of authentication.
///
/// [`response`](Self::response) goes into the handshake response; then every payload from the server
/// goes into [`on_payload`](Self::on_payload).
pub struct ClientAuth {
    options: ClientAuthOptions,
    password: Vec<u8>,
    plugin: Plugin,
    scramble: Scramble,
    greeting_scramble: Scramble,
    awaits_public_key: bool,
    switches: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plugin {
    CachingSha2,
    Native,
    Sha256,
    Ed25519,
    Clear,
}

impl Plugin {
    fn of(name: &str) -> Option<Self> {
        match name {
            CACHING_SHA2_PASSWORD => Some(Self::CachingSha2),
            MYSQL_NATIVE_PASSWORD => Some(Self::Native),
            SHA256_PASSWORD => Some(Self::Sha256),
            CLIENT_ED25519 => Some(Self::Ed25519),
            MYSQL_CLEAR_PASSWORD => Some(Self::Clear),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::CachingSha2 => CACHING_SHA2_PASSWORD,
            Self::Native => MYSQL_NATIVE_PASSWORD,
            Self::Sha256 => SHA256_PASSWORD,
            Self::Ed25519 => CLIENT_ED25519,
            Self::Clear => MYSQL_CLEAR_PASSWORD,
        }
    }
}

impl ClientAuth {
    /// For a server whose greeting names `plugin` and carries `scramble`. A plugin that is unknown
    /// here does not matter yet: the account may have another.
    #[must_use]
    pub fn new(
        options: ClientAuthOptions,
        password: &[u8],
        plugin: &str,
        scramble: Scramble,
    ) -> Self {
        // Sending the password in the clear takes a request for this very account, and a signature a
        // longer nonce than a greeting's. A server that names no plugin is older than plugins.
        let plugin = match Plugin::of(plugin) {
            Some(known) if !matches!(known, Plugin::Clear | Plugin::Ed25519) => known,
            _ if plugin.is_empty() => Plugin::Native,
            _ => Plugin::CachingSha2,
        };
        let password = password.to_vec();
        Self {
            options,
            password,
            plugin,
            scramble,
            greeting_scramble: scramble,
            awaits_public_key: false,
            switches: 0,
        }
    }

    /// The plugin's name and its data for the handshake response.
    ///
    /// # Errors
    /// RSA with the pinned key failed.
    pub fn response(&mut self) -> Result<(&'static str, Vec<u8>), AuthError> {
        Ok((self.plugin.name(), self.first_data()?))
    }

    /// Takes a payload from the server.
    ///
    /// # Errors
    /// The server refused, broke the protocol, or asked for what is not allowed or not known.
    pub fn on_payload(&mut self, payload: &[u8]) -> Result<ClientStep, AuthError> {
        match payload.first() {
            Some(&OK) => Ok(ClientStep::Done),
            Some(&ERR) => Err(ServerError::parse(payload)?.into()),
            Some(&AuthSwitchRequest::MARKER) => self.switch(AuthSwitchRequest::parse(payload)?),
            Some(&AuthMoreData::MARKER) => self.more_data(AuthMoreData::parse(payload)?.0),
            first => Err(unexpected(first.copied()).into()),
        }
    }

    /// After [`ClientStep::Done`], over TLS: what the OK's text says of the server that showed
    /// `certificate`.
    #[must_use]
    pub fn check_server(&self, ok_text: &[u8], certificate: &Fingerprint) -> ServerProof {
        let shared = match self.plugin {
            _ if self.password.is_empty() => None,
            Plugin::Native => Some(Shared::Native(native::hash(&self.password))),
            Plugin::Ed25519 => {
                Some(Shared::Ed25519(ed25519::PublicKey::of_password(&self.password)))
            }
            Plugin::CachingSha2 | Plugin::Sha256 | Plugin::Clear => None,
        };
        server_proof::check(ok_text, shared.as_ref(), &self.greeting_scramble, certificate)
    }

    fn switch(&mut self, request: AuthSwitchRequest<'_>) -> Result<ClientStep, AuthError> {
        self.switches += 1;
        if self.switches > MAX_SWITCHES {
            return Err(AuthError::TooManySwitches);
        }
        self.plugin =
            Plugin::of(request.plugin).ok_or_else(|| AuthError::unsupported(request.plugin))?;
        self.awaits_public_key = false;
        match self.plugin {
            Plugin::Clear => {}
            // This is all that it says.
            Plugin::Ed25519 if request.data.len() == ed25519::NONCE_LEN => {
                let signature = ed25519::sign(&self.password, request.data);
                return Ok(ClientStep::Send(signature.to_vec()));
            }
            _ => self.scramble = Scramble::from_slice(request.data)?,
        }
        self.first_data().map(ClientStep::Send)
    }

    /// What the plugin says first.
    fn first_data(&mut self) -> Result<Vec<u8>, AuthError> {
        match self.plugin {
            Plugin::Clear if !(self.options.allow_clear_password && self.options.secure) => {
                Err(AuthError::ClearPasswordRefused)
            }
            Plugin::Clear => Ok(cleartext(&self.password)),
            Plugin::Native | Plugin::CachingSha2 if self.password.is_empty() => Ok(Vec::new()),
            Plugin::Native => Ok(native::respond(&self.password, &self.scramble).to_vec()),
            Plugin::CachingSha2 => Ok(sha2::respond(&self.password, &self.scramble).to_vec()),
            Plugin::Sha256 if self.password.is_empty() => Ok(vec![0]),
            Plugin::Sha256 => self.password_or_key_request(SHA256_REQUEST_PUBLIC_KEY),
            Plugin::Ed25519 => Err(WireError::BadValue {
                structure: "AuthSwitchRequest",
                field: "length of client_ed25519's nonce",
                value: self.scramble.0.len() as u64,
            }
            .into()),
        }
    }

    fn more_data(&mut self, data: &[u8]) -> Result<ClientStep, AuthError> {
        if self.awaits_public_key {
            self.awaits_public_key = false;
            let pem = std::str::from_utf8(data).map_err(|_| RsaError::BadKey)?;
            let key = RsaPublicKey::from_pem(pem)?;
            let encrypted = key.encrypt_password(&self.password, &self.scramble)?;
            return Ok(ClientStep::Send(encrypted));
        }
        match (self.plugin, data) {
            (Plugin::CachingSha2, [FAST_AUTH_OK]) => Ok(ClientStep::Read),
            (Plugin::CachingSha2, [FULL_AUTH]) => {
                self.password_or_key_request(REQUEST_PUBLIC_KEY).map(ClientStep::Send)
            }
            _ => Err(unexpected(data.first().copied()).into()),
        }
    }

    /// The password in the way that the channel allows, or a request for the key.
    fn password_or_key_request(&mut self, request: u8) -> Result<Vec<u8>, AuthError> {
        if self.options.secure {
            return Ok(cleartext(&self.password));
        }
        if let Some(key) = &self.options.public_key {
            return Ok(key.encrypt_password(&self.password, &self.scramble)?);
        }
        if !self.options.fetch_public_key {
            return Err(AuthError::PublicKeyRequired);
        }
        self.awaits_public_key = true;
        Ok(vec![request])
    }
}

fn unexpected(byte: Option<u8>) -> WireError {
    const STRUCTURE: &str = "authentication packet";
    match byte {
        None => WireError::Truncated { structure: STRUCTURE, field: "marker" },
        Some(byte) => {
            WireError::BadValue { structure: STRUCTURE, field: "marker", value: u64::from(byte) }
        }
    }
}
