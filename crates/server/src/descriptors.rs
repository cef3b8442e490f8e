//! File descriptors: how many the process may have, and how many connections that is enough for.
//!
//! Clients must never take what a stream needs to go on acknowledging: its files, its connection to the
//! primary, the next file. So their number follows from the limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Limits;

/// What a process needs for itself, and to spare.
const OF_PROCESS: u64 = 32;

/// What a stream needs, at most: its files, its runtime and listeners, connections to primaries, and
/// clients that are being turned away.
const OF_STREAM: u64 = 48;

/// What a connection needs: its socket, and the file that is sent over it.
const OF_CONNECTION: u64 = 2;

/// Raises the soft limit on file descriptors to the hard limit, and returns what holds then; `None`
/// where there is no limit.
pub fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!("cannot raise the limit on open files: {error}");
            limit.current
        }
    }
}

/// Lowers the limits on a stream's connections to what so many descriptors are enough for, and logs a
/// warning if that was needed.
pub(crate) fn fit(limits: &mut Limits, descriptors: Option<u64>, streams: usize) {
    let Some(descriptors) = descriptors else { return };
    let enough_for = connections(descriptors, streams);
    if limits.connections_max <= enough_for {
        return;
    }
    tracing::warn!(
        "the limit on open files, {descriptors}, is enough for {enough_for} connections of each \
         stream, not for the {} of limits.connections_max: no more are taken. Raise it (ulimit -n, \
         LimitNOFILE= of systemd)",
        limits.connections_max
    );
    limits.connections_max = enough_for;
    limits.logins_max = limits.logins_max.min(enough_for);
}

/// For how many connections of each stream so many descriptors are enough; at least for one.
fn connections(descriptors: u64, streams: usize) -> usize {
    let streams = u64::try_from(streams).unwrap_or(u64::MAX).max(1);
    let left = descriptors.saturating_sub(OF_PROCESS) / streams;
    let count = left.saturating_sub(OF_STREAM) / OF_CONNECTION;
    usize::try_from(count).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_what_is_durable() {
        for (descriptors, streams, expected) in
            [(1024, 1, 472), (1024, 4, 100), (20_000, 1, 9960), (64, 1, 1), (0, 0, 1)]
        {
            assert_eq!(connections(descriptors, streams), expected, "{descriptors} {streams}");
        }
        let mut limits = Limits { connections_max: 300, logins_max: 200, ..Limits::default() };
        fit(&mut limits, None, 1);
        fit(&mut limits, Some(1024), 1);
        assert_eq!((limits.connections_max, limits.logins_max), (300, 200));
        fit(&mut limits, Some(180), 1);
        assert_eq!((limits.connections_max, limits.logins_max), (50, 50));
    }
}
