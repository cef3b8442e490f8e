//! What a server knows of an account's password.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::crypt::{self, CryptHash};
use super::ed25519;
use super::kinds::AccountKinds;
use super::native::{self, NativeHash};
use super::server_proof::{self, Fingerprint, Shared};
use super::sha2::{self, Sha2Digest};
use crate::handshake::{Scramble, fill_random};

/// A stored hash that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a password hash: expected '*' and 40 hex digits (mysql_native_password), or \
     '$A$', rounds, '$', salt and hash, 70 bytes in all (caching_sha2_password), either also as \
     0x and hex digits, or 43 characters of base64 (ed25519)"
)]
pub struct CredentialError;

/// What a server knows of an account's password. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct Credential {
    pub(super) kind: Kind,
    /// caching_sha2_password's digest, once the password was seen.
    cached: Option<Sha2Digest>,
    /// mysql_native_password does not do.
    refuses_native: bool,
    /// No password matches.
    decoy: bool,
}

#[derive(Clone)]
pub(super) enum Kind {
    /// There is no password.
    Empty,
    /// The password was known.
    Password { native: NativeHash },
    /// Its SHA1(SHA1()) is known.
    Native(NativeHash),
    /// Its salted hash is known.
    Crypt(CryptHash),
    /// MariaDB's key is known, which verifies signatures.
    Ed25519(ed25519::PublicKey),
}

impl Credential {
    /// Of the password itself, which is not kept. An empty one means that none is needed.
    #[must_use]
    pub fn from_password(password: &str) -> Self {
        let password = password.as_bytes();
        if password.is_empty() {
            return Self::of(Kind::Empty);
        }
        let kind = Kind::Password { native: native::hash(password) };
        Self { cached: Some(sha2::digest(password)), ..Self::of(kind) }
    }

    /// Of a hash as `mysql.user.authentication_string` shows it, for mysql_native_password,
    /// caching_sha2_password or MariaDB's ed25519; also in hex behind `0x`, as `SHOW CREATE USER`
    /// prints it under `print_identified_with_as_hex`.
    ///
    /// # Errors
    /// It is none of these.
    pub fn from_stored(stored: &[u8]) -> Result<Self, CredentialError> {
        if let Some(hex) = stored.strip_prefix(b"0x") {
            return Self::parse_stored(&unhex(hex).ok_or(CredentialError)?);
        }
        Self::parse_stored(stored)
    }

    fn parse_stored(stored: &[u8]) -> Result<Self, CredentialError> {
        if let Some(hex) = stored.strip_prefix(b"*") {
            let hash = unhex(hex).and_then(|hash| hash.try_into().ok());
            return hash.map(|hash| Self::of(Kind::Native(hash))).ok_or(CredentialError);
        }
        if let Some(key) = ed25519::PublicKey::from_stored(stored) {
            return Ok(Self::of(Kind::Ed25519(key)));
        }
        CryptHash::parse(stored).map(|hash| Self::of(Kind::Crypt(hash))).ok_or(CredentialError)
    }

    /// Of a user that does not exist: no password matches.
    #[must_use]
    pub fn nobody() -> Self {
        let mut native = [0; 20];
        fill_random(&mut native);
        let cached = Some(sha2::digest(&Scramble::random().0));
        Self { cached, decoy: true, ..Self::of(Kind::Password { native }) }
    }

    /// This credential, for which a proof of mysql_native_password does not do.
    #[must_use]
    pub fn without_native(self) -> Self {
        Self { refuses_native: true, ..self }
    }

    /// This credential with the digest that [`ServerAuth::learned`](super::ServerAuth::learned)
    /// found, so that the next login is the fast one.
    #[must_use]
    pub fn with_learned(mut self, digest: Sha2Digest) -> Self {
        self.cached = Some(digest);
        self
    }

    fn of(kind: Kind) -> Self {
        Self { kind, cached: None, refuses_native: false, decoy: false }
    }

    /// Whether no password is needed.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.kind, Kind::Empty)
    }

    /// How many rounds it takes to verify a password.
    pub(super) fn rounds(&self) -> u32 {
        match &self.kind {
            Kind::Crypt(hash) => hash.rounds(),
            _ => 0,
        }
    }

    /// What mysql_native_password needs, if it is known.
    pub(super) fn native_hash(&self) -> Option<&NativeHash> {
        match &self.kind {
            Kind::Password { native } | Kind::Native(native) if !self.refuses_native => {
                Some(native)
            }
            Kind::Password { .. }
            | Kind::Native(_)
            | Kind::Empty
            | Kind::Crypt(_)
            | Kind::Ed25519(_) => None,
        }
    }

    /// What caching_sha2_password's fast path needs, if it is known.
    pub(super) fn sha2_digest(&self) -> Option<&Sha2Digest> {
        self.cached.as_ref()
    }

    /// The text of the OK after a login by TLS, by which a client knows that `certificate` is the
    /// server's own. `scramble` is the greeting's. `None` if the account has no password, or one of a kind
    /// that a client cannot check.
    #[must_use]
    pub fn server_proof(&self, scramble: &Scramble, certificate: &Fingerprint) -> Option<Vec<u8>> {
        let shared = match (&self.kind, self.native_hash()) {
            (Kind::Ed25519(key), _) => Shared::Ed25519(*key),
            (_, Some(hash)) => Shared::Native(*hash),
            _ => return None,
        };
        (!self.decoy).then(|| server_proof::prove(&shared, scramble, certificate))
    }

    pub(super) fn verify_native(&self, response: &[u8], scramble: &Scramble) -> bool {
        let verified = self.native_hash().is_some_and(|h| native::verify(response, scramble, h));
        verified && !self.decoy
    }

    pub(super) fn verify_sha2(&self, response: &[u8], scramble: &Scramble) -> bool {
        let verified = self.sha2_digest().is_some_and(|d| sha2::verify(response, scramble, d));
        verified && !self.decoy
    }

    /// Whether `nonce` was signed with the password. What is not signed by any takes as long as with an
    /// account of the server that has a key.
    pub(super) fn verify_ed25519(
        &self,
        nonce: &[u8],
        signature: &[u8],
        kinds: &AccountKinds,
    ) -> bool {
        let verified = match (&self.kind, &kinds.key) {
            (Kind::Ed25519(key), _) => key.verify(nonce, signature),
            (_, Some(key)) => {
                std::hint::black_box(key.verify(nonce, signature));
                false
            }
            _ => false,
        };
        verified && !self.decoy
    }

    /// Whether this is the password. If not, finding out takes as long as with the server's slowest
    /// account.
    pub(super) fn verify_password(&self, password: &[u8], kinds: &AccountKinds) -> bool {
        if password.len() > crypt::MAX_PASSWORD_LEN {
            return false;
        }
        let verified = match &self.kind {
            Kind::Empty => password.is_empty(),
            Kind::Password { native } | Kind::Native(native) => {
                verify_slices_are_equal(&native::hash(password), native).is_ok()
            }
            Kind::Crypt(hash) => hash.verify(password),
            Kind::Ed25519(key) => *key == ed25519::PublicKey::of_password(password),
        };
        let verified = verified && !self.decoy;
        if !verified {
            self.dawdle(password, kinds);
        }
        verified
    }

    /// Computes what other kinds of accounts would have computed.
    fn dawdle(&self, password: &[u8], kinds: &AccountKinds) {
        crypt::dawdle(password, kinds.rounds.saturating_sub(self.rounds()));
        if kinds.key.is_some() && !matches!(self.kind, Kind::Ed25519(_)) {
            std::hint::black_box(ed25519::PublicKey::of_password(password));
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Empty => "Credential(empty)",
            Kind::Password { .. } => "Credential(password)",
            Kind::Native(_) => "Credential(mysql_native_password hash)",
            Kind::Crypt(_) => "Credential(caching_sha2_password hash)",
            Kind::Ed25519(_) => "Credential(ed25519 key)",
        })
    }
}

fn unhex(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if !hex.len().is_multiple_of(2) {
        return None;
    }
    hex.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
