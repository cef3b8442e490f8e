//! Which of several upstreams is the primary.

use std::time::Duration;

use binlogd_client::{ConnectOptions, Connection};
use tokio::sync::watch;

use super::logs::{PrimaryLog, binary_logs};
use super::{Observation, Primary, UpstreamError};
use crate::config::Choose;

/// A connection to the primary, and what it said of itself.
#[derive(Debug)]
pub struct Chosen {
    /// How it is reached.
    pub options: ConnectOptions,
    /// The connection.
    pub connection: Connection,
    /// What it is.
    pub primary: Primary,
}

impl Chosen {
    /// The primary's binlog files, oldest first. It may have to wait for commits before it can list them, so this is not
    /// for the way to a dump.
    ///
    /// # Errors
    /// If it cannot be asked, or takes too long.
    pub async fn logs(&mut self) -> Result<Vec<PrimaryLog>, UpstreamError> {
        let asking = binary_logs(&mut self.connection, &self.primary.version);
        tokio::time::timeout(ASK_TIMEOUT, asking)
            .await
            .map_err(|_| UpstreamError::Silent(self.options.address(), ASK_TIMEOUT.as_secs()))?
    }
}

/// How long a server may take to say what it is.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// How often others are asked whether one of them has taken the place of a followed server that is read-only.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Connects to the upstream to follow. A single one is followed whatever it is; of several, the
/// first that can be written to, or that answers.
///
/// # Errors
/// Of a single one its own; of several what is wrong with each.
pub async fn choose(upstreams: &[ConnectOptions], how: Choose) -> Result<Chosen, UpstreamError> {
    if let [only] = upstreams {
        return ask(only).await;
    }
    let (mut read_only, mut errors) = (Vec::new(), Vec::new());
    for options in upstreams {
        match ask(options).await {
            Ok(chosen) if chosen.primary.writable || how == Choose::First => return Ok(chosen),
            Ok(_) => read_only.push(format!("{} is read-only", options.address())),
            Err(error) => errors.push(error),
        }
    }
    Err(none_to_follow(read_only, &errors))
}

/// What is wrong with all upstreams together. A server that is read-only may be promoted, and one that is down may
/// come back; but where all others refuse binlogd, a person has to change something.
fn none_to_follow(read_only: Vec<String>, errors: &[UpstreamError]) -> UpstreamError {
    let stuck = !errors.is_empty() && errors.iter().all(UpstreamError::needs_somebody);
    let reasons = errors.iter().map(UpstreamError::to_string).chain(read_only);
    UpstreamError::NoneToFollow {
        reasons: reasons.collect::<Vec<_>>().join("; "),
        refused: errors.iter().any(UpstreamError::is_refused),
        stuck,
        number: errors.iter().find_map(UpstreamError::number),
    }
}

/// Waits until `followed`, as it is observed, cannot be written to any more and another upstream can.
pub async fn moved(
    upstreams: &[ConnectOptions],
    followed: &ConnectOptions,
    mut observed: watch::Receiver<Option<Observation>>,
) -> UpstreamError {
    loop {
        let is_read_only =
            |seen: &Option<Observation>| seen.as_ref().is_some_and(|o| !o.variables.is_writable());
        if observed.wait_for(is_read_only).await.is_err() {
            return std::future::pending().await;
        }
        for other in upstreams.iter().filter(|other| *other != followed) {
            if ask(other).await.is_ok_and(|other| other.primary.writable) {
                let (from, to) = (followed.address(), other.address());
                return UpstreamError::Moved { from, to };
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn ask(options: &ConnectOptions) -> Result<Chosen, UpstreamError> {
    let mut connection = Connection::connect(options).await?;
    let primary = tokio::time::timeout(ASK_TIMEOUT, Primary::ask(&mut connection))
        .await
        .map_err(|_| UpstreamError::Silent(options.address(), ASK_TIMEOUT.as_secs()))??;
    Ok(Chosen { options: options.clone(), connection, primary })
}

#[cfg(test)]
mod tests {
    use binlogd_client::ClientError;

    use super::*;

    #[test]
    fn upstreams_that_all_refuse_need_somebody() {
        let read_only = || vec!["b:3306 is read-only".to_owned()];
        let refuses = || UpstreamError::SameServerId(1);
        let down = || {
            let error = std::io::Error::from_raw_os_error(111);
            UpstreamError::from(ClientError::Connect { address: "a:3306".into(), error })
        };
        for (read_only, errors, needs_somebody, number) in [
            (read_only(), vec![], false, None),
            (read_only(), vec![down()], false, Some(2003)),
            (read_only(), vec![refuses()], true, None),
            (vec![], vec![refuses(), refuses()], true, None),
            (vec![], vec![refuses(), down()], false, Some(2003)),
        ] {
            let error = none_to_follow(read_only, &errors);
            assert_eq!(error.needs_somebody(), needs_somebody, "{error}");
            assert_eq!(error.number(), number, "{error}");
        }
    }
}
