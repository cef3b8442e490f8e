//! A session that goes on as another user.

use binlogd_wire::command::ChangeUser;
use binlogd_wire::handshake::Scramble;
use tracing::info;

use super::{Next, Session};
use crate::downstream::account::Claim;
use crate::downstream::connection::ReadError;
use crate::downstream::login::admit;
use crate::downstream::reply::Reply;

impl Session {
    /// Logs in anew; who cannot is sent away.
    pub(super) async fn change_user(&mut self, change: &ChangeUser<'_>) -> Result<Next, ReadError> {
        let limits = &self.service.server.limits;
        // Servers always ask anew: what the client has sent is for a scramble of long ago.
        let scramble = Scramble::random();
        let plugin = change.auth_plugin;
        let claim = Claim { user: change.user, plugin, response: &[], scramble };
        let authenticate = self.service.accounts.authenticate(&mut self.connection, claim, "");
        let Ok(verdict) = tokio::time::timeout(limits.login_timeout, authenticate).await else {
            return Ok(Next::Leave("changing the user took too long"));
        };
        let (id, host) = (self.state.id, &self.state.host);
        let admitted =
            admit(&self.connection, &self.service, verdict?, change.user, id, host).await;
        match admitted {
            Ok(rights) => {
                self.state.reset(limits);
                self.state.user = change.user.to_owned();
                self.state.rights = rights;
                self.state.db = change.database.map(str::to_owned);
                self.registration.logged_in(change.user);
                let db = self.state.db.clone();
                self.registration.session().update(|shown| {
                    shown.db = db;
                    shown.replica = None;
                });
                info!(connection = self.state.id, user = change.user, "changed its user");
                self.answer(&Ok(Reply::Ok));
                Ok(Next::Command)
            }
            Err(error) => {
                self.connection.put(|out| error.encode(out));
                Ok(Next::Leave("its new user was refused"))
            }
        }
    }
}
