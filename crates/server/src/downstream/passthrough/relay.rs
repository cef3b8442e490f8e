//! One command's packets to the primary, and its answer to the client, packet by packet: nothing is held.

use std::time::Duration;

use binlogd_client::{ClientError, Connection};
use binlogd_wire::WireError;
use binlogd_wire::command::CommandKind;
use binlogd_wire::packet::{HEADER_LEN, MAX_BODY_LEN, PacketHeader, PacketWriter};
use binlogd_wire::relay::{AnswerTracker, PREFIX_LEN, Step};

use crate::downstream::connection::send;
use crate::downstream::transport::Transport;

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::downstream) enum Ended {
    /// The client has all of it.
    Whole,
    /// The client has all but its last packet, which is still to be taken.
    Held,
    /// The client is gone.
    ClientLeft,
}

/// Why an answer did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(in crate::downstream) enum Broken {
    /// The primary's session.
    #[error("{0}")]
    Upstream(#[from] ClientError),
    /// What the primary sent.
    #[error("the primary sent what is not understood: {0}")]
    Wire(#[from] WireError),
    /// It has closed the connection.
    #[error("the primary closed the connection")]
    Closed,
    /// It wants a file of the client.
    #[error("the primary asked for a file of the client, which is refused")]
    LocalInfile,
    /// The client.
    #[error("cannot write to the client: {0}")]
    Client(std::io::Error),
}

/// A command and its answer under way.
#[derive(Debug)]
pub(in crate::downstream) struct Relay {
    tracker: AnswerTracker,
    /// Bytes of the current packet that are due.
    body_left: usize,
    /// Whether the next packet continues a payload.
    is_continued: bool,
    /// The sequence id that a packet after what was sent would have.
    pub(in crate::downstream) next_sequence: u8,
    pub(in crate::downstream) bytes: u64,
}

impl Relay {
    /// Sends a command's payload.
    pub(in crate::downstream) async fn begin(
        upstream: &mut Connection,
        payload: &[u8],
    ) -> Result<Self, Broken> {
        let kind = CommandKind(payload.first().copied().unwrap_or_default());
        let mut packets = PacketWriter::new(0);
        let mut out = Vec::with_capacity(payload.len() + HEADER_LEN);
        packets.build(&mut out, |out| out.extend_from_slice(payload));
        upstream.begin_relay().await?;
        upstream.relay_out(&out).await?;
        Ok(Self {
            tracker: AnswerTracker::new(kind, upstream.capabilities()),
            body_left: 0,
            is_continued: false,
            next_sequence: packets.sequence(),
            bytes: 0,
        })
    }

    /// Whether an error packet can follow what the client has.
    pub(in crate::downstream) fn takes_error(&self) -> bool {
        self.body_left == 0 && !self.is_continued && self.tracker.takes_error()
    }

    /// Passes the answer on to its end; with `hold` all but the last packet, as long as that is not an error.
    /// A command without an answer is at its end.
    pub(in crate::downstream) async fn run(
        &mut self,
        upstream: &mut Connection,
        client: &mut Transport,
        write_timeout: Duration,
        hold: bool,
    ) -> Result<Ended, Broken> {
        if self.tracker.is_ended() && self.body_left == 0 && !self.is_continued {
            upstream.end_relay();
            return Ok(Ended::Whole);
        }
        loop {
            let (len, stop) = self.scan(upstream.relayed(), hold)?;
            if len > 0 {
                let bytes = upstream.relayed().get(..len).unwrap_or_default();
                send(client, bytes, write_timeout).await.map_err(Broken::Client)?;
                upstream.consume_relayed(len);
                self.bytes = self.bytes.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
            }
            if let Some(ended) = stop {
                if ended == Ended::Whole {
                    upstream.end_relay();
                }
                return Ok(ended);
            }
            if len > 0 && !upstream.relayed().is_empty() {
                continue;
            }
            tokio::select! {
                biased;
                more = upstream.relay_in() => if !more? { return Err(Broken::Closed) },
                () = client.closed() => return Ok(Ended::ClientLeft),
            }
        }
    }

    /// How many of these bytes can be passed on, and whether the answer ends there.
    fn scan(&mut self, bytes: &[u8], hold: bool) -> Result<(usize, Option<Ended>), Broken> {
        let mut at = self.body_left.min(bytes.len());
        self.body_left -= at;
        loop {
            let is_ended = self.tracker.is_ended() && !self.is_continued;
            if self.body_left > 0 {
                return Ok((at, None));
            }
            if is_ended {
                return Ok((at, Some(Ended::Whole)));
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(header) = PacketHeader::parse(rest) else { return Ok((at, None)) };
            let body = rest.get(HEADER_LEN..).unwrap_or_default();
            if !self.is_continued {
                let Some(prefix) = body.get(..header.len.min(PREFIX_LEN)) else {
                    return Ok((at, None));
                };
                let mut next = self.tracker.clone();
                match next.on_payload(prefix, header.len)? {
                    Step::LocalInfile => return Err(Broken::LocalInfile),
                    Step::End if hold && prefix.first() != Some(&binlogd_wire::response::ERR) => {
                        return Ok((at, Some(Ended::Held)));
                    }
                    Step::End | Step::More => self.tracker = next,
                }
            }
            self.is_continued = header.len == MAX_BODY_LEN;
            self.next_sequence = header.sequence.wrapping_add(1);
            let taken = header.len.min(body.len());
            self.body_left = header.len - taken;
            at += HEADER_LEN + taken;
        }
    }

    /// The held last packet, once all of it has come.
    pub(in crate::downstream) async fn take_held(
        upstream: &mut Connection,
    ) -> Result<Vec<u8>, Broken> {
        loop {
            if let Some(header) = PacketHeader::parse(upstream.relayed()) {
                let len = HEADER_LEN + header.len;
                if let Some(packet) = upstream.relayed().get(..len) {
                    let packet = packet.to_vec();
                    upstream.consume_relayed(len);
                    upstream.end_relay();
                    return Ok(packet);
                }
                if len > Connection::RELAY_ROOM {
                    return Err(Broken::Closed);
                }
            }
            if !upstream.relay_in().await? {
                return Err(Broken::Closed);
            }
        }
    }
}
