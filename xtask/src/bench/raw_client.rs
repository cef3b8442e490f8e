//! The least client there can be: blocking, for accounts without a password, and without a look
//! into what it is sent. A load or a sink that it drives costs next to nothing itself.

use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use binlogd_client::wire::command::Command;
use binlogd_client::wire::handshake::{Attributes, Greeting, HandshakeResponse};
use binlogd_client::wire::packet::{HEADER_LEN, PacketHeader};
use binlogd_client::wire::{Capabilities, ServerError};

/// Long enough for every answer but rows and events.
const BUFFER_LEN: usize = 16 << 10;

const CAPABILITIES: Capabilities = Capabilities::LONG_PASSWORD
    .with(Capabilities::PROTOCOL_41)
    .with(Capabilities::TRANSACTIONS)
    .with(Capabilities::SECURE_CONNECTION)
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::DEPRECATE_EOF);

/// A connection that is logged in.
#[derive(Debug)]
pub(super) struct RawClient<S> {
    stream: S,
    out: Vec<u8>,
    buffer: Box<[u8]>,
    filled: usize,
}

impl<S: Read + Write> RawClient<S> {
    /// Logs in to the server that listens at the stream's other end.
    ///
    /// # Errors
    /// If it refuses.
    pub(super) fn login(stream: S, user: &str) -> Result<Self> {
        let buffer = vec![0; BUFFER_LEN].into_boxed_slice();
        let mut client = Self { stream, out: Vec::new(), buffer, filled: 0 };
        let greeting = Greeting::parse(client.receive()?)?;
        let response = HandshakeResponse {
            capabilities: CAPABILITIES & greeting.capabilities,
            max_packet: 1 << 30,
            charset: 45,
            user,
            auth_response: b"",
            database: None,
            auth_plugin: Some(&greeting.auth_plugin),
            attributes: Attributes(Vec::new()),
            zstd_level: None,
        };
        client.send(1, |out| response.encode(out))?;
        client.expect_ok().with_context(|| format!("log in as {user} without a password"))?;
        Ok(client)
    }

    /// Runs a statement that answers without rows.
    ///
    /// # Errors
    /// What the server says.
    pub(super) fn execute(&mut self, sql: &str) -> Result<()> {
        self.command(&Command::Query(sql.as_bytes()))?;
        self.expect_ok()
    }

    /// Sends a command. What it answers is to be read from [`into_stream`](Self::into_stream).
    ///
    /// # Errors
    /// If the connection breaks.
    pub(super) fn command(&mut self, command: &Command<'_>) -> Result<()> {
        self.send(0, |out| command.encode(out, CAPABILITIES))
    }

    /// The stream itself.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    fn send(&mut self, sequence: u8, build: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        self.out.clear();
        self.out.resize(HEADER_LEN, 0);
        build(&mut self.out);
        let header = PacketHeader { len: self.out.len() - HEADER_LEN, sequence };
        self.out[..HEADER_LEN].copy_from_slice(&header.encode());
        Ok(self.stream.write_all(&self.out)?)
    }

    fn expect_ok(&mut self) -> Result<()> {
        let payload = self.receive()?;
        match payload.first() {
            Some(0) => Ok(()),
            Some(0xff) => bail!("{}", ServerError::parse(payload)?),
            first => bail!("the answer begins with {first:?} instead of OK"),
        }
    }

    /// The next payload. The server has said nothing beyond it, since it waits for us.
    fn receive(&mut self) -> Result<&[u8]> {
        self.filled = 0;
        loop {
            if let Some(header) = PacketHeader::parse(&self.buffer[..self.filled])
                && self.filled >= HEADER_LEN + header.len
            {
                return Ok(&self.buffer[HEADER_LEN..HEADER_LEN + header.len]);
            }
            match self.stream.read(&mut self.buffer[self.filled..])? {
                0 => bail!("the server closed the connection, or answers too much"),
                len => self.filled += len,
            }
        }
    }
}
