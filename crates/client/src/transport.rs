//! The byte stream below the protocol: TCP or a unix socket, with TLS or without.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::compressed::Compressed;
use crate::options::ConnectOptions;

/// A connected stream.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
    Compressed(Box<Compressed<Self>>),
}

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Connects to where the options lead. Dropping the future gives the attempt up.
    pub(crate) async fn connect(options: &ConnectOptions) -> io::Result<Self> {
        if let Some(path) = &options.socket {
            return UnixStream::connect(path).await.map(Self::Unix);
        }
        let stream = TcpStream::connect((options.host.as_str(), options.port)).await?;
        // Acknowledgements are small, and waited for.
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    pub(crate) fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Goes on in TLS.
    pub(crate) async fn into_tls(
        self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Stream> {
        let stream = TlsConnector::from(config).connect(name, self).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl Stream {
    pub(crate) fn is_tls(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(_) => true,
            Self::Compressed(stream) => stream.inner().is_tls(),
        }
    }

    /// The certificate that the server has shown, in DER.
    pub(crate) fn server_certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => {
                let chain = stream.get_ref().1.peer_certificates()?;
                chain.first().map(AsRef::as_ref)
            }
            Self::Compressed(stream) => stream.inner().server_certificate(),
        }
    }

    /// How it is compressed, if it is.
    pub(crate) fn compressed(&mut self) -> Option<&mut Compressed<Self>> {
        match self {
            Self::Compressed(stream) => Some(stream),
            _ => None,
        }
    }

    /// Whether a password may go through as it is.
    pub(crate) fn is_secure(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_unix(),
            Self::Tls(_) => true,
            Self::Compressed(stream) => stream.inner().is_secure(),
        }
    }
}

macro_rules! delegate {
    ($type:ident { $($variant:ident),* }) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(inner) => Pin::new(inner).poll_read(cx, buf),)*
                }
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $(Self::$variant(inner) => Pin::new(inner).poll_write(cx, bytes),)*
                }
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(inner) => Pin::new(inner).poll_flush(cx),)*
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $(Self::$variant(inner) => Pin::new(inner).poll_shutdown(cx),)*
                }
            }
        }
    };
}

delegate!(Socket { Tcp, Unix });
delegate!(Stream { Plain, Tls, Compressed });
