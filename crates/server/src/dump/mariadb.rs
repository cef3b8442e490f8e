//! What is special about readers of a MariaDB stream: where a GTID position leads, which events a reader
//! is not sent, and which it is sent in another form. The facts are those seen on MariaDB 10.11 and 11.8.

mod filter;
mod list;
mod stand_in;
mod start;

use std::collections::BTreeSet;

use binlogd_event::{Gtid, GtidPosition, GtidSet};
use binlogd_store::FileHead;
use binlogd_wire::{ErrorCode, ServerError};

pub(crate) use filter::{Action, MariadbFilter, Then};
pub(crate) use list::gtid_list;
pub(crate) use start::{find, position_at, resolve_own_position};

use super::DumpError;

/// What a reader has said of itself and of what it wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MariadbWishes {
    /// Which events it understands: 1 annotations, 2 holes between events, 3 checkpoints, 4 GTIDs.
    pub capability: u64,
    /// Send annotations.
    pub annotate: bool,
    /// Leave out events that are marked to be skipped.
    pub skip_replication: bool,
    /// A GTID that is missing here, with later ones of its domain there, is an error.
    pub strict: bool,
    /// Domains in which that is no error: the reader's place there is a made one.
    pub lenient_domains: BTreeSet<u32>,
    /// Begin behind these, instead of at a file and position.
    pub state: Option<GtidPosition>,
    /// End behind these.
    pub until: Option<GtidPosition>,
}

impl MariadbWishes {
    /// Whether the reader has more than is `before` a place, in a domain of which something is stored.
    pub(crate) fn is_further(&self, before: &GtidSet, stored: &GtidSet) -> bool {
        let before = before.position();
        self.state.iter().flat_map(GtidPosition::iter).any(|gtid| {
            let domain = gtid.domain().unwrap_or_default();
            // Domains that another source serves are not waited for.
            let is_stored = stored.last_of_domains().any(|gtid| gtid.domain() == Some(domain));
            let is_made = self.lenient_domains.contains(&domain);
            is_stored && !is_made && before.of_domain(domain) != Some(gtid)
        })
    }
}

/// Whether a file's server sends a reader who comes by GTID only what is behind the file's list of GTIDs,
/// and then a list of its own. MariaDB 11.8 does; 10.11 sends the file from its start, and of the GTIDs
/// before it says nothing more.
fn begins_behind_list(head: &FileHead) -> bool {
    head.format.server_version.at_least(11, 0, 0)
}

/// Reads a GTID position as `SET @slave_connect_state` gives it.
///
/// # Errors
/// MariaDB's own errors 1941 and 1943.
pub(crate) fn parse_position(text: &str) -> Result<GtidPosition, DumpError> {
    let mut position = GtidPosition::new();
    let gtids = text.split(',').map(str::trim).filter(|gtid| !gtid.is_empty());
    for gtid in gtids {
        let gtid: Gtid = gtid.parse().map_err(|_| malformed())?;
        let domain = gtid.domain().ok_or_else(malformed)?;
        if let Some(other) = position.of_domain(domain) {
            return Err(reader_error(
                ErrorCode::DUPLICATE_GTID_DOMAIN,
                format!("GTID {gtid} and {other} conflict (duplicate domain id {domain})"),
            ));
        }
        position.set(gtid);
    }
    Ok(position)
}

fn malformed() -> DumpError {
    reader_error(ErrorCode::INCORRECT_GTID_STATE, "Could not parse GTID list".to_owned())
}

fn reader_error(code: ErrorCode, text: String) -> DumpError {
    DumpError::Reader(ServerError::new(code, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_or_refused_in_mariadbs_words() {
        assert_eq!(parse_position(" 1-2-3, 0-1-4,").unwrap().to_string(), "0-1-4,1-2-3");
        assert!(parse_position("").unwrap().is_empty());
        let error = |text: &str| parse_position(text).unwrap_err().to_server_error();
        assert_eq!(error("x").code.0, 1941);
        let twice = error("0-27310-3,0-1-1");
        assert_eq!(twice.code.0, 1943);
        assert_eq!(twice.message, "GTID 0-1-1 and 0-27310-3 conflict (duplicate domain id 0)");
    }
}
