//! The time by which certificates are judged.

use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// The system clock for rustls, whose own reading of it panics before 1970. A machine without a clock of its
/// own may begin there; every certificate is not valid yet then, which the error says.
#[derive(Debug)]
pub struct CertificateClock;

impl TimeProvider for CertificateClock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(UnixTime::since_unix_epoch(since))
    }
}
