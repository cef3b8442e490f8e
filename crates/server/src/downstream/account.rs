//! Who may log in: the accounts of a stream, and the key for passwords over plain TCP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use binlogd_wire::auth::{
    CACHING_SHA2_PASSWORD, Credential, CredentialError, MYSQL_NATIVE_PASSWORD, Outcome,
    RsaPrivateKey, ServerAuth, ServerAuthOptions, ServerReply, ed25519,
};
use binlogd_wire::handshake::{AuthSwitchRequest, Scramble};
use tokio::sync::OnceCell;

use super::connection::{Connection, ReadError};
use crate::config::{self, AuthPlugin, Rights, Secret, UserConfig};

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
    /// Whether a proof of mysql_native_password can be checked and is taken.
    takes_native: bool,
    has_password: bool,
    pub(super) rights: Rights,
    pub(super) require_tls: bool,
    pub(super) require_client_cert: bool,
    pub(super) connections_max: Option<usize>,
}

/// What a client says to prove who it is.
pub(super) struct Claim<'a> {
    pub(super) user: &'a str,
    pub(super) plugin: Option<&'a str>,
    pub(super) response: &'a [u8],
    /// What the response was made for.
    pub(super) scramble: Scramble,
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

    /// Runs the exchange that proves a password. `greeted` is the plugin that the client was told
    /// first; in COM_CHANGE_USER, where nothing is proved at first, none is.
    ///
    /// Not cancel safe: the exchange is lost, and with it the connection.
    pub(super) async fn authenticate(
        &self,
        connection: &mut Connection,
        claim: Claim<'_>,
        greeted: &str,
    ) -> Result<Verdict, ReadError> {
        let account = self.find(claim.user);
        let credential = account.map_or_else(|| self.decoy.clone(), Account::credential);
        let named = claim.plugin.filter(|plugin| !plugin.is_empty());
        let mut plugin = named.unwrap_or(MYSQL_NATIVE_PASSWORD);
        let (mut response, mut scramble) = (claim.response.to_vec(), claim.scramble);
        if !credential.wants_signature()
            && let Some(wanted) = plugin_to_ask_for(account, plugin, &response, greeted)
        {
            plugin = wanted;
            scramble = Scramble::random();
            let request = AuthSwitchRequest { plugin, data: &scramble.0 };
            connection.put(|out| request.encode(out));
            connection.flush().await?;
            response = answer(connection).await?;
        }
        let secure = connection.transport.is_secure();
        let mut auth = ServerAuth::new(ServerAuthOptions {
            credential,
            scramble,
            secure,
            rsa_key: if secure { None } else { self.rsa_key().await },
        });
        let mut reply = auth.start(Some(plugin), &response);
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
            // Salted hashes and RSA take milliseconds of computing.
            let payload = answer(connection).await?;
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

/// The client's next payload, which must come.
async fn answer(connection: &mut Connection) -> Result<Vec<u8>, ReadError> {
    if connection.read().await? {
        return Ok(connection.payload().to_vec());
    }
    Err(ReadError::Truncated)
}

/// The plugin that the client must be asked for, if what it has sent proves nothing.
///
/// A client that prefers another plugin than the greeting's names its own and sends no proof, as the
/// scramble was not for it. Connector/C names `dummy_fallback_auth` if it lacks the greeting's.
fn plugin_to_ask_for(
    account: Option<&Account>,
    plugin: &str,
    response: &[u8],
    greeted: &str,
) -> Option<&'static str> {
    let takes_native = account.is_none_or(|account| account.takes_native);
    let has_password = account.is_none_or(|account| account.has_password);
    match plugin {
        MYSQL_NATIVE_PASSWORD if has_password && !takes_native => Some(CACHING_SHA2_PASSWORD),
        _ if !response.is_empty() || !has_password || plugin == greeted => None,
        MYSQL_NATIVE_PASSWORD => Some(MYSQL_NATIVE_PASSWORD),
        CACHING_SHA2_PASSWORD => Some(CACHING_SHA2_PASSWORD),
        _ if takes_native && greeted == CACHING_SHA2_PASSWORD => Some(MYSQL_NATIVE_PASSWORD),
        _ => Some(CACHING_SHA2_PASSWORD),
    }
}

impl Account {
    fn new(user: &UserConfig) -> Result<Self, CredentialError> {
        let no_password = config::Credential::Password(Secret::new(""));
        let has_password = user.credential != no_password;
        let credential = match &user.credential {
            config::Credential::Password(password)
                if has_password && user.plugin == Some(AuthPlugin::Ed25519) =>
            {
                let key = ed25519::PublicKey::of_password(password.expose().as_bytes());
                Credential::from_stored(key.stored().as_bytes())?
            }
            config::Credential::Password(password) => Credential::from_password(password.expose()),
            config::Credential::AuthString(hash) => {
                Credential::from_stored(hash.expose().as_bytes())?
            }
        };
        Ok(Self {
            credential: Mutex::new(credential),
            takes_native: user.plugin != Some(AuthPlugin::CachingSha2Password),
            has_password,
            rights: user.rights,
            require_tls: user.require_tls,
            require_client_cert: user.require_client_cert,
            connections_max: user.connections_max,
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
