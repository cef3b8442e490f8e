//! From one file to the next, which may be the first of another timeline.

use std::sync::Arc;

use binlogd_event::{FIRST_EVENT, GtidSet};
use binlogd_store::{LogFile, StoreError, Timeline};

use super::{DumpError, GtidFilter, Lookout, Place, Sender};

/// How much of a GTID set an error shows, in bytes: all of it may have 512 at the reader.
const GTIDS_LEN_MAX: usize = 150;

impl Sender {
    /// Goes on in the next file, if there is one.
    pub(super) fn next_file(&mut self, out: &mut Vec<u8>) -> Result<(), DumpError> {
        let last = self.cursor.file().clone();
        let is_whole = self.incomplete == 0 && !self.encoder.is_open();
        if !is_whole || self.offset() > self.catalog.readable_len(&last) {
            // The end of a timeline was cut back behind what this reader has been sent already.
            return Err(DumpError::CutBack(self.name.to_string()));
        }
        self.tell_gap(out);
        // Asked while the file is still held.
        let sent = match self.catalog.after(last.id) {
            Some(next) if next.timeline.number != last.timeline.number => {
                let sent = self.catalog.gtids_at_end(&last)?;
                self.check_fork(&last, &next, &sent, out)?;
                Some(sent)
            }
            _ => None,
        };
        match self.cursor.next_file() {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(StoreError::Purged { .. }) => return Err(self.failed("could not find next log")),
            Err(error) => return Err(error.into()),
        }
        if let Some(sent) = sent {
            // The new source's first file begins before the point at which the old one ended.
            match &mut self.mariadb {
                Some(mariadb) => mariadb.add(&sent),
                None => {
                    self.filter.get_or_insert_with(GtidFilter::by_position).next_timeline(&sent);
                }
            }
        } else if let Some(filter) = &mut self.filter {
            filter.next_file();
        }
        self.lookout = Lookout::default();
        self.name = self.name_of(self.cursor.file());
        self.announce_file(FIRST_EVENT, out);
        Ok(())
    }

    /// The name under which the reader is sent a file. A reader by position comes back with it, and
    /// `mysqlbinlog --raw` calls its copy so: it must not be that of a file of another timeline.
    fn name_of(&self, file: &LogFile) -> Arc<str> {
        if self.by_position {
            self.catalog.shown_name(file).into()
        } else {
            file.name.as_str().into()
        }
    }

    /// Refuses to go on to a timeline whose source lacks transactions that the reader has.
    fn check_fork(
        &mut self,
        last: &LogFile,
        next: &LogFile,
        sent: &GtidSet,
        out: &mut Vec<u8>,
    ) -> Result<(), DumpError> {
        let timeline = &next.timeline;
        let forked = timeline.forked.difference(&timeline.forked.difference(sent));
        // A reader by GTID is not sent what it must not have, if that was known when it came.
        let was_left_out = !self.by_position && timeline.number <= self.newest_timeline;
        if forked.is_empty() || was_left_out {
            return Ok(());
        }
        if self.options.non_blocking {
            // A tool that wanted this file only is done when it sees the next one's name.
            let file = self.name_of(next);
            let event = Place { file: &file, offset: FIRST_EVENT, ..self.here() }.rotate();
            self.encoder.event(out, &event, false);
        }
        Err(DumpError::fatal(fork_text(&last.timeline, timeline, &forked)))
    }

    /// The error for a reader by position that came from another timeline to a transaction without
    /// a GTID.
    pub(super) fn refuse_overlap(&self) -> DumpError {
        let (file, offset) = self.place();
        DumpError::fatal(format!(
            "The replica comes from the binlog of another server, and whether it has the \
             transaction without GTID at {file}:{offset} cannot be known. Begin anew at a position \
             of this server's binlog, with data from this server"
        ))
    }
}

fn fork_text(old: &Timeline, new: &Timeline, forked: &GtidSet) -> String {
    let mut gtids = forked.to_string().replace('\n', "");
    if gtids.len() > GTIDS_LEN_MAX {
        gtids.truncate(GTIDS_LEN_MAX);
        gtids.push_str("...");
    }
    format!(
        "The history of server {} ends here. The replica has transactions of it that server {}, \
         which is followed since, lacks: {gtids}. Provision a new replica from that server",
        old.source, new.source
    )
}
