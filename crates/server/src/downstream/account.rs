//! Who may log in: the accounts of a stream, and the key for passwords over plain TCP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use binlogd_wire::auth::{
    CACHING_SHA2_PASSWORD, Credential, CredentialError, Outcome, RsaPrivateKey, ServerAuth,
    ServerAuthOptions, ServerReply,
};
use binlogd_wire::handshake::Scramble;
use tokio::sync::OnceCell;

use super::connection::{Connection, ReadError};
use crate::config::{self, AuthPlugin, Rights, UserConfig};

/// The accounts of a stream.
#[derive(Debug)]
pub(super) struct Accounts {
    by_name: HashMap<String, Account>,
    /// What unknown users are checked against, so that they look like known ones.
    decoy: Credential,
    rsa_key: OnceCell<Option<Arc<RsaPrivateKey>>>,
}

/// One account.
#[derive(Debug)]
pub(super) struct Account {
    /// Learns the fast digest of a password whose hash alone was configured.
    credential: Mutex<Credential>,
    /// Whether mysql_native_password is refused.
    sha2_only: bool,
    pub(super) rights: Rights,
    pub(super) require_tls: bool,
}

/// What a client says to prove who it is.
pub(super) struct Claim<'a> {
    pub(super) user: &'a str,
    pub(super) plugin: Option<&'a str>,
    pub(super) response: &'a [u8],
    /// What the response was made for.
    pub(super) scramble: Scramble,
}

/// A plugin that nobody has: the server asks for the one it prefers, with a new scramble.
const NO_PLUGIN: &str = "none";

impl<'a> Claim<'a> {
    /// A claim without any proof yet, as in COM_CHANGE_USER, where servers always ask anew.
    pub(super) fn unproved(user: &'a str) -> Self {
        let scramble = Scramble::random();
        Self { user, plugin: Some(NO_PLUGIN), response: &[], scramble }
    }
}

/// How authentication ended.
pub(super) enum Verdict {
    Accepted(Rights),
    /// With or without a password.
    Denied {
        used_password: bool,
    },
}

impl Accounts {
    pub(super) fn new(users: &[UserConfig]) -> Result<Self, CredentialError> {
        let mut by_name = HashMap::new();
        for user in users {
            by_name.insert(user.name.clone(), Account::new(user)?);
        }
        let any = users.first().and_then(|user| by_name.get(&user.name));
        let decoy = match any {
            Some(account) => account.credential().decoy(),
            None => Credential::from_password("").decoy(),
        };
        Ok(Self { by_name, decoy, rsa_key: OnceCell::new() })
    }

    pub(super) fn find(&self, user: &str) -> Option<&Account> {
        self.by_name.get(user)
    }

    /// Runs the exchange that proves a password.
    ///
    /// Not cancel safe: the exchange is lost, and with it the connection.
    pub(super) async fn authenticate(
        &self,
        connection: &mut Connection,
        claim: Claim<'_>,
    ) -> Result<Verdict, ReadError> {
        let account = self.find(claim.user);
        let secure = connection.transport.is_secure();
        let mut auth = ServerAuth::new(ServerAuthOptions {
            credential: account.map_or_else(|| self.decoy.clone(), Account::credential),
            scramble: claim.scramble,
            secure,
            rsa_key: if secure { None } else { self.rsa_key().await },
        });
        let refused = account.is_some_and(|account| account.sha2_only)
            && claim.plugin != Some(CACHING_SHA2_PASSWORD);
        let plugin = if refused { Some(NO_PLUGIN) } else { claim.plugin };
        let mut reply = auth.start(plugin, claim.response);
        loop {
            let ServerReply { payload, outcome } = reply;
            if let Some(payload) = payload {
                connection.put(|out| out.extend_from_slice(&payload));
            }
            match outcome {
                Outcome::Continue => connection.flush().await?,
                Outcome::Denied => {
                    return Ok(Verdict::Denied { used_password: auth.used_password() });
                }
                Outcome::Accepted => {
                    let Some(account) = account else {
                        // A decoy has accepted nobody yet, but nobody may rely on that.
                        return Ok(Verdict::Denied { used_password: auth.used_password() });
                    };
                    account.learn(&auth);
                    return Ok(Verdict::Accepted(account.rights));
                }
            }
            if !connection.read().await? {
                return Err(ReadError::Truncated);
            }
            // Salted hashes and RSA take milliseconds of computing.
            let payload = connection.payload().to_vec();
            let answered = tokio::task::spawn_blocking(move || {
                let reply = auth.on_payload(&payload);
                (auth, reply)
            });
            (auth, reply) = answered.await.map_err(std::io::Error::other)?;
        }
    }

    /// The key, which is made when it is first wanted.
    pub(super) async fn rsa_key(&self) -> Option<Arc<RsaPrivateKey>> {
        let make = || async {
            match tokio::task::spawn_blocking(RsaPrivateKey::generate).await {
                Ok(Ok(key)) => Some(Arc::new(key)),
                Ok(Err(error)) => {
                    tracing::error!(%error, "no RSA key: passwords can only come over TLS");
                    None
                }
                Err(_) => None,
            }
        };
        self.rsa_key.get_or_init(make).await.clone()
    }
}

impl Account {
    fn new(user: &UserConfig) -> Result<Self, CredentialError> {
        let credential = match &user.credential {
            config::Credential::Password(password) => Credential::from_password(password.expose()),
            config::Credential::AuthString(hash) => {
                Credential::from_stored(hash.expose().as_bytes())?
            }
        };
        Ok(Self {
            credential: Mutex::new(credential),
            sha2_only: user.plugin == Some(AuthPlugin::CachingSha2Password),
            rights: user.rights,
            require_tls: user.require_tls,
        })
    }

    fn credential(&self) -> Credential {
        self.credential.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, auth: &ServerAuth) {
        if let Some(digest) = auth.learned() {
            let mut credential = self.credential.lock().unwrap_or_else(PoisonError::into_inner);
            *credential = credential.clone().with_learned(digest);
        }
    }
}
