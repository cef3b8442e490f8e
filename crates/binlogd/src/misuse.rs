//! Wrong usage that the command line's grammar does not see.

use std::error::Error;
use std::fmt;

use binlogd_client::ClientError;
use binlogd_server::upstream::UpstreamError;

/// The exit code of wrong usage, also of what the command line's grammar refuses.
pub(crate) const EXIT_CODE: u8 = 2;

/// An error that comes from what the user asked for, not from what was found.
#[derive(Debug)]
pub(crate) struct Misuse(anyhow::Error);

/// Whether an error comes from what the user asked for: also an option of a server's URL, or a file that one
/// names.
pub(crate) fn is_misuse(error: &anyhow::Error) -> bool {
    let client = match error.downcast_ref::<UpstreamError>() {
        Some(UpstreamError::Client(client)) => Some(client),
        _ => error.downcast_ref::<ClientError>(),
    };
    let is_option = |error: &ClientError| {
        matches!(error, ClientError::BadOption(_) | ClientError::BadFile { .. })
    };
    error.is::<Misuse>() || client.is_some_and(is_option)
}

/// Makes any error one of wrong usage.
pub(crate) fn misuse(error: impl Into<anyhow::Error>) -> anyhow::Error {
    Misuse(error.into()).into()
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Misuse {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
