//! Which transactions were read, so that reading can go on at another server that has them too.

use anyhow::Result;
use binlogd_client::Connection;
use binlogd_event::{EventHeader, Gtid, GtidSet, TransactionState, gtid_of, previous_gtids};
use binlogd_server::upstream::{Primary, UpstreamError, executed_gtids};

/// The transactions up to where reading has come. They are known once a file's head has named those
/// before it, or if reading begins where a server has just said which it has.
#[derive(Debug, Default)]
pub(super) struct History {
    known: Option<GtidSet>,
    /// Whether transactions were read that have no GTID, by which another server could be asked for them.
    has_nameless: bool,
    /// The transaction under way.
    now: Option<Gtid>,
    /// Whether the server is not the one any more on which reading began.
    is_elsewhere: bool,
    /// Whether the event that came last is of a transaction that was read elsewhere.
    is_repeated: bool,
    has_ended: bool,
}

impl History {
    /// What a server has just before it says where its files end; `None` if it cannot be told by GTID. What it commits in
    /// between is not known, and would be told of another server: better than to leave out what nobody told.
    pub(super) async fn of_end(
        connection: &mut Connection,
        primary: &Primary,
    ) -> Result<Self, UpstreamError> {
        let known = match primary.is_mariadb() {
            true => {
                let text = connection.scalar("SELECT @@GLOBAL.gtid_binlog_state").await?;
                text.and_then(|text| GtidSet::from_last_of_domains(&text).ok())
            }
            // Without GTIDs it says that it has no transactions at all.
            false if !primary.has_gtids() => None,
            false => Some(executed_gtids(connection, primary, &GtidSet::new()).await?),
        };
        Ok(Self { known, ..Self::default() })
    }

    /// Takes the next event, given as its header and body without checksum, and what it is in the
    /// middle of then.
    pub(super) fn see(
        &mut self,
        header: &EventHeader,
        body: &[u8],
        state: TransactionState,
    ) -> Result<()> {
        if std::mem::take(&mut self.has_ended) {
            self.is_repeated = false;
        }
        if header.kind.is_gtid() {
            self.now = gtid_of(header, body)?;
            self.has_nameless |= self.now.is_none();
            let is_known = |gtid| self.known.as_ref().is_some_and(|known| known.contains(gtid));
            self.is_repeated = self.is_elsewhere && self.now.as_ref().is_some_and(is_known);
        } else if header.kind.is_previous_gtids() && self.known.is_none() {
            self.known = Some(previous_gtids(body)?);
        }
        if state.is_outside() {
            self.has_ended = true;
            if let (Some(known), Some(gtid)) = (&mut self.known, self.now.take()) {
                known.insert(gtid);
            }
        }
        Ok(())
    }

    /// The transactions that were read, and those before them; else why they are not known.
    pub(super) fn known(&self) -> Result<&GtidSet, &'static str> {
        if self.has_nameless {
            return Err("transactions were read that have no GTID");
        }
        self.known.as_ref().ok_or(
            "reading began in the middle of a file, so that it is not known which transactions were \
             before",
        )
    }

    /// The transaction under way does not go on.
    pub(super) fn break_off(&mut self) {
        self.now = None;
    }

    /// What comes next is of another server, which has all that is known.
    pub(super) fn go_elsewhere(&mut self) {
        self.is_elsewhere = true;
    }

    /// Whether the event that came last is of a transaction that was read from another server.
    pub(super) fn is_repeated(&self) -> bool {
        self.is_repeated
    }
}

#[cfg(test)]
mod tests {
    use binlogd_event::EventKind;

    use super::*;

    /// The header of an event, and a body of zeros.
    fn event(kind: EventKind) -> Vec<u8> {
        let mut event = vec![0; 60];
        event[4] = kind.0;
        event[9] = 60;
        event
    }

    #[test]
    fn what_has_no_gtid_cannot_be_followed_elsewhere() {
        let mut history = History { known: Some(GtidSet::default()), ..History::default() };
        let mut see = |kind| {
            let event = event(kind);
            let header = EventHeader::parse(&event).unwrap();
            history.see(&header, &event, TransactionState::Outside).unwrap();
            history.known().map(GtidSet::to_string)
        };
        assert_eq!(see(EventKind::XID), Ok(String::new()));
        assert!(see(EventKind::ANONYMOUS_GTID).unwrap_err().contains("no GTID"));
    }
}
