//! The server's first packet.

use aws_lc_rs::rand;

use crate::capability::Capabilities;
use crate::error::WireError;
use crate::reader::Reader;
use crate::status::StatusFlags;
use crate::writer::Put;

/// The server's nonce: 20 bytes that go into the client's proof of its password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scramble(pub [u8; 20]);

impl Scramble {
    /// A new random scramble of printable ASCII characters, which clients may treat as a string.
    ///
    /// # Panics
    /// The operating system has no random numbers.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; 20];
        fill_random(&mut bytes);
        // 94 printable characters, without '$', which splits stored hashes, and the blank.
        Self(bytes.map(|b| match b'!' + b % 93 {
            b'$' => b'~',
            printable => printable,
        }))
    }

    /// The scramble in the data of a greeting or an auth switch request.
    ///
    /// # Errors
    /// The data has another length than 20, or 21 with a NUL.
    pub fn from_slice(data: &[u8]) -> Result<Self, WireError> {
        let data = if data.len() == 21 { data.strip_suffix(&[0]).unwrap_or(data) } else { data };
        data.try_into().map(Self).map_err(|_| WireError::BadValue {
            structure: "authentication data",
            field: "length",
            value: data.len() as u64,
        })
    }
}

#[expect(clippy::expect_used, reason = "without randomness nothing secure can be done")]
pub(crate) fn fill_random(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the operating system gives random numbers");
}

/// The server's greeting, protocol version 10.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The version as sent; MariaDB may put `5.5.5-` before its own.
    pub server_version: String,
    /// The connection's id, for `KILL`.
    pub connection_id: u32,
    /// The scramble.
    pub scramble: Scramble,
    /// What the server can do.
    pub capabilities: Capabilities,
    /// The low byte of the server's collation id.
    pub charset: u8,
    /// The status.
    pub status: StatusFlags,
    /// The server's default authentication plugin; empty if it names none.
    pub auth_plugin: String,
}

impl Greeting {
    /// The protocol version, the payload's first byte.
    pub const PROTOCOL_VERSION: u8 = 10;

    /// The longest version that a server may have, in bytes. Real ones have less than 100.
    pub const SERVER_VERSION_BYTES_MAX: usize = 512;

    /// Parses a payload. If it starts with `ff`, it is an error packet instead.
    ///
    /// # Errors
    /// Another protocol version, a truncated payload, or a server without 4.1 authentication.
    pub fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "Greeting");
        match r.u8("protocol version")? {
            Self::PROTOCOL_VERSION => {}
            other => return Err(r.bad_value("protocol version", u64::from(other))),
        }
        let version = r.nul_bytes("server version")?;
        if version.len() > Self::SERVER_VERSION_BYTES_MAX {
            return Err(r.bad_value("length of the server version", version.len() as u64));
        }
        let server_version = String::from_utf8_lossy(version).into_owned();
        let connection_id = r.u32("connection id")?;
        let first: [u8; 8] = r.array("scramble, first part")?;
        r.u8("filler")?;
        let caps_low = r.u16("capabilities")?;
        let charset = r.u8("character set")?;
        let status = StatusFlags(r.u16("status")?);
        let caps_high = r.u16("capabilities, high")?;
        let auth_data_len = usize::from(r.u8("authentication data length")?);
        r.array::<6>("reserved")?;
        let extended = r.u32("extended capabilities")?;

        let low = u32::from(caps_low) | u32::from(caps_high) << 16;
        let mut capabilities = Capabilities::from_halves(low, 0);
        if !capabilities.contains(Capabilities::SECURE_CONNECTION) {
            return Err(r.bad_value("capabilities", u64::from(low)));
        }
        // Only a server that is not MySQL's uses the last reserved bytes.
        if !capabilities.contains(Capabilities::LONG_PASSWORD) {
            capabilities = Capabilities::from_halves(low, extended);
        }
        let second = r.bytes(auth_data_len.saturating_sub(8).max(13), "scramble, second part")?;
        let mut scramble = [0; 20];
        scramble[..8].copy_from_slice(&first);
        scramble[8..].copy_from_slice(&second[..12]);
        let auth_plugin = if capabilities.contains(Capabilities::PLUGIN_AUTH) {
            // Some old servers forgot the NUL.
            let plugin = r.rest();
            let len = plugin.iter().position(|&b| b == 0).unwrap_or(plugin.len());
            r.utf8(&plugin[..len], "plugin")?.to_owned()
        } else {
            String::new()
        };
        Ok(Self {
            server_version,
            connection_id,
            scramble: Scramble(scramble),
            capabilities,
            charset,
            status,
            auth_plugin,
        })
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let low = self.capabilities.low().to_le_bytes();
        out.put_u8(Self::PROTOCOL_VERSION);
        out.put_nul_bytes(self.server_version.as_bytes());
        out.put_u32(self.connection_id);
        out.put_bytes(&self.scramble.0[..8]);
        out.put_u8(0);
        out.put_bytes(&low[..2]);
        out.put_u8(self.charset);
        out.put_u16(self.status.0);
        out.put_bytes(&low[2..]);
        let plugin_auth = self.capabilities.contains(Capabilities::PLUGIN_AUTH);
        out.put_u8(if plugin_auth { 21 } else { 0 });
        out.put_zeros(6);
        out.put_u32(self.capabilities.high());
        out.put_bytes(&self.scramble.0[8..]);
        out.put_u8(0);
        if plugin_auth {
            out.put_nul_bytes(self.auth_plugin.as_bytes());
        }
    }
}
