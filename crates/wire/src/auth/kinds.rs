//! Which kinds of accounts a server has, on which the course of a failing login depends.

use super::credential::Kind;
use super::{Credential, ed25519};

/// Which kinds of accounts a server has.
///
/// A login that fails takes the same course for every account of a server, and for a user that does not
/// exist: it tries each way that is needed for any of them, and takes as long as the slowest. Otherwise the
/// answers would show which users exist.
#[derive(Debug, Clone, Default)]
pub struct AccountKinds {
    /// Some are settled by mysql_native_password: the proof is right, or the password is wrong.
    pub(super) native: bool,
    /// Some are settled by a signature.
    pub(super) signature: bool,
    /// Some are settled by neither.
    pub(super) neither: bool,
    /// Of some the digest of caching_sha2_password is not known before their password was seen.
    pub(super) needs_password: bool,
    /// How many rounds the slowest hash takes to compute; 0 if there is none.
    pub(super) rounds: u32,
    /// One of the keys.
    pub(super) key: Option<ed25519::PublicKey>,
}

impl AccountKinds {
    /// Of the accounts with these credentials.
    #[must_use]
    pub fn of<'a>(credentials: impl IntoIterator<Item = &'a Credential>) -> Self {
        let mut kinds = Self::default();
        for credential in credentials {
            kinds.add(credential);
        }
        kinds
    }

    fn add(&mut self, credential: &Credential) {
        match &credential.kind {
            Kind::Ed25519(key) => {
                self.signature = true;
                self.key = Some(*key);
            }
            Kind::Empty => self.native = true,
            _ if credential.native_hash().is_some() => self.native = true,
            _ => self.neither = true,
        }
        self.rounds = self.rounds.max(credential.rounds());
        self.needs_password |= !matches!(credential.kind, Kind::Empty | Kind::Password { .. });
    }

    /// Whether a signature settles all accounts.
    pub(super) fn are_signatures_alone(&self) -> bool {
        self.signature && !self.native && !self.neither
    }
}
