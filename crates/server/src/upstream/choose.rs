//! Which of several upstreams is the primary.

use std::time::Duration;

use binlogd_client::{ConnectOptions, Connection};

use super::{Primary, UpstreamError};
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

/// How long a server may take to say what it is.
const ASK_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a followed server is asked whether it is still the one.
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
    let mut reasons = Vec::new();
    for options in upstreams {
        match ask(options).await {
            Ok(chosen) if chosen.primary.writable || how == Choose::First => return Ok(chosen),
            Ok(_) => reasons.push(format!("{} is read-only", options.address())),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(UpstreamError::NoneToFollow(reasons.join("; ")))
}

/// Waits until `followed` cannot be written to any more and another upstream can.
pub async fn moved(upstreams: &[ConnectOptions], followed: &ConnectOptions) -> UpstreamError {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // What does not answer is found out by whoever receives from it.
        let Ok(now) = ask(followed).await else { continue };
        if now.primary.writable {
            continue;
        }
        for other in upstreams.iter().filter(|other| *other != followed) {
            if ask(other).await.is_ok_and(|other| other.primary.writable) {
                let (from, to) = (followed.address(), other.address());
                return UpstreamError::Moved { from, to };
            }
        }
    }
}

async fn ask(options: &ConnectOptions) -> Result<Chosen, UpstreamError> {
    let mut connection = Connection::connect(options).await?;
    let primary = tokio::time::timeout(ASK_TIMEOUT, Primary::ask(&mut connection))
        .await
        .map_err(|_| UpstreamError::Silent(options.address(), ASK_TIMEOUT.as_secs()))??;
    Ok(Chosen { options: options.clone(), connection, primary })
}
