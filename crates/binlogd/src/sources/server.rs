//! Reads a server's binlog as a replica does, and goes on where it was when the connection breaks.

mod history;
mod place;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use binlogd_client::{BinlogStream, ClientError, ConnectOptions, Connection};
use binlogd_event::{
    ChecksumAlgorithm, EventHeader, EventKind, FIRST_EVENT, FormatDescription, GtidSet, LogPos,
    Rotate, ServerUuid, TransactionState, event_crc32,
};
use binlogd_server::config::{Choose, Report};
use binlogd_server::identity::Identity;
use binlogd_server::upstream::{
    Backoff, Chosen, Dump, HEARTBEAT_PERIOD, Primary, PrimaryLog, UpstreamError, choose,
    executed_gtids, first_file_with_news, start_dump,
};
use binlogd_store::{LogName, SourceId};
use binlogd_wire::ErrorCode;
use binlogd_wire::dump::Step;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use history::History;
pub(crate) use place::ServerPlace;

use super::{From, Next, RawEvent, note_end};
use crate::progress::Progress;

/// A server that is read.
pub(crate) struct Server {
    runtime: Runtime,
    options: ConnectOptions,
    identity: Identity,
    from: From,
    until: Until,
    backoff: Backoff,
    /// How long to wait before connecting again.
    pause: Duration,
    /// How often in a row nothing came of connecting again.
    failures: u32,
    stream: Option<BinlogStream>,
    /// What was found at the first connection.
    begun: Option<Begun>,
    file: String,
    /// The offset of what comes next, in bytes.
    next: u64,
    /// Where the last whole transaction ends: where to begin again.
    resume: Option<(LogName, u64)>,
    /// How far events were given out.
    given: (String, u64),
    history: History,
    /// Where something was wrong with what came, how far events were given out then, and how often
    /// that was since.
    damaged: Option<((String, u64), u32)>,
    state: TransactionState,
    checksum: ChecksumAlgorithm,
    format: Option<FormatDescription>,
    bytes: Vec<u8>,
    header: Option<EventHeader>,
    /// Where the last event begins, in bytes.
    offset: u64,
    progress: Progress,
    /// The bytes of events that were given out.
    read: u64,
}

/// Where reading ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Until {
    /// Nowhere: what comes is waited for.
    Forever,
    /// Where the newest file ends when reading begins.
    Now,
    /// Where this file ends then.
    EndOf(LogName),
}

struct Begun {
    source: SourceId,
    file: LogName,
    /// Where reading ends; nowhere if it follows.
    end: Option<(LogName, u64)>,
}

/// After so long a connection on which nothing comes is dead.
const SILENCE_MAX: Duration = HEARTBEAT_PERIOD.saturating_mul(3);
/// So often in a row a server is tried again that is read to its end: for about a minute.
const FAILURES_MAX: u32 = 12;
/// So often a server is asked again for what is damaged each time.
const DAMAGES_MAX: u32 = 3;

impl Server {
    /// Without a `server_id` it takes a random one, in the upper half of all ids, where people put
    /// none.
    pub(super) fn new(
        options: ConnectOptions,
        server_id: Option<u32>,
        from: From,
        until: Until,
    ) -> Result<Self> {
        let random = || RandomState::new().build_hasher().finish();
        let uuid = u128::from(random()) << 64 | u128::from(random());
        let server_id = server_id.unwrap_or_else(|| {
            let [a, b, c, d, ..] = random().to_be_bytes();
            u32::from_be_bytes([a, b, c, d]) | 1 << 31
        });
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            options,
            // Of one run: a server takes who comes with the same one for the same replica.
            identity: Identity { uuid: ServerUuid(uuid.to_be_bytes()), server_id },
            from,
            until,
            backoff: Backoff::new(),
            pause: Duration::ZERO,
            failures: 0,
            stream: None,
            begun: None,
            file: String::new(),
            next: 0,
            resume: None,
            given: (String::new(), 0),
            history: History::default(),
            damaged: None,
            state: TransactionState::Outside,
            checksum: ChecksumAlgorithm::None,
            format: None,
            bytes: Vec::new(),
            header: None,
            offset: 0,
            progress: Progress::new(0),
            read: 0,
        })
    }

    /// The event that was read last.
    pub(crate) fn event(&self) -> Option<RawEvent<'_>> {
        let (header, format) = (self.header.as_ref()?, self.format.as_ref()?);
        Some(RawEvent { file: &self.file, offset: self.offset, header, bytes: &self.bytes, format })
    }

    /// Whether the event has come before: it is there again because a transaction is read from its
    /// beginning after the connection broke, or a file of another server.
    pub(crate) fn is_repeated(&self) -> bool {
        self.offset < self.given.1 && self.file == self.given.0 || self.history.is_repeated()
    }

    /// Whether the event is of the first file that was asked for, and of the last one.
    pub(crate) fn is_first_and_last(&self) -> (bool, bool) {
        let Some(begun) = &self.begun else { return (true, false) };
        let is_last = begun.end.as_ref().is_some_and(|(file, _)| file.as_str() == self.file);
        (begun.file.as_str() == self.file, is_last)
    }

    /// Takes the next event of those that have come.
    pub(crate) fn advance(&mut self) -> Result<Next> {
        loop {
            if let Some(header) = self.header.take() {
                if !self.is_repeated() {
                    self.given = (self.file.clone(), self.next);
                    self.read += u64::from(header.size);
                    self.progress.at(self.read);
                }
                self.bytes.clear();
            }
            if self.is_at_end() {
                return Ok(Next::End);
            }
            match self.receive() {
                Ok(true) => match self.take() {
                    Ok(true) => return Ok(Next::Event),
                    // One that is for the stream alone.
                    Ok(false) => self.bytes.clear(),
                    Err(error) => self.ask_again(error)?,
                },
                Ok(false) => return Ok(Next::Wait),
                Err(error @ ClientError::Protocol { .. }) => self.ask_again(error.into())?,
                Err(error) => self.lost(error.into())?,
            }
        }
    }

    /// Waits until more has come, or connects.
    pub(crate) fn wait(&mut self) -> Result<()> {
        let Some(stream) = &mut self.stream else {
            sleep(std::mem::take(&mut self.pause));
            return self.connect();
        };
        let filled = self.runtime.block_on(timeout_of(&self.options, stream.fill()));
        filled.or_else(|error| self.lost(error.into()))
    }

    /// A server may be writing a transaction when it says where its file ends.
    fn is_at_end(&self) -> bool {
        let end = self.begun.as_ref().and_then(|begun| begun.end.as_ref());
        end.is_some_and(|(file, offset)| {
            file.as_str() == self.file && self.next >= *offset && self.state.is_outside()
                || LogName::new(&self.file)
                    .is_some_and(|now| now.base() == file.base() && now > *file)
        })
    }

    /// Connects and asks for what comes next.
    fn connect(&mut self) -> Result<()> {
        let options = std::slice::from_ref(&self.options);
        let mut chosen = match self.runtime.block_on(choose(options, Choose::First)) {
            Ok(chosen) => chosen,
            Err(error) => return self.lost(error),
        };
        match &self.begun {
            Some(begun) if begun.source != chosen.primary.source => {
                if let Err(error) = self.go_elsewhere(&mut chosen.connection, &chosen.primary)? {
                    return self.lost(error);
                }
            }
            Some(_) => {}
            None => {
                let found = self.runtime.block_on(async {
                    let (connection, primary) = (&mut chosen.connection, &chosen.primary);
                    let history = match self.from {
                        From::End => History::of_end(connection, primary).await?,
                        _ => History::default(),
                    };
                    Ok((history, chosen.logs().await?))
                });
                match found {
                    Ok((history, logs)) => self.begin(&chosen.primary, history, &logs)?,
                    Err(error) => return self.lost(error),
                }
            }
        }
        let Chosen { connection, primary, .. } = chosen;
        let Some((file, offset)) = self.resume.clone() else { return Ok(()) };
        (self.file, self.next) = (file.to_string(), offset);
        self.checksum = primary.checksum;
        self.state = TransactionState::Outside;
        self.history.break_off();
        let dump =
            Dump { file, offset, semi_sync: false, only_asks: false, report: Report::default() };
        let begun = timeout_of(&self.options, async {
            Ok(start_dump(connection, &primary, &self.identity, &dump).await)
        });
        match self.runtime.block_on(begun) {
            Ok(Ok(stream)) => self.stream = Some(stream),
            Ok(Err(error)) => self.lost(error)?,
            Err(error) => self.lost(error.into())?,
        }
        Ok(())
    }

    /// Finds where to go on, by GTID, as another server has this one's place; `Err` within if it may
    /// be tried again.
    fn go_elsewhere(
        &mut self,
        connection: &mut Connection,
        primary: &Primary,
    ) -> Result<Result<(), UpstreamError>> {
        let Some(begun) = &self.begun else { return Ok(Ok(())) };
        let (address, now) = (self.options.address(), &primary.source);
        let refusal = |why: &str| {
            anyhow!(
                "{address} is another server now ({now}, it was {}): {why}. Begin anew, --from a file \
                 of its own",
                begun.source
            )
        };
        let known = self.history_elsewhere().map_err(refusal)?;
        let search = async {
            let executed = executed_gtids(connection, primary, known).await?;
            let lacks = known.difference(&executed);
            if !lacks.is_empty() {
                return Ok(Err(lacks));
            }
            let id = self.identity.server_id;
            first_file_with_news(&self.options, primary, known, id).await.map(Ok)
        };
        let silent = |_| Err(silent(&self.options, "by saying nothing for too long").into());
        let search = async { timeout(SILENCE_MAX, search).await.unwrap_or_else(silent) };
        let file = match self.runtime.block_on(search) {
            Ok(Ok(file)) => file,
            Ok(Err(lacks)) => {
                return Err(refusal(&format!("it lacks transactions that were read: {lacks}")));
            }
            Err(error) => return Ok(Err(error)),
        };
        tracing::warn!("{address} is another server now, {now}: going on by GTID in its {file}");
        if let Some(begun) = &mut self.begun {
            begun.source = primary.source.clone();
        }
        (self.resume, self.given) = (Some((file, FIRST_EVENT)), (String::new(), 0));
        self.history.go_elsewhere();
        Ok(Ok(()))
    }

    /// The transactions that were read, if reading can go on at another server; else why not.
    fn history_elsewhere(&self) -> Result<&GtidSet, &'static str> {
        if self.until != Until::Forever {
            return Err("its files and positions are its own");
        }
        let is_within = |(file, offset): &(LogName, u64)| {
            file.as_str() == self.given.0 && *offset < self.given.1
        };
        if self.resume.as_ref().is_some_and(is_within) {
            return Err(
                "the other was lost in the middle of a transaction, of which a part was read",
            );
        }
        self.history.known()
    }

    /// Decides what is read, at the first connection.
    fn begin(&mut self, primary: &Primary, history: History, logs: &[PrimaryLog]) -> Result<()> {
        let oldest = logs.first().context("the server has no binlog files")?;
        let newest = logs.last().context("the server has no binlog files")?;
        let (file, offset) = match &self.from {
            From::At(file, offset) => (file.clone(), *offset),
            From::End => (newest.name.clone(), newest.end()),
            From::Oldest => (oldest.name.clone(), FIRST_EVENT),
        };
        let last = match &self.until {
            Until::Forever => None,
            Until::Now => Some(newest),
            Until::EndOf(file) => Some(place::log(logs, file)?),
        };
        let end = last.map(|log| (log.name.clone(), log.end()));
        if let Some((last, _)) = &end {
            let wanted = logs.iter().filter(|log| log.name >= file && log.name <= *last);
            self.progress = Progress::new(wanted.map(PrimaryLog::end).sum());
        }
        if self.from == From::End && end.is_some() {
            note_end(&format!("{file}:{offset}"));
        }
        self.history = history;
        self.begun = Some(Begun { source: primary.source.clone(), file: file.clone(), end });
        self.resume = Some((file, offset));
        Ok(())
    }

    /// Decides whether to try again, which [`wait`](Self::wait) does.
    fn lost(&mut self, error: UpstreamError) -> Result<()> {
        self.drop_stream();
        self.failures += 1;
        let is_over = self.until != Until::Forever && self.failures > FAILURES_MAX;
        if is_over || self.begun.is_none() || error.needs_somebody() || is_refusal(&error) {
            return Err(error.into());
        }
        self.pause = self.backoff.next_wait();
        tracing::warn!("{error}; trying again in {:.1} s", self.pause.as_secs_f64());
        Ok(())
    }

    /// What came makes no sense: it may have been damaged on the way, and come whole the next time.
    fn ask_again(&mut self, error: anyhow::Error) -> Result<()> {
        self.drop_stream();
        let times = match &self.damaged {
            // Nothing new has come since.
            Some((given, times)) if *given == self.given => times + 1,
            _ => 1,
        };
        if times > DAMAGES_MAX {
            return Err(error.context(format!("asked again {DAMAGES_MAX} times")));
        }
        self.damaged = Some((self.given.clone(), times));
        self.pause = self.backoff.next_wait();
        tracing::warn!("{error}; asking again in {:.1} s", self.pause.as_secs_f64());
        Ok(())
    }

    fn drop_stream(&mut self) {
        self.stream = None;
        self.header = None;
        self.bytes.clear();
    }

    /// Gathers the parts of an event; `false` if they have not all come yet.
    fn receive(&mut self) -> Result<bool, ClientError> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        loop {
            match stream.step()? {
                Step::Event(part) => {
                    self.bytes.extend_from_slice(part.bytes);
                    if part.last {
                        return Ok(true);
                    }
                }
                Step::NeedMore => return Ok(false),
                _ => return Err(silent(&self.options, "by ending the stream")),
            }
        }
    }

    /// Makes sense of the event that was received; `false` if it is not to be given out.
    fn take(&mut self) -> Result<bool> {
        let header = EventHeader::parse(&self.bytes).map_err(|error| self.bad(&error))?;
        let is_format = header.kind == EventKind::FORMAT_DESCRIPTION;
        if is_format {
            let format = FormatDescription::parse(&self.bytes).map_err(|error| self.bad(&error))?;
            self.checksum = format.checksum;
            self.format = Some(format);
        }
        let body = self.check(&header)?;
        self.backoff.reset();
        self.failures = 0;
        if header.is_artificial() && !is_format {
            if header.kind == EventKind::ROTATE {
                let rotate =
                    Rotate::parse(&self.bytes[..body]).map_err(|error| self.bad(&error))?;
                if rotate.file != self.file {
                    let name = LogName::new(rotate.file).with_context(|| {
                        format!("'{}' is no name of a binlog file", rotate.file)
                    })?;
                    (self.file, self.next) = (name.to_string(), rotate.position);
                    self.resume = Some((name, rotate.position));
                }
            }
            return Ok(false);
        }
        if header.is_artificial() {
            // The format of a file in whose middle reading begins: for the decoder alone.
            (self.header, self.offset) = (Some(header), 0);
            return Ok(true);
        }
        if self.format.is_none() {
            return Err(self.bad(&"an event comes before the format of its file"));
        }
        let begin = self.next;
        let end = begin.checked_add(u64::from(header.size));
        let end = end.ok_or_else(|| self.bad(&"no file is as long as this position"))?;
        if header.log_pos.0 != 0 && header.log_pos != LogPos::of(end) {
            bail!(
                "{}:{begin}: {} event: it says that it ends at {}, but it ends at {end}: events are \
                 missing",
                self.file,
                header.kind,
                header.log_pos,
            );
        }
        (self.header, self.offset, self.next) = (Some(header), begin, end);
        if is_format {
            // A server that died may have left a part of a transaction at the end of the file before.
            self.state = TransactionState::Outside;
            self.history.break_off();
        }
        let query = self.format.as_ref().and_then(|f| f.post_header_len(EventKind::QUERY));
        // Reading may have begun in the middle of a transaction.
        self.state = self
            .state
            .after(&header, &self.bytes[..body], true, query.unwrap_or(13))
            .unwrap_or_default();
        self.history.see(&header, &self.bytes[..body], self.state)?;
        if self.state.is_outside() {
            self.resume = LogName::new(&self.file).map(|name| (name, self.next));
        }
        // The server decrypts what follows, so that it means nothing here.
        Ok(header.kind != EventKind::START_ENCRYPTION)
    }

    /// The length without the checksum, which is right.
    fn check(&self, header: &EventHeader) -> Result<usize> {
        let len = self.bytes.len();
        let body = len.checked_sub(self.checksum.len()).context("an event without a checksum")?;
        if self.checksum == ChecksumAlgorithm::Crc32 {
            let (event, crc) = self.bytes.split_at(body);
            if event_crc32(event).to_le_bytes() != *crc {
                bail!(
                    "{}:{}: {} event: its checksum is wrong: the bytes were damaged on the way, or \
                     on the server",
                    self.file,
                    self.next,
                    header.kind
                );
            }
        }
        Ok(body)
    }

    fn bad(&self, error: &dyn std::fmt::Display) -> anyhow::Error {
        anyhow!("{}:{}: {error}", self.file, self.next)
    }
}

/// Whether the server will say the same the next time: it has purged what is wanted, say, or another
/// replica has this one's id.
fn is_refusal(error: &UpstreamError) -> bool {
    let UpstreamError::Client(error) = error else { return false };
    let code = error.server_error().map(|error| error.code);
    code == Some(ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG)
}

fn silent(options: &ConnectOptions, during: &'static str) -> ClientError {
    ClientError::Closed { address: options.address(), during }
}

async fn timeout_of<T>(
    options: &ConnectOptions,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let done = timeout(SILENCE_MAX, work).await;
    done.unwrap_or_else(|_| Err(silent(options, "by saying nothing for too long")))
}

#[cfg(test)]
mod tests;
