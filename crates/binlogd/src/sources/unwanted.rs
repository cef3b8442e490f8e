//! Which transactions in front nobody wants, and where they end by the index beside a store's file.

use binlogd_event::{Gtid, GtidSet};
use binlogd_store::{Checkpoint, Sidecar};

use super::Input;

/// Transactions that nobody wants: those for which any of this holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unwanted {
    /// They begin before this offset of the first file.
    pub(crate) before_offset: Option<u64>,
    /// They began before this time.
    pub(crate) before_time: Option<u32>,
    /// They do not have this GTID.
    pub(crate) without: Option<Gtid>,
    /// They have none of these.
    pub(crate) outside: Option<GtidSet>,
}

impl Unwanted {
    /// Where a transaction begins before which there are none but these; `None` if no index tells.
    pub(super) fn end_in(&self, input: &Input, is_first: bool) -> Option<u64> {
        let Self { before_offset, before_time, without, outside } = self;
        let before_offset = before_offset.filter(|_| is_first);
        let is_any = before_time.is_some() || without.is_some() || outside.is_some();
        if input.is_stdin() || before_offset.is_none() && !is_any {
            return None;
        }
        let is_before = |checkpoint: &Checkpoint| {
            before_offset.is_some_and(|offset| checkpoint.offset <= offset)
                || before_time.is_some_and(|time| checkpoint.time < time)
                || (without.is_some() || outside.is_some())
                    && checkpoint.gtids().is_some_and(|before| {
                        without.is_some_and(|gtid| !before.contains(&gtid))
                            || outside.as_ref().is_some_and(|set| before.difference(set) == before)
                    })
        };
        Sidecar::of(&input.path)?.last(is_before).map(|found| found.offset)
    }
}
