//! One reader's dump, from its command until it leaves.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use binlogd_event::ChecksumAlgorithm;
use binlogd_wire::dump::DumpFlags;
use tokio::time::Instant;

use super::ahead::{Newcomer, Unfit};
use super::first_file::wait_for_first_file;
use super::herald::News;
use super::mariadb::parse_position;
use super::{DumpError, MariadbWishes, Options, Progress, Sender, Start};
use crate::downstream::{
    ChecksumWish, DumpEnd, DumpFuture, DumpReader, DumpService, DumpSession, FromReader, Stop,
    StopReason,
};
use crate::reader_acks::AckingReader;
use crate::stream::Stream;

impl DumpService for Stream {
    fn dump(self: Arc<Self>, session: DumpSession) -> DumpFuture {
        Box::pin(serve(self, session))
    }
}

async fn serve(stream: Arc<Stream>, mut session: DumpSession) -> DumpEnd {
    let catalog = stream.catalog();
    if !is_non_blocking(&session)
        && let Err(end) = wait_for_first_file(&stream, &mut session).await
    {
        return end;
    }
    let options = options(&stream, &session);
    let mariadb = match mariadb_wishes(&stream, &session) {
        Ok(wishes) => wishes,
        Err(error) => return session.refuse(error.to_server_error()).await,
    };
    let start = Start {
        file: session.request.file.clone(),
        offset: session.request.position,
        has: session.request.gtid_set.take(),
        mariadb,
    };
    let mut out = Vec::new();
    let mut newcomer = Newcomer::new(&stream, &mut session, &start, options);
    let settled = newcomer.settle().await;
    let begun = match (settled, newcomer.sender.take()) {
        (Err(unfit), begun) => Err((unfit, begun)),
        (Ok(()), Some(begun)) => Ok(begun),
        (Ok(()), None) => newcomer.begin(&mut out).map_err(|error| (Unfit::Refused(error), None)),
    };
    let mut sender = match begun {
        Ok(sender) => sender,
        Err((Unfit::Over(end), _)) => return end,
        Err((Unfit::Refused(error), _)) if error.closes_connection() => {
            return DumpEnd::Io(std::io::Error::other(error.to_string()));
        }
        Err((Unfit::Refused(error), None)) => return session.refuse(error.to_server_error()).await,
        Err((Unfit::Refused(error), Some(mut begun))) => {
            let error = error.to_server_error();
            begun.error(&mut out, &error);
            return match session.writer.write(&out).await {
                Ok(()) => DumpEnd::Refused(error),
                Err(error) => DumpEnd::Io(error),
            };
        }
    };
    let (file, offset) = sender.place();
    tracing::debug!(connection = session.who.connection_id, file, offset, "dump begins");
    let semi_sync = session.wishes.semi_sync;
    let mut acks = semi_sync.then(|| stream.reader_acks().join(session.who.connection_id));
    let mut waiter = Waiter {
        news: stream.herald().listen(catalog),
        heartbeat: session.wishes.heartbeat_period,
        stop: session.stop.clone(),
    };
    loop {
        let progress = match sender.fill(&mut out, false) {
            Ok(Progress::OnDisk) => tokio::task::block_in_place(|| sender.fill(&mut out, true)),
            other => other,
        };
        if let Err(error) = &progress
            && error.closes_connection()
        {
            return DumpEnd::Io(std::io::Error::other(error.to_string()));
        }
        let refused = progress.as_ref().err().map(DumpError::to_server_error);
        if let Some(error) = &refused {
            sender.error(&mut out, error);
        }
        let asked = sender.take_asked();
        if let (Some(acks), Some((file, end))) = (&mut acks, asked.clone()) {
            acks.expect(file, end);
        }
        if let Err(end) = send(&mut session, &out).await {
            return end;
        }
        session.writer.show_place(sender.reached(), out.len());
        out.clear();
        if asked.is_some() {
            session.writer.expect_ack();
        }
        if let Some(acks) = &mut acks
            && let Err(end) = take_acks(&mut session.reader, acks)
        {
            return end;
        }
        match (progress, refused) {
            (_, Some(error)) => return DumpEnd::Refused(error),
            (Ok(Progress::Ended), _) => return DumpEnd::Finished,
            (Ok(Progress::CaughtUp), _) => {
                // A thousand idle readers need no buffers.
                out = Vec::new();
                if let Some(acks) = acks.as_mut().filter(|_| sender.is_all_asked()) {
                    // It has what it was not sent, as a reader by GTID may.
                    acks.has(sender.position());
                }
                session.writer.show_status(CAUGHT_UP);
                if let Some(end) =
                    waiter.wait(&mut sender, &mut session.reader, &mut acks, &mut out).await
                {
                    if let DumpEnd::Stopped(reason @ StopReason::Replaced) = end {
                        // Between two packets it can be told, as a primary tells it.
                        let error = sender.failed(&reason.error().message).to_server_error();
                        sender.error(&mut out, &error);
                        let _ = session.writer.write(&out).await;
                    }
                    return end;
                }
                session.writer.show_status(SENDING);
            }
            _ => {}
        }
    }
}

/// Sends packets, however long the reader takes.
pub(super) async fn send(session: &mut DumpSession, packets: &[u8]) -> Result<(), DumpEnd> {
    // Nearly always all of it goes at once.
    let sent = session.writer.write_some(packets).await.map_err(DumpEnd::Io)?;
    if sent == packets.len() && !session.writer.must_flush() {
        return Ok(());
    }
    tokio::select! {
        sent = session.writer.write(&packets[sent..]) => sent.map_err(DumpEnd::Io),
        reason = session.stop.stopped() => Err(DumpEnd::Stopped(reason)),
    }
}

/// Takes the acknowledgements that have come already.
fn take_acks(reader: &mut DumpReader, acks: &mut AckingReader) -> Result<(), DumpEnd> {
    loop {
        let next = pin!(reader.next());
        match next.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(FromReader::Ack { file, position })) => {
                acks.acknowledge(&file, position);
            }
            Poll::Ready(Ok(FromReader::Left)) => return Err(DumpEnd::ReaderLeft),
            Poll::Ready(Err(end)) => return Err(end),
        }
    }
}

/// As MySQL's process list has it.
const CAUGHT_UP: &str = "Source has sent all binlog to replica; waiting for more updates";
/// As MySQL's process list has it.
const SENDING: &str = "Sending binlog event to replica";

fn options(stream: &Stream, session: &DumpSession) -> Options {
    let checksum = match &session.wishes.checksum {
        ChecksumWish::NotSet => None,
        ChecksumWish::Crc32 => Some(ChecksumAlgorithm::Crc32),
        // mysql_async says ALL.
        ChecksumWish::Other(name) if stream.is_mariadb() && !name.eq_ignore_ascii_case("NONE") => {
            Some(ChecksumAlgorithm::Crc32)
        }
        ChecksumWish::Other(_) => Some(ChecksumAlgorithm::None),
    };
    let flags = session.request.flags;
    let is_mysql = !stream.is_mariadb();
    Options {
        server_id: stream.identity().server_id,
        checksum,
        // MariaDB's replicas ask for something else with the same bit.
        heartbeat_v2: is_mysql && flags.contains(DumpFlags::ANNOTATE_OR_HEARTBEAT_V2),
        semi_sync: session.wishes.semi_sync,
        non_blocking: is_non_blocking(session),
    }
}

/// Servers take id 0, mysqlbinlog's, for the same wish.
fn is_non_blocking(session: &DumpSession) -> bool {
    session.request.is_non_blocking() || session.request.server_id == 0
}

/// What a reader of a MariaDB stream has said; `None` in other streams.
fn mariadb_wishes(
    stream: &Stream,
    session: &DumpSession,
) -> Result<Option<MariadbWishes>, DumpError> {
    if !stream.is_mariadb() {
        return Ok(None);
    }
    let said = &session.wishes;
    let position = |text: &Option<String>| text.as_deref().map(parse_position).transpose();
    Ok(Some(MariadbWishes {
        capability: said.mariadb_capability,
        annotate: session.request.flags.contains(DumpFlags::ANNOTATE_OR_HEARTBEAT_V2),
        skip_replication: said.skip_replication,
        strict: said.gtid_strict_mode,
        lenient_domains: BTreeSet::new(),
        state: position(&said.slave_connect_state)?,
        until: position(&said.slave_until_gtid)?,
    }))
}

/// Waits for what happens next to a reader that is up to date.
struct Waiter {
    news: News,
    heartbeat: Option<Duration>,
    stop: Stop,
}

impl Waiter {
    /// Returns when there is something to send: new events, or a heartbeat, which is put into
    /// `out`. `Some` says that the dump is over.
    async fn wait(
        &mut self,
        sender: &mut Sender,
        reader: &mut DumpReader,
        acks: &mut Option<AckingReader>,
        out: &mut Vec<u8>,
    ) -> Option<DumpEnd> {
        let position = sender.position();
        let heartbeat_at = self.heartbeat.map(|period| Instant::now() + period);
        loop {
            let heartbeat = async {
                match heartbeat_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.news.past(position) => return None,
                () = heartbeat => {
                    sender.heartbeat(out);
                    return None;
                }
                said = reader.next() => match said {
                    Ok(FromReader::Ack { file, position }) => {
                        if let Some(acks) = acks {
                            acks.acknowledge(&file, position);
                        }
                    }
                    Ok(FromReader::Left) => return Some(DumpEnd::ReaderLeft),
                    Err(end) => return Some(end),
                },
                reason = self.stop.stopped() => return Some(DumpEnd::Stopped(reason)),
            }
        }
    }
}
