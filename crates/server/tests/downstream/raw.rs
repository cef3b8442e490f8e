//! A client that sends what it is told to, packet by packet.

use binlogd_wire::command::Command;
use binlogd_wire::compress::FrameHeader;
use binlogd_wire::handshake::{Greeting, HandshakeResponse};
use binlogd_wire::packet::{PacketHeader, PacketWriter};
use binlogd_wire::{Capabilities, ServerError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Fixture;

/// A connection of raw packets.
pub(crate) struct Raw(TcpStream);

impl Raw {
    /// Connects.
    pub(crate) async fn connected(fixture: &Fixture) -> Self {
        Self(TcpStream::connect(("127.0.0.1", fixture.port)).await.unwrap())
    }

    /// Connects and reads the greeting.
    pub(crate) async fn greeted(fixture: &Fixture) -> (Self, Greeting) {
        let mut raw = Self::connected(fixture).await;
        let (sequence, payload) = raw.packet().await.unwrap();
        assert_eq!(sequence, 0);
        (raw, Greeting::parse(&payload).unwrap())
    }

    /// Logs in as the user without a password.
    pub(crate) async fn logged_in(fixture: &Fixture) -> Self {
        let (mut raw, greeting) = Self::greeted(fixture).await;
        raw.send(1, &handshake(&greeting, WITH_PLUGINS)).await;
        let (sequence, payload) = raw.packet().await.unwrap();
        assert_eq!((sequence, payload[0]), (2, 0), "OK");
        raw
    }

    /// The next packet; `None` at the end of the connection.
    pub(crate) async fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = [0; 4];
        self.0.read_exact(&mut header).await.ok()?;
        let header = PacketHeader::parse(&header).unwrap();
        let mut payload = vec![0; header.len];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((header.sequence, payload))
    }

    /// The next compressed frame, as it is; it must come.
    pub(crate) async fn frame(&mut self) -> (FrameHeader, Vec<u8>) {
        let mut header = [0; 7];
        self.0.read_exact(&mut header).await.unwrap();
        let header = FrameHeader::parse(header);
        let mut body = vec![0; header.len];
        self.0.read_exact(&mut body).await.unwrap();
        (header, body)
    }

    pub(crate) async fn send(&mut self, sequence: u8, payload: &[u8]) {
        let mut out = Vec::new();
        PacketWriter::new(sequence).write(&mut out, payload);
        self.bytes(&out).await;
    }

    /// Sends bytes; the server may have closed already.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Sends a command and reads the first packet of its answer.
    pub(crate) async fn ask(&mut self, command: &Command<'_>) -> Option<(u8, Vec<u8>)> {
        let mut payload = Vec::new();
        command.encode(&mut payload, WITH_PLUGINS);
        self.send(0, &payload).await;
        self.packet().await
    }

    /// The error that comes next, and then the end.
    pub(crate) async fn last_error(mut self) -> (u8, u16) {
        let (sequence, payload) = self.packet().await.unwrap();
        let error = ServerError::parse(&payload).unwrap();
        assert_eq!(self.packet().await, None, "closed");
        (sequence, error.code.0)
    }
}

/// The least that a client can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities::PROTOCOL_41
    .with(Capabilities::SECURE_CONNECTION)
    .with(Capabilities::LONG_PASSWORD);

const WITH_PLUGINS: Capabilities = CAPABILITIES.with(Capabilities::PLUGIN_AUTH);

/// A handshake response of the user without a password.
pub(crate) fn handshake(greeting: &Greeting, capabilities: Capabilities) -> Vec<u8> {
    let mut payload = Vec::new();
    HandshakeResponse {
        capabilities,
        max_packet: 1 << 24,
        charset: greeting.charset,
        user: "open",
        auth_response: b"",
        database: None,
        auth_plugin: None,
        attributes: Default::default(),
        zstd_level: None,
    }
    .encode(&mut payload);
    payload
}
