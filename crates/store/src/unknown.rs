//! Where in a file a reader that has some transactions finds the first other one.

use binlogd_event::{EventHeader, EventKind, FIRST_EVENT, GtidSet, gtid_of};

use crate::catalog::{GTID_EVENT_LEN, read_full};
use crate::{Catalog, LogFile, StoreError};

/// What [`Catalog::first_unknown`] found, in bytes from the file's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// A transaction begins here that is not known, or has no GTID.
    At(u64),
    /// There is none up to here, where the file or what can be read of it ends.
    NoneUpTo(u64),
}

impl Catalog {
    /// Looks for the first transaction of a file, from an event at `from` on, that is not `known`. Blocks for
    /// as long as it takes to read the headers of events, from the last checkpoint on before which all is
    /// known.
    ///
    /// # Errors
    /// If the file cannot be read; [`StoreError::Purged`] if it is gone.
    pub fn first_unknown(
        &self,
        file: &LogFile,
        from: u64,
        known: &GtidSet,
    ) -> Result<Unknown, StoreError> {
        let len = self.readable_len(file);
        let mut at = from.max(self.head(file)?.events_start);
        let near =
            self.seek(file, |place| place.gtids().is_some_and(|all| all.is_subset(known)))?;
        at = at.max(near.map_or(FIRST_EVENT, |place| place.offset));
        let handle = self.open_file(file)?;
        let mut bytes = [0; GTID_EVENT_LEN];
        while at < len {
            let left = usize::try_from(len - at).unwrap_or(usize::MAX).min(bytes.len());
            let got = read_full(&*handle, &mut bytes[..left], at)
                .map_err(StoreError::io("read", &file.path))?;
            let damaged = |error: binlogd_event::EventError| StoreError::Foreign {
                path: file.path.clone(),
                what: format!("the event at {at} is damaged: {error}"),
            };
            let header = EventHeader::parse(&bytes[..got]).map_err(damaged)?;
            let gtid = gtid_of(&header, &bytes[..got]).map_err(damaged)?;
            if header.kind == EventKind::ANONYMOUS_GTID
                || gtid.is_some_and(|gtid| !known.contains(&gtid))
            {
                return Ok(Unknown::At(at));
            }
            at = at.saturating_add(u64::from(header.size).max(1));
        }
        Ok(Unknown::NoneUpTo(at))
    }
}
