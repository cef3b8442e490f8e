//! The socket under a session, with or without TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::state::TlsFacts;

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
    Tls(Box<TlsStream<Plain>>),
}

impl Transport {
    /// Goes on in TLS, once.
    pub(super) async fn upgrade(self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        match self {
            Self::Plain(plain) => Ok(Self::Tls(Box::new(acceptor.accept(plain).await?))),
            Self::Tls(_) => Err(io::Error::other("TLS within TLS")),
        }
    }

    /// Whether nobody between the client and here can listen.
    pub(super) fn is_secure(&self) -> bool {
        matches!(self, Self::Tls(_) | Self::Plain(Plain::Unix(_)))
    }

    /// The TLS in use.
    pub(super) fn tls(&self) -> Option<TlsFacts> {
        let Self::Tls(stream) = self else { return None };
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
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        delegate!(self, stream => Pin::new(stream).poll_read(cx, buf))
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
