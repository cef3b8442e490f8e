//! What works in a stream's configuration but may not be meant: said once, at the start.

use crate::config::{Credential, StreamConfig};

/// Logs a warning for each concern.
pub(super) fn warn(config: &StreamConfig) {
    for concern in of(config) {
        tracing::warn!("{concern}");
    }
}

fn of(config: &StreamConfig) -> Vec<String> {
    let mut concerns = Vec::new();
    if config.listen.is_empty() {
        concerns.push(
            "there is no address to listen on: files are stored, but nobody can connect to read them or to \
             ask how things stand. Set --listen, or listen in the configuration"
                .to_owned(),
        );
    }
    let is_open = |credential: &Credential| match credential {
        Credential::Password(password) => password.expose().is_empty(),
        Credential::AuthString(hash) => hash.expose().is_empty(),
    };
    for user in config.users.iter().filter(|user| is_open(&user.credential)) {
        concerns.push(format!(
            "account '{}' has an empty password: anybody who reaches the port can log in. Give it a password",
            user.name
        ));
    }
    concerns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, RetentionFlags, SingleStream};

    fn concerns(listen: &[&str], users: &[&str]) -> Vec<String> {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let config = Config::single_stream(SingleStream {
            data_dir: "data".into(),
            upstream: "mysql://repl@db".into(),
            standby_upstreams: Vec::new(),
            on_fork: None,
            password_file: None,
            server_id: None,
            start: None,
            semi_sync: None,
            retention: RetentionFlags::default(),
            listen: texts(listen),
            users: texts(users),
            admins: Vec::new(),
            tls: None,
        });
        of(&config.unwrap().streams[0])
    }

    #[test]
    fn what_may_not_be_meant_is_named() {
        assert!(concerns(&["127.0.0.1:3307"], &["app:pw"]).is_empty());
        let silent = concerns(&[], &["app:pw"]);
        assert!(silent.len() == 1 && silent[0].contains("--listen"), "{silent:?}");
        let open = concerns(&["127.0.0.1:3307"], &["app:pw", "open:"]);
        assert!(open.len() == 1 && open[0].contains("'open' has an empty password"), "{open:?}");
    }
}
