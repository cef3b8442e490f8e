//! Who may log in: the accounts of a stream, and the key for passwords over plain TCP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use binlogd_wire::auth::{
    AccountKinds, Credential, CredentialError, LazyRsaKey, Outcome, ServerAuth, ServerAuthOptions,
    ServerReply, ed25519,
};
use binlogd_wire::handshake::Scramble;

use super::connection::{Connection, ReadError};
use crate::config::{self, AuthPlugin, Rights, Secret, UserConfig};

/// The accounts of a stream.
#[derive(Debug)]
pub(super) struct Accounts {
    by_name: HashMap<String, Account>,
    /// On which depends what a client is asked for whose login fails.
    kinds: AccountKinds,
    /// What unknown users are checked against, so that they look like known ones.
    nobody: Credential,
    rsa_key: Arc<LazyRsaKey>,
}

/// One account.
#[derive(Debug)]
pub(super) struct Account {
    /// Learns the fast digest of a password whose hash alone was configured.
    credential: Mutex<Credential>,
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
        let credentials: Vec<_> = by_name.values().map(Account::credential).collect();
        let kinds = AccountKinds::of(&credentials);
        Ok(Self { by_name, kinds, nobody: Credential::nobody(), rsa_key: Arc::default() })
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
        let credential = account.map_or_else(|| self.nobody.clone(), Account::credential);
        let secure = connection.transport.is_secure();
        let mut auth = ServerAuth::new(ServerAuthOptions {
            credential,
            kinds: self.kinds.clone(),
            scramble: claim.scramble,
            secure,
            rsa_key: (!secure).then(|| Arc::clone(&self.rsa_key)),
        });
        let plugin = claim.plugin.map(str::to_owned);
        let (response, greeted) = (claim.response.to_vec(), greeted.to_owned());
        let mut reply;
        (auth, reply) =
            computed(auth, move |auth| auth.start(plugin.as_deref(), &response, &greeted)).await?;
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
                        // Nobody's credential accepts nothing; this does not rely on it.
                        return Ok(Verdict::Denied { used_password: auth.used_password() });
                    };
                    account.learn(&auth);
                    return Ok(Verdict::Accepted(account.rights));
                }
            }
            let payload = answer(connection).await?;
            (auth, reply) = computed(auth, move |auth| auth.on_payload(&payload)).await?;
        }
    }
}

/// A step of an exchange. Salted hashes and RSA take milliseconds of computing, or more if the key is still to be made.
async fn computed(
    mut auth: ServerAuth,
    step: impl FnOnce(&mut ServerAuth) -> ServerReply + Send + 'static,
) -> Result<(ServerAuth, ServerReply), ReadError> {
    let computed = tokio::task::spawn_blocking(move || {
        let reply = step(&mut auth);
        (auth, reply)
    });
    Ok(computed.await.map_err(std::io::Error::other)?)
}

/// The client's next payload, which must come.
async fn answer(connection: &mut Connection) -> Result<Vec<u8>, ReadError> {
    if connection.read().await? {
        return Ok(connection.payload().to_vec());
    }
    Err(ReadError::Truncated)
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
        let credential = match user.plugin {
            Some(AuthPlugin::CachingSha2Password) => credential.without_native(),
            _ => credential,
        };
        Ok(Self {
            credential: Mutex::new(credential),
            rights: user.rights,
            require_tls: user.require_tls,
            require_client_cert: user.require_client_cert,
            connections_max: user.connections_max,
        })
    }

    pub(super) fn credential(&self) -> Credential {
        self.credential.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, auth: &ServerAuth) {
        if let Some(digest) = auth.learned() {
            let mut credential = self.credential.lock().unwrap_or_else(PoisonError::into_inner);
            *credential = credential.clone().with_learned(digest);
        }
    }
}
