//! Payloads over a transport, until a dump takes it over.

use std::io;
use std::time::Duration;

use binlogd_client::compressed::{self, Compressed};
use binlogd_wire::WireError;
use binlogd_wire::compress::Compression;
use binlogd_wire::packet::{PacketReceiver, PacketWriter};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::transport::Transport;

/// The receive buffer, in bytes: longer payloads are collected as they come.
const RECEIVE_BUFFER_LEN: usize = 8 << 10;
/// A send buffer that has grown beyond this many bytes is given back after use.
const SEND_BUFFER_KEPT: usize = 64 << 10;
/// Higher levels save less than a tenth more of a frame, and take a runtime's thread ten times as long.
const ZSTD_LEVEL_SERVED_MAX: u8 = 9;

/// One client's connection in the connection and command phases.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) transport: Transport,
    receiver: PacketReceiver,
    payload_len_max: usize,
    /// Counts the sequence ids of what is sent.
    pub(super) packets: PacketWriter,
    /// What [`flush`](Self::flush) sends.
    pub(super) out: Vec<u8>,
    pub(super) write_timeout: Duration,
}

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The connection failed.
    #[error("cannot read: {0}")]
    Io(io::Error),
    /// The client does not speak the protocol.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// The client left in the middle of a packet.
    #[error("the connection ended in the middle of a packet")]
    Truncated,
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match compressed::wire_error(error) {
            Ok(wire) => Self::Wire(wire),
            Err(error) => Self::Io(error),
        }
    }
}

impl Connection {
    pub(super) fn new(
        transport: Transport,
        payload_len_max: usize,
        write_timeout: Duration,
    ) -> Self {
        Self {
            transport,
            receiver: PacketReceiver::new(RECEIVE_BUFFER_LEN, payload_len_max),
            payload_len_max,
            packets: PacketWriter::new(0),
            out: Vec::new(),
            write_timeout,
        }
    }

    /// Allows longer payloads, once the client is known.
    pub(super) fn set_payload_len_max(&mut self, bytes: usize) {
        self.payload_len_max = bytes;
        self.receiver.decoder().set_max_payload_len(bytes);
    }

    /// Expects a new command: sequence ids start again.
    pub(super) fn expect_command(&mut self) {
        self.receiver.decoder().set_sequence(0);
        if let Some(stream) = self.transport.compressed() {
            stream.begin_command();
        }
    }

    /// Reads the next payload, which [`payload`](Self::payload) then is; `false` if the client has
    /// left between two of them. What is sent next answers it.
    ///
    /// Cancel safe: no byte is lost.
    pub(super) async fn read(&mut self) -> Result<bool, ReadError> {
        while !self.receiver.poll()? {
            let len = self.transport.read(self.receiver.spare()).await?;
            if len == 0 {
                let cut = self.receiver.is_mid_packet();
                return if cut { Err(ReadError::Truncated) } else { Ok(false) };
            }
            self.receiver.filled(len);
        }
        let sequence = self.receiver.decoder().sequence();
        self.packets.set_sequence(sequence);
        Ok(true)
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.receiver.payload()
    }

    /// Goes on in TLS, which the payload read last has asked for.
    ///
    /// Not cancel safe: the connection is lost.
    pub(super) async fn start_tls(mut self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        let behind = self.receiver.buffered().to_vec();
        let sequence = self.receiver.decoder().sequence();
        self.receiver = PacketReceiver::new(RECEIVE_BUFFER_LEN, self.payload_len_max);
        self.receiver.decoder().set_sequence(sequence);
        self.transport = self.transport.upgrade(behind, acceptor).await?;
        Ok(self)
    }

    /// Goes on in compressed frames, at the level that the client wants but for the highest ones.
    pub(super) fn into_compressed(mut self, compression: Compression) -> Self {
        let behind = self.receiver.buffered().to_vec();
        self.receiver = PacketReceiver::new(RECEIVE_BUFFER_LEN, self.payload_len_max);
        self.receiver.decoder().accept_any_sequence();
        // Nobody needs frames longer than the longest payload.
        let frame_len_max = self.payload_len_max.max(RECEIVE_BUFFER_LEN);
        let compression = match compression {
            Compression::Zlib => Compression::Zlib,
            Compression::Zstd { level } => {
                Compression::Zstd { level: level.min(ZSTD_LEVEL_SERVED_MAX) }
            }
        };
        let stream = Compressed::new(self.transport, compression, &behind, frame_len_max);
        self.transport = Transport::Compressed(Box::new(stream));
        self
    }

    /// Puts a payload into `out`.
    pub(super) fn put(&mut self, build: impl FnOnce(&mut Vec<u8>)) {
        self.packets.build(&mut self.out, build);
    }

    /// Sends what is in `out`. The client answers in sequence.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let result = send(&mut self.transport, &self.out, self.write_timeout).await;
        self.out.clear();
        if self.out.capacity() > SEND_BUFFER_KEPT {
            self.out = Vec::new();
        }
        let sequence = self.packets.sequence();
        self.receiver.decoder().set_sequence(sequence);
        result
    }

    /// Gives the parts to a dump. What was received and not read stays in the receiver.
    pub(super) fn into_parts(self) -> (Transport, PacketReceiver) {
        (self.transport, self.receiver)
    }
}

/// Writes and flushes `bytes`.
///
/// # Errors
/// The connection failed, or for `timeout` the client has taken nothing.
pub(super) async fn send<W: AsyncWrite + Unpin>(
    to: &mut W,
    bytes: &[u8],
    timeout: Duration,
) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = tokio::time::timeout(timeout, to.write(rest)).await??;
        if len == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = &rest[len..];
    }
    tokio::time::timeout(timeout, to.flush()).await?
}
