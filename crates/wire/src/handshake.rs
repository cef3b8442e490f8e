//! The connection phase: greeting, TLS request, handshake response.
//!
//! Authentication itself is in [`auth`](crate::auth). Manual: "Connection Phase Packets".

mod greeting;
mod response;

pub(crate) use greeting::fill_random;
pub use greeting::{Greeting, Scramble};
pub use response::{Attributes, ClientReply, HandshakeResponse, SslRequest};

use crate::error::WireError;
use crate::reader::Reader;
use crate::writer::Put;

/// The length of the scramble of most authentication plugins, in bytes.
const SCRAMBLE_LEN: usize = 20;

/// The server asks for another authentication plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthSwitchRequest<'a> {
    /// The plugin's name.
    pub plugin: &'a str,
    /// The plugin's data, without the NUL that servers append to a scramble of 20 bytes. Other data has
    /// none, and may well end with one.
    pub data: &'a [u8],
}

impl<'a> AuthSwitchRequest<'a> {
    /// The payload's first byte.
    pub const MARKER: u8 = 0xfe;

    /// Parses a payload, its marker included.
    ///
    /// # Errors
    /// Not such a payload, or only the marker, with which servers before 4.1 asked for a method
    /// that nobody should use.
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "AuthSwitchRequest");
        marker(&mut r, Self::MARKER)?;
        let plugin = r.nul_bytes("plugin")?;
        let plugin = r.utf8(plugin, "plugin")?;
        let data = r.rest();
        let data = match data {
            [scramble @ .., 0] if scramble.len() == SCRAMBLE_LEN => scramble,
            data => data,
        };
        Ok(Self { plugin, data })
    }

    /// Appends the payload, with a NUL behind a scramble.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(Self::MARKER);
        out.put_nul_bytes(self.plugin.as_bytes());
        out.put_bytes(self.data);
        if self.data.len() == SCRAMBLE_LEN {
            out.put_u8(0);
        }
    }
}

/// Further data from the server's side of an authentication plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthMoreData<'a>(pub &'a [u8]);

impl<'a> AuthMoreData<'a> {
    /// The payload's first byte.
    pub const MARKER: u8 = 0x01;

    /// Parses a payload, its marker included.
    ///
    /// # Errors
    /// Not such a payload.
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "AuthMoreData");
        marker(&mut r, Self::MARKER)?;
        Ok(Self(r.rest()))
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(Self::MARKER);
        out.put_bytes(self.0);
    }
}

/// Reads the first byte of a payload, which must be `marker`.
pub(crate) fn marker(r: &mut Reader<'_>, marker: u8) -> Result<(), WireError> {
    match r.u8("marker")? {
        found if found == marker => Ok(()),
        found => Err(r.bad_value("marker", u64::from(found))),
    }
}

#[cfg(test)]
mod tests;
