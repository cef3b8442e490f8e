//! Payloads over a stream: reading, writing, sequence ids.

use std::io;

use binlogd_wire::compress::{Compression, FRAME_LEN_MAX};
use binlogd_wire::packet::{PacketReceiver, PacketWriter};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::compressed::{self, Compressed};
use crate::error::ClientError;
use crate::transport::Stream;

/// The receive buffer, in bytes: a longer payload takes as much memory as it needs while it lasts.
const RECEIVE_BUFFER_LEN: usize = 32 << 10;

/// A send buffer that has grown beyond this many bytes is given back after use.
const KEEP_SEND_BUFFER_LEN: usize = 1 << 20;

/// A stream that carries payloads.
pub(crate) struct Channel<S = Stream> {
    pub(crate) stream: S,
    pub(crate) address: String,
    receiver: PacketReceiver,
    out: Vec<u8>,
    /// What is going on, for the error of a closed connection.
    pub(crate) activity: &'static str,
}

impl<S> Channel<S> {
    pub(crate) fn new(stream: S, address: String, max_payload_len: usize) -> Self {
        Self {
            stream,
            address,
            receiver: PacketReceiver::new(RECEIVE_BUFFER_LEN, max_payload_len),
            out: Vec::new(),
            activity: "during the login",
        }
    }

    /// Goes on over another stream, and gives back the old one.
    pub(crate) fn replace_stream<T>(self, stream: T) -> (S, Channel<T>) {
        let Self { stream: old, address, receiver, out, activity } = self;
        (old, Channel { stream, address, receiver, out, activity })
    }

    /// How many bytes were received that nobody has asked for yet.
    pub(crate) fn unread_len(&self) -> usize {
        self.receiver.buffered().len()
    }

    /// What was received and not read.
    pub(crate) fn unread(&self) -> &[u8] {
        self.receiver.buffered()
    }

    /// Takes bytes of [`unread`](Self::unread).
    pub(crate) fn consume(&mut self, len: usize) {
        self.receiver.consume(len);
    }

    pub(crate) fn set_max_payload_len(&mut self, max_payload_len: usize) {
        self.receiver.decoder().set_max_payload_len(max_payload_len);
    }

    /// The payload read last.
    pub(crate) fn payload(&self) -> &[u8] {
        self.receiver.payload()
    }

    fn closed(&self) -> ClientError {
        ClientError::Closed { address: self.address.clone(), during: self.activity }
    }

    fn io_error(&self, error: io::Error) -> ClientError {
        io_error(&self.address, self.activity, error)
    }
}

impl Channel {
    /// Goes on in compressed frames.
    pub(crate) fn into_compressed(self, compression: Compression) -> Self {
        let received = self.receiver.buffered().to_vec();
        let (stream, mut channel) = self.replace_stream(());
        let max_payload_len = channel.receiver.decoder().max_payload_len();
        channel.receiver = PacketReceiver::new(RECEIVE_BUFFER_LEN, max_payload_len);
        channel.receiver.decoder().accept_any_sequence();
        // Servers make frames as large as they like.
        let stream = Compressed::new(stream, compression, &received, FRAME_LEN_MAX);
        channel.replace_stream(Stream::Compressed(Box::new(stream))).1
    }

    /// Starts sequence ids again.
    pub(crate) fn begin_command(&mut self) {
        self.receiver.decoder().set_sequence(0);
        if let Some(stream) = self.stream.compressed() {
            stream.begin_command();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    /// Reads a whole payload; [`payload`](Self::payload) is it. Cancellation loses nothing.
    pub(crate) async fn read(&mut self) -> Result<(), ClientError> {
        loop {
            match self.receiver.poll() {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    return Err(ClientError::Protocol { address: self.address.clone(), error });
                }
            }
            let len = match self.stream.read(self.receiver.spare()).await {
                Ok(0) => return Err(self.closed()),
                Ok(len) => len,
                Err(error) => return Err(self.io_error(error)),
            };
            self.receiver.filled(len);
        }
    }

    /// Receives more bytes, without reading them; `false` at the end. Cancellation loses nothing.
    pub(crate) async fn fill(&mut self) -> Result<bool, ClientError> {
        match self.stream.read(self.receiver.spare()).await {
            Ok(len) => {
                self.receiver.filled(len);
                Ok(len > 0)
            }
            Err(error) => Err(self.io_error(error)),
        }
    }

    /// Sends bytes as they are. Not cancellation safe.
    pub(crate) async fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        written.await.map_err(|error| self.io_error(error))
    }

    /// Sends the payload that `build` appends, as the next in sequence. Not cancellation safe.
    pub(crate) async fn write(
        &mut self,
        build: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), ClientError> {
        self.out.clear();
        let mut packets = PacketWriter::new(self.receiver.decoder().sequence());
        packets.build(&mut self.out, build);
        self.receiver.decoder().set_sequence(packets.sequence());
        let written = async {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await
        };
        let written = written.await;
        if self.out.capacity() > KEEP_SEND_BUFFER_LEN {
            self.out = Vec::new();
        }
        written.map_err(|error| self.io_error(error))
    }

    pub(crate) async fn shutdown(&mut self) -> Result<(), ClientError> {
        match self.stream.shutdown().await {
            // The server may have been faster.
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Err(self.io_error(error)),
            _ => Ok(()),
        }
    }
}

/// The error of a stream that fails.
pub(crate) fn io_error(address: &str, during: &'static str, error: io::Error) -> ClientError {
    let address = address.to_owned();
    let error = match compressed::wire_error(error) {
        Ok(error) => return ClientError::Protocol { address, error },
        Err(error) => error,
    };
    match error.kind() {
        // Under TLS 1.3 the server's verdict on the client's certificate comes with the first read.
        _ if is_tls_failure(&error) => ClientError::Tls { address, error },
        // TLS reports an end without its own goodbye as unexpected; servers never say it.
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => ClientError::Closed { address, during },
        _ => ClientError::Io { address, error },
    }
}

/// Whether TLS failed; not if bytes were damaged on the way, as they can be without TLS too.
fn is_tls_failure(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    tls.is_some_and(|error| *error != rustls::Error::DecryptError)
}
