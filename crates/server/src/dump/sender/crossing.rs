//! From one file to the next, which may be the first of another timeline.

use std::sync::Arc;

use binlogd_event::{FIRST_EVENT, FormatDescription, GtidSet};
use binlogd_store::{FileId, LogFile, Position, StoreError, Timeline, Unknown};

use super::{
    DumpError, GtidFilter, Lookout, Place, Sender, forked_after, knows_heartbeat_v2, len_to, short,
};

impl Sender {
    /// Goes on in the next file; `false` if there is none with something for the reader yet.
    pub(super) fn next_file(&mut self, out: &mut Vec<u8>) -> Result<bool, DumpError> {
        let last = self.cursor.file().clone();
        let is_whole = self.incomplete == 0 && !self.encoder.is_open();
        if !is_whole || self.offset() > self.catalog.readable_len(&last) {
            // The end of a timeline was cut back behind what this reader has been sent already.
            return Err(DumpError::CutBack(self.name.to_string()));
        }
        // Asked while the file is still held.
        let Some(next) = self.catalog.after(last.id) else { return Ok(false) };
        if next.timeline.number != last.timeline.number {
            return self.next_timeline(&last, next, out);
        }
        self.move_to(next.id, out)?;
        if let Some(filter) = &mut self.filter {
            filter.next_file();
        }
        self.begin_file(FIRST_EVENT, out)?;
        Ok(true)
    }

    /// Goes on in the first file of another timeline, which begins before the point at which the last one
    /// ended.
    fn next_timeline(
        &mut self,
        last: &LogFile,
        next: Arc<LogFile>,
        out: &mut Vec<u8>,
    ) -> Result<bool, DumpError> {
        let mut sent = self.catalog.gtids_at_end(last)?.as_ref().clone();
        sent.extend(&self.sent_before());
        self.check_fork(last, &next, &sent, out)?;
        self.check_whole(last, &next, &sent)?;
        let (id, offset) = match self.by_position {
            true => match self.first_unsent(next, &mut sent, out)? {
                Some(found) => found,
                None => return Ok(false),
            },
            false => (next.id, FIRST_EVENT),
        };
        self.move_to(id, out)?;
        let forked = match self.by_position {
            true => GtidSet::new(),
            false => forked_after(&self.catalog, &self.cursor.file().timeline),
        };
        match &mut self.mariadb {
            Some(mariadb) => mariadb.next_timeline(&sent, forked),
            None => {
                let filter = self.filter.get_or_insert_with(GtidFilter::by_position);
                filter.next_timeline(&sent, forked);
            }
        }
        self.begin_file(offset, out)?;
        Ok(true)
    }

    /// The place from `next` on where the first transaction begins that was not sent; `None` if there is
    /// none yet. A reader by position goes on there: should it come back before it has got something, it comes
    /// with that place, and is sent nothing twice. Until then it stays where it is.
    fn first_unsent(
        &mut self,
        mut next: Arc<LogFile>,
        sent: &mut GtidSet,
        out: &mut Vec<u8>,
    ) -> Result<Option<(FileId, u64)>, DumpError> {
        loop {
            let searched = self.searched.filter(|searched| searched.file == next.id);
            let from = searched.map_or(FIRST_EVENT, |searched| searched.offset);
            let end = match self.catalog.first_unknown(&next, from, sent)? {
                Unknown::At(offset) if offset > self.catalog.head(&next)?.events_start => {
                    return Ok(Some((next.id, offset)));
                }
                Unknown::At(_) => return Ok(Some((next.id, FIRST_EVENT))),
                Unknown::NoneUpTo(end) => end,
            };
            let Some(after) = self.catalog.after(next.id) else {
                self.searched = Some(Position { file: next.id, offset: end });
                return Ok(None);
            };
            if end < self.catalog.readable_len(&next) {
                // It was written to meanwhile.
                continue;
            }
            if after.timeline.number != next.timeline.number {
                let at_end = self.catalog.gtids_at_end(&next)?;
                sent.extend(&at_end);
                self.check_fork(&next, &after, sent, out)?;
                self.check_whole(&next, &after, sent)?;
            }
            next = after;
        }
    }

    fn move_to(&mut self, file: FileId, out: &mut Vec<u8>) -> Result<(), DumpError> {
        self.tell_gap(out);
        self.searched = None;
        while self.cursor.file().id < file {
            match self.cursor.next_file() {
                Ok(true) => {}
                Ok(false) | Err(StoreError::Purged { .. }) => {
                    return Err(self.failed("could not find next log"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Tells the reader the file that it goes on in, and where. Behind the file's head it is told the format,
    /// as at the begin of a dump.
    fn begin_file(&mut self, offset: u64, out: &mut Vec<u8>) -> Result<(), DumpError> {
        self.lookout = Lookout::default();
        self.name = self.name_of(self.cursor.file());
        self.announce_file(offset, out);
        if offset == FIRST_EVENT {
            return Ok(());
        }
        let head = self.catalog.head(self.cursor.file())?;
        self.cursor.advance(len_to(offset, FIRST_EVENT));
        let mut format = head.format_event.clone();
        FormatDescription::make_artificial(&mut format)
            .map_err(|error| DumpError::fatal(error.to_string()))?;
        self.checksum = head.format.checksum;
        self.knows_heartbeat_v2 = knows_heartbeat_v2(&head.format);
        if let Some(mariadb) = &mut self.mariadb {
            mariadb.begin_format(&head.format);
        }
        if !self.is_refused() {
            self.encoder.event(out, &format, false);
        }
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

    /// What the reader has, or was sent in earlier timelines.
    fn sent_before(&self) -> GtidSet {
        match (&self.mariadb, &self.filter) {
            (Some(mariadb), _) => mariadb.has().clone(),
            (None, Some(filter)) => filter.has().clone(),
            (None, None) => GtidSet::new(),
        }
    }

    /// Refuses to go on where transactions between the two timelines were never stored: the source of the
    /// last one was left before it had sent what earlier timelines have.
    fn check_whole(&self, last: &LogFile, next: &LogFile, sent: &GtidSet) -> Result<(), DumpError> {
        let listed = &self.catalog.head(next)?.previous_gtids;
        let forked = forked_after(&self.catalog, &next.timeline);
        let lacking = listed.difference(sent).difference(&forked);
        if lacking.is_empty() {
            return Ok(());
        }
        if !self.by_position {
            // It finds them in an earlier timeline.
            return Err(DumpError::CutBack(self.name.to_string()));
        }
        Err(DumpError::fatal(format!(
            "The binlog of server {} ends here, before these transactions, which server {} does not send \
             again: {}. They are in the files of an earlier server: begin anew there, or with data from the \
             newest server",
            last.timeline.source,
            next.timeline.source,
            short(&lacking)
        )))
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
    let gtids = short(forked);
    format!(
        "The history of server {} ends here. The replica has transactions of it that server {}, \
         which is followed since, lacks: {gtids}. Provision a new replica from that server",
        old.source, new.source
    )
}
