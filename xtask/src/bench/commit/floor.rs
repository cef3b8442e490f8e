//! The least that can acknowledge: it reads events, does not look at them, keeps nothing, and answers.
//! Nobody on this machine acknowledges sooner, so it bounds what binlogd could reach.

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow, bail, ensure};
use binlogd_client::wire::command::Command;
use binlogd_client::wire::dump::{Ack, BinlogDump, DumpFlags, EventFramer, Step};
use rustix::io::{ReadWriteFlags, pwritev2};
use testkit::Server;

use crate::bench::raw_client::RawClient;

const USER: &str = "floor";
const BUFFER_LEN: usize = 256 << 10;
/// What is overwritten, round and round: as long as binlogd's journal.
const AREA_LEN: usize = 4 << 20;
const PAGE: usize = 4096;
/// Of an event's header: where `log_pos` lies.
const LOG_POS_AT: usize = 13;

/// An acknowledger on a thread of this process.
#[derive(Debug)]
pub(in crate::bench) struct Floor {
    stream: TcpStream,
    thread: JoinHandle<Result<()>>,
}

impl Floor {
    /// Begins where the primary is now. `durable` overwrites a page of a file on the disk, and
    /// waits until it is safe there, before each acknowledgement.
    ///
    /// # Errors
    /// If the primary refuses.
    pub(super) fn start(primary: &Server, durable: bool) -> Result<Self> {
        primary.sql(&format!(
            "set sql_log_bin = 0; create user if not exists {USER}; grant all on *.* to {USER}"
        ))?;
        let status = primary.query_rows("show binary log status")?;
        let [file, position, ..] = status.first().context("no binlog status")?.as_slice() else {
            bail!("a binlog status without a position");
        };
        let stream = TcpStream::connect(("127.0.0.1", primary.port()))?;
        stream.set_nodelay(true)?;
        let mut client = RawClient::login(stream, USER)?;
        client.execute(
            "set @source_binlog_checksum = @@global.binlog_checksum, @rpl_semi_sync_replica = 1",
        )?;
        client.command(&Command::BinlogDump(BinlogDump {
            position: position.parse()?,
            flags: DumpFlags::default(),
            server_id: 4712,
            file: file.as_bytes(),
        }))?;
        let stream = client.into_stream();
        let area = if durable { Some(Area::new()?) } else { None };
        let (from, file) = (stream.try_clone()?, file.clone());
        let thread = thread::spawn(move || acknowledge(from, &file, area));
        Ok(Self { stream, thread })
    }

    /// Ends it.
    ///
    /// # Errors
    /// If it has failed before.
    pub(super) fn stop(self) -> Result<()> {
        // It may have failed already, and says so itself.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.thread.join().map_err(|_| anyhow!("the acknowledger panicked"))?
    }
}

/// Answers until the connection ends.
fn acknowledge(mut stream: TcpStream, file: &str, mut area: Option<Area>) -> Result<()> {
    let mut framer = EventFramer::new(true);
    let mut buffer = vec![0; BUFFER_LEN];
    let (mut filled, mut unsafe_len, mut log_pos, mut wanted) = (0, 0, 0, None);
    loop {
        let mut start = 0;
        loop {
            let framed = framer.next(&buffer[start..filled], start == 0 && filled == BUFFER_LEN)?;
            start += framed.consumed;
            let part = match framed.step {
                Step::Event(part) => part,
                Step::NeedMore => break,
                Step::Eof => return Ok(()),
                Step::Err(error) => bail!("{error}"),
            };
            unsafe_len += part.bytes.len();
            if part.first {
                let bytes = part.bytes.get(LOG_POS_AT..).and_then(<[u8]>::first_chunk);
                log_pos = u32::from_le_bytes(*bytes.context("an event that is too short")?);
            }
            if part.last && part.wants_ack {
                wanted = Some(log_pos);
            }
        }
        if let Some(log_pos) = wanted.take() {
            if let Some(area) = &mut area {
                area.overwrite(unsafe_len)?;
            }
            unsafe_len = 0;
            let mut packet = Vec::with_capacity(64);
            Ack { position: log_pos.into(), file: file.as_bytes() }.encode_packet(&mut packet);
            if stream.write_all(&packet).is_err() {
                return Ok(());
            }
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
        match stream.read(&mut buffer[filled..]) {
            Ok(0) | Err(_) => return Ok(()),
            Ok(len) => filled += len,
        }
    }
}

/// A file whose pages are there, to be overwritten.
struct Area {
    file: File,
    bytes: Vec<u8>,
    at: usize,
}

impl Area {
    fn new() -> Result<Self> {
        let mut file = tempfile::tempfile()?;
        let bytes = vec![b'x'; AREA_LEN];
        file.write_all(&bytes)?;
        file.sync_all()?;
        Ok(Self { file, bytes, at: 0 })
    }

    /// Makes so many bytes safe.
    fn overwrite(&mut self, len: usize) -> Result<()> {
        let len = len.next_multiple_of(PAGE).clamp(PAGE, AREA_LEN);
        if self.at + len > AREA_LEN {
            self.at = 0;
        }
        let slice = IoSlice::new(&self.bytes[..len]);
        let written =
            pwritev2(&self.file, &[slice], u64::try_from(self.at)?, ReadWriteFlags::DSYNC)?;
        ensure!(written == len, "only {written} of {len} bytes were written");
        self.at += len;
        Ok(())
    }
}
