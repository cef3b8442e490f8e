//! The socket under a session, with or without TLS and compression.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use binlogd_client::compressed::Compressed;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::state::TlsFacts;

/// A client that has sent more than it was asked for is looked after this often, since its socket does not
/// say by itself when it has closed, too.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A socket as it was accepted.
#[derive(Debug)]
pub(super) enum Plain {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What a session reads from and writes to.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(Plain),
    Tls(Box<TlsStream<Received>>),
    Compressed(Box<Compressed<Self>>),
}

/// A socket of which something was read already: a client does not wait between asking for TLS and
/// beginning it, so the beginning can come with the request.
#[derive(Debug)]
pub(super) struct Received {
    bytes: Vec<u8>,
    taken: usize,
    rest: Plain,
}

impl Transport {
    /// Goes on in TLS, once. `bytes` came behind the request for it: they count as TLS, whatever
    /// they are, so nothing said in the clear can pass for said within.
    ///
    /// Not cancel safe: the connection is lost.
    pub(super) async fn upgrade(self, bytes: Vec<u8>, acceptor: &TlsAcceptor) -> io::Result<Self> {
        match self {
            Self::Plain(rest) => {
                let received = Received { bytes, taken: 0, rest };
                Ok(Self::Tls(Box::new(acceptor.accept(received).await?)))
            }
            _ => Err(io::Error::other("TLS within TLS")),
        }
    }

    /// Whether nobody between the client and here can listen.
    pub(super) fn is_secure(&self) -> bool {
        match self {
            Self::Plain(Plain::Tcp(_)) => false,
            Self::Plain(Plain::Unix(_)) | Self::Tls(_) => true,
            Self::Compressed(stream) => stream.inner().is_secure(),
        }
    }

    /// Whether it is TLS.
    pub(super) fn is_tls(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(_) => true,
            Self::Compressed(stream) => stream.inner().is_tls(),
        }
    }

    /// Waits until the client has closed the connection. Reads nothing, so nothing is lost.
    pub(super) async fn closed(&self) {
        loop {
            let ready = match self.plain() {
                Plain::Tcp(stream) => stream.ready(Interest::READABLE).await,
                Plain::Unix(stream) => stream.ready(Interest::READABLE).await,
            };
            if ready.is_ok_and(|ready| ready.is_read_closed()) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The socket itself.
    fn plain(&self) -> &Plain {
        match self {
            Self::Plain(plain) => plain,
            Self::Tls(stream) => &stream.get_ref().0.rest,
            Self::Compressed(stream) => stream.inner().plain(),
        }
    }

    /// How it is compressed, if it is.
    pub(super) fn compressed(&mut self) -> Option<&mut Compressed<Self>> {
        match self {
            Self::Compressed(stream) => Some(stream),
            _ => None,
        }
    }

    /// Whether the client has shown a certificate, which was checked then.
    pub(super) fn has_client_cert(&self) -> bool {
        let stream = match self {
            Self::Tls(stream) => stream,
            Self::Compressed(stream) => return stream.inner().has_client_cert(),
            Self::Plain(_) => return false,
        };
        let (_, connection) = stream.get_ref();
        connection.peer_certificates().is_some_and(|chain| !chain.is_empty())
    }

    /// The TLS in use.
    pub(super) fn tls(&self) -> Option<TlsFacts> {
        let stream = match self {
            Self::Plain(_) => return None,
            Self::Tls(stream) => stream,
            Self::Compressed(stream) => return stream.inner().tls(),
        };
        let (_, connection) = stream.get_ref();
        let version = match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "",
        };
        let suite = connection.negotiated_cipher_suite();
        // MySQL shows OpenSSL's names, which are the standard's for TLS 1.3.
        let cipher = suite.and_then(|suite| suite.suite().as_str()).unwrap_or_default();
        Some(TlsFacts { version, cipher: cipher.replace("TLS13_", "TLS_") })
    }
}

macro_rules! delegate {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Self::Plain(Plain::Tcp($stream)) => $call,
            Self::Plain(Plain::Unix($stream)) => $call,
            Self::Tls($stream) => $call,
            Self::Compressed($stream) => $call,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match delegate!(self, stream => Pin::new(stream).poll_read(cx, buf)) {
            // Clients close a connection without ending its TLS. Packets carry their lengths, so that one that is cut
            // off is noticed without it.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

macro_rules! delegate_plain {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Self::Tcp($stream) => $call,
            Self::Unix($stream) => $call,
        }
    };
}

impl AsyncRead for Plain {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate_plain!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Plain {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        delegate_plain!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate_plain!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate_plain!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

impl AsyncRead for Received {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let left = &this.bytes[this.taken..];
        if left.is_empty() {
            return Pin::new(&mut this.rest).poll_read(cx, buf);
        }
        let len = left.len().min(buf.remaining());
        buf.put_slice(&left[..len]);
        this.taken += len;
        if this.taken == this.bytes.len() {
            (this.bytes, this.taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Received {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().rest).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().rest).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().rest).poll_shutdown(cx)
    }
}
