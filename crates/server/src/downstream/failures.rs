//! Who has failed to log in of late: later answers, and at last none, for those who guess passwords.
//!
//! Counted by address, an IPv6 client by its /64. What is remembered is bounded: beyond that the
//! oldest is forgotten.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Limits;

/// How many addresses are remembered.
const ADDRESSES_MAX: usize = 4096;
/// How many logins may fail before answers come later.
const FREE: u32 = 3;
/// The first delay; each further failure doubles it.
const DELAY_FIRST: Duration = Duration::from_millis(500);

/// Failed logins by address.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<HashMap<Key, Count>>);

/// An address without what its owner can choose freely.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    /// Unix sockets.
    Local,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    last: Instant,
}

impl Key {
    fn of(host: &str) -> Self {
        match host.parse() {
            Ok(IpAddr::V6(address)) => {
                let prefix = u128::from(address) >> 64 << 64;
                Self::Address(IpAddr::V6(Ipv6Addr::from(prefix)))
            }
            Ok(address) => Self::Address(address),
            Err(_) => Self::Local,
        }
    }
}

impl Failures {
    /// Whether a host has failed so often that it is not let in for now.
    pub(crate) fn is_blocked(&self, host: &str, limits: &Limits) -> bool {
        let count = self.lock().get(&Key::of(host)).copied();
        count.is_some_and(|count| {
            limits.login_failures_max != 0
                && count.failures >= limits.login_failures_max
                && count.last.elapsed() < limits.login_block
        })
    }

    /// Counts a failure; returns how long its answer should take.
    pub(crate) fn failed(&self, host: &str, limits: &Limits) -> Duration {
        let (key, now) = (Key::of(host), Instant::now());
        let mut counts = self.lock();
        if !counts.contains_key(&key) && counts.len() >= ADDRESSES_MAX {
            counts.retain(|_, count| count.last.elapsed() < limits.login_block);
            if counts.len() >= ADDRESSES_MAX {
                let oldest = counts.iter().min_by_key(|(_, count)| count.last);
                if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                    counts.remove(&oldest);
                }
            }
        }
        let count = counts.entry(key).or_insert(Count { failures: 0, last: now });
        if count.last.elapsed() >= limits.login_block {
            count.failures = 0;
        }
        count.failures = count.failures.saturating_add(1);
        count.last = now;
        delay(count.failures).min(limits.login_delay_max)
    }

    /// Somebody from there has logged in.
    pub(crate) fn succeeded(&self, host: &str) {
        self.lock().remove(&Key::of(host));
    }

    /// Forgets all.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the answer to the `failures`th failure takes, if there is no limit.
fn delay(failures: u32) -> Duration {
    match failures.checked_sub(FREE + 1) {
        None => Duration::ZERO,
        Some(further) => DELAY_FIRST.saturating_mul(1 << further.min(16)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { login_failures_max: 5, ..Limits::default() }
    }

    #[test]
    fn answers_come_later_and_at_last_none() {
        let (failures, limits) = (Failures::default(), limits());
        let delays: Vec<_> =
            (0..5).map(|_| failures.failed("10.0.0.1", &limits).as_millis()).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1000]);
        assert!(failures.is_blocked("10.0.0.1", &limits));
        assert!(!failures.is_blocked("10.0.0.2", &limits), "another one");
        assert_eq!(failures.failed("10.0.0.1", &limits), Duration::from_secs(2));
        for _ in 0..100 {
            assert!(failures.failed("10.0.0.1", &limits) <= limits.login_delay_max);
        }
        let unlimited = Limits { login_failures_max: 0, ..Limits::default() };
        assert!(!failures.is_blocked("10.0.0.1", &unlimited));
        let soon = Limits { login_block: Duration::ZERO, ..limits };
        assert!(!failures.is_blocked("10.0.0.1", &soon), "it was long ago");
        failures.succeeded("10.0.0.1");
        assert!(!failures.is_blocked("10.0.0.1", &limits));
    }

    #[test]
    fn a_network_of_one_owner_counts_as_one() {
        let (failures, limits) = (Failures::default(), limits());
        for host in 1..=5 {
            failures.failed(&format!("2001:db8::{host}"), &limits);
        }
        assert!(failures.is_blocked("2001:db8::99", &limits));
        assert!(!failures.is_blocked("2001:db8:0:1::1", &limits));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (failures, limits) = (Failures::default(), limits());
        for host in 0..20_000_u32 {
            failures.failed(&std::net::Ipv4Addr::from(host).to_string(), &limits);
        }
        assert_eq!(failures.lock().len(), ADDRESSES_MAX);
        failures.forget();
        assert_eq!(failures.lock().len(), 0);
    }
}
