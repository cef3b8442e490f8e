//! Which transactions were read, so that reading can go on at another server that has them too.

use anyhow::Result;
use binlogd_event::{EventHeader, Gtid, GtidSet, TransactionState, gtid_of, previous_gtids};
use binlogd_server::upstream::Primary;

/// The transactions up to where reading has come. They are known once a file's head has named those
/// before it, or if reading begins where a server has just said which it has.
#[derive(Debug, Default)]
pub(super) struct History {
    known: Option<GtidSet>,
    /// The transaction under way.
    now: Option<Gtid>,
    /// Whether the server is not the one any more on which reading began.
    is_elsewhere: bool,
    /// Whether the event that came last is of a transaction that was read elsewhere.
    is_repeated: bool,
    has_ended: bool,
}

impl History {
    /// What a server had just before it said where its files end. What it committed in between is not
    /// known, and would be told of another server: better than to leave out what nobody told.
    pub(super) fn of_end(primary: &Primary) -> Self {
        let variable = |name: &str| primary.variables.get(name);
        let known = match primary.is_mariadb() {
            true => variable("gtid_binlog_state")
                .and_then(|text| GtidSet::from_last_of_domains(text).ok()),
            false => variable("gtid_executed").and_then(|text| text.parse().ok()),
        };
        Self { known, ..Self::default() }
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

    /// The transactions that were read, and those before them.
    pub(super) fn known(&self) -> Option<&GtidSet> {
        self.known.as_ref()
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
