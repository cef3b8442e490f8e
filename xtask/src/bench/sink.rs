//! Readers that forget what they read: at so little cost of their own that what is measured is
//! who sends. One blocks until it has had enough; a [`Crowd`] of them shares one thread.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use binlogd_client::wire::command::Command;
use binlogd_client::wire::dump::{BinlogDump, DumpFlags};
use binlogd_event::EventKind;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};

use super::raw_client::RawClient;

/// What comes around each event that fits one packet: the packet's header, and a byte that says
/// that it is an event.
pub(super) const FRAMING_LEN: u64 = 5;

/// The account of sinks, which has no password.
pub(super) const USER: &str = "sink";

const BUFFER_LEN: usize = 256 << 10;

/// A reader that has asked for a dump.
#[derive(Debug)]
pub(super) struct Sink {
    stream: TcpStream,
}

impl Sink {
    /// Logs in to a server of this machine and asks for a dump.
    ///
    /// # Errors
    /// If it refuses.
    pub(super) fn connect(port: u16, file: &str, position: u32, server_id: u32) -> Result<Self> {
        let mut client = log_in(port)?;
        client.command(&Command::BinlogDump(BinlogDump {
            position,
            flags: DumpFlags::default(),
            server_id,
            file: file.as_bytes(),
        }))?;
        Ok(Self { stream: client.into_stream() })
    }

    /// How long it takes from asking for a dump until the first event of this type begins to come, for a
    /// reader that is logged in and has said something before.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn time_to_first(
        port: u16,
        says: Option<&str>,
        dump: &Command<'_>,
        kind: EventKind,
    ) -> Result<Duration> {
        let mut client = log_in(port)?;
        if let Some(says) = says {
            client.execute(says)?;
        }
        let asked = Instant::now();
        client.command(dump)?;
        let (mut stream, mut seen) = (client.into_stream(), Count::of(kind.0));
        let mut buffer = vec![0; BUFFER_LEN];
        while seen.count == 0 {
            match stream.read(&mut buffer)? {
                0 => bail!("the server closed the connection"),
                len => seen.feed(&buffer[..len]),
            }
        }
        Ok(asked.elapsed())
    }

    /// Reads until so many bytes have come.
    ///
    /// # Errors
    /// If the connection ends before.
    pub(super) fn drain(mut self, expected: u64) -> Result<()> {
        let mut buffer = vec![0; BUFFER_LEN];
        let mut received = 0;
        while received < expected {
            match self.stream.read(&mut buffer)? {
                0 => bail!("the server closed the connection after {received} bytes"),
                len => received += u64::try_from(len)?,
            }
        }
        Ok(())
    }
}

fn log_in(port: u16) -> Result<RawClient<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    let mut client = RawClient::login(stream, USER)?;
    client.execute("set @source_binlog_checksum = 'CRC32', @master_binlog_checksum = 'CRC32'")?;
    Ok(client)
}

/// Many readers that follow live, on one thread.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    members: Vec<(TcpStream, Count)>,
}

/// What a crowd has seen.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Bytes, those around events included.
    pub(super) bytes: u64,
    /// When which transaction, counted from 0 by each reader, arrived at one of the readers.
    pub(super) arrivals: Vec<(u32, Instant)>,
}

impl Crowd {
    /// Adds a reader.
    ///
    /// # Errors
    /// If its socket cannot be set up.
    pub(super) fn add(&mut self, sink: Sink) -> Result<()> {
        sink.stream.set_nonblocking(true)?;
        self.members.push((sink.stream, Count::of(XID_EVENT)));
        Ok(())
    }

    /// Reads until all have `commits` transactions, or `stop` says so.
    ///
    /// # Errors
    /// If a connection ends.
    pub(super) fn follow(mut self, commits: u32, stop: &AtomicBool) -> Result<Delivered> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, (stream, _)) in self.members.iter().enumerate() {
            let data = EventData::new_u64(u64::try_from(index)?);
            epoll::add(&epoll, stream, data, EventFlags::IN)?;
        }
        let mut delivered = Delivered::default();
        let mut waiting = self.members.len();
        let mut buffer = vec![0; BUFFER_LEN];
        let mut events = Vec::with_capacity(256);
        let tick = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        while waiting > 0 && !stop.load(Ordering::Relaxed) {
            events.clear();
            epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&tick))?;
            for event in &events {
                let index = usize::try_from(event.data.u64())?;
                let (stream, seen) = self.members.get_mut(index).context("a stranger")?;
                let len = match stream.read(&mut buffer) {
                    Ok(0) => bail!("the server closed a connection"),
                    Ok(len) => len,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error.into()),
                };
                delivered.bytes += u64::try_from(len)?;
                let before = seen.count;
                seen.feed(&buffer[..len]);
                if seen.count > before {
                    let now = Instant::now();
                    delivered.arrivals.extend((before..seen.count).map(|n| (n, now)));
                    waiting -= usize::from(before < commits && seen.count >= commits);
                }
            }
        }
        Ok(delivered)
    }
}

/// Counts the events of one type in a stream of packets.
#[derive(Debug)]
struct Count {
    kind: u8,
    count: u32,
    /// The front of a packet that has not all come yet.
    front: [u8; FRONT_LEN],
    front_len: usize,
    /// What is left of a packet whose front has come.
    skip: usize,
}

/// A packet's header, its first byte, and an event's header up to its type.
const FRONT_LEN: usize = 4 + 1 + 5;
/// The end of a transaction.
const XID_EVENT: u8 = 16;

impl Count {
    fn of(kind: u8) -> Self {
        Self { kind, count: 0, front: [0; FRONT_LEN], front_len: 0, skip: 0 }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let len = self.skip.min(bytes.len());
                self.skip -= len;
                bytes = &bytes[len..];
                continue;
            }
            let len = (FRONT_LEN - self.front_len).min(bytes.len());
            self.front[self.front_len..self.front_len + len].copy_from_slice(&bytes[..len]);
            self.front_len += len;
            bytes = &bytes[len..];
            if self.front_len == FRONT_LEN {
                let [a, b, c, ..] = self.front;
                // Every packet here is at least as long as an event's header.
                let rest = u32::from_le_bytes([a, b, c, 0]) as usize + 4;
                self.skip = rest.saturating_sub(FRONT_LEN);
                self.front_len = 0;
                self.count += u32::from(self.front[FRONT_LEN - 1] == self.kind);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_counted_however_the_bytes_come() {
        let packet = |kind: u8| {
            let mut packet = vec![27, 0, 0, 7, 0];
            packet.extend([1, 2, 3, 4, kind]);
            packet.resize(4 + 27, XID_EVENT);
            packet
        };
        let bytes = [packet(33), packet(30), packet(XID_EVENT), packet(16), packet(4)].concat();
        for step in 1..bytes.len() {
            let mut commits = Count::of(XID_EVENT);
            bytes.chunks(step).for_each(|chunk| commits.feed(chunk));
            assert_eq!(commits.count, 2, "in steps of {step}");
        }
    }
}
