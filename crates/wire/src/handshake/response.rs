//! The client's answer to the greeting.

use crate::capability::Capabilities;
use crate::compress::ZSTD_LEVEL_DEFAULT;
use crate::error::WireError;
use crate::reader::Reader;
use crate::writer::Put;

/// The length of the fields that an SSLRequest has in common with a handshake response, in bytes.
const FIXED_LEN: usize = 32;

/// The client's wish to go on in TLS: the fixed part of its handshake response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SslRequest {
    /// What the client wants to use; [`Capabilities::SSL`] is among it.
    pub capabilities: Capabilities,
    /// The longest payload the client takes, in bytes; nothing follows from it.
    pub max_packet: u32,
    /// The low byte of the client's collation id.
    pub charset: u8,
}

impl SslRequest {
    fn parse_fixed(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let low = r.u32("capabilities")?;
        if !Capabilities::from_halves(low, 0).contains(Capabilities::PROTOCOL_41) {
            return Err(r.bad_value("capabilities", u64::from(low)));
        }
        let max_packet = r.u32("max packet")?;
        let charset = r.u8("character set")?;
        r.array::<19>("reserved")?;
        let extended = r.u32("extended capabilities")?;
        // MySQL's clients have LONG_PASSWORD set and fill the place with zeros.
        let is_mysql = Capabilities::from_halves(low, 0).contains(Capabilities::LONG_PASSWORD);
        let capabilities = Capabilities::from_halves(low, if is_mysql { 0 } else { extended });
        Ok(Self { capabilities, max_packet, charset })
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.capabilities.low());
        out.put_u32(self.max_packet);
        out.put_u8(self.charset);
        out.put_zeros(19);
        out.put_u32(self.capabilities.high());
    }
}

/// What a client sends first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientReply<'a> {
    /// TLS comes next, then a handshake response.
    Ssl(SslRequest),
    /// The handshake response.
    Handshake(HandshakeResponse<'a>),
}

impl<'a> ClientReply<'a> {
    /// Parses the first payload from a client.
    ///
    /// # Errors
    /// As [`HandshakeResponse::parse`].
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        if payload.len() == FIXED_LEN {
            let mut r = Reader::new(payload, "SslRequest");
            let request = SslRequest::parse_fixed(&mut r)?;
            if request.capabilities.contains(Capabilities::SSL) {
                return Ok(Self::Ssl(request));
            }
        }
        HandshakeResponse::parse(payload).map(Self::Handshake)
    }
}

/// The client's handshake response, protocol 4.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeResponse<'a> {
    /// What the client wants to use. It says which of the fields below are there.
    pub capabilities: Capabilities,
    /// The longest payload the client takes, in bytes; nothing follows from it.
    pub max_packet: u32,
    /// The low byte of the client's collation id.
    pub charset: u8,
    /// The account's name.
    pub user: &'a str,
    /// The plugin's proof of the password.
    pub auth_response: &'a [u8],
    /// The database to use.
    pub database: Option<&'a str>,
    /// The plugin that made `auth_response`.
    pub auth_plugin: Option<&'a str>,
    /// What the client says about itself.
    pub attributes: Attributes<'a>,
    /// How hard both sides are to compress, with [`Capabilities::ZSTD_COMPRESSION`].
    pub zstd_level: Option<u8>,
}

impl<'a> HandshakeResponse<'a> {
    /// Parses a payload. What follows the known fields is left alone, as servers do.
    ///
    /// # Errors
    /// The payload is truncated, from before protocol 4.1, or a name is not UTF-8.
    pub fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "HandshakeResponse");
        let SslRequest { capabilities, max_packet, charset } = SslRequest::parse_fixed(&mut r)?;
        let has = |flag| capabilities.contains(flag);
        let user = r.nul_bytes("user")?;
        let user = r.utf8(user, "user")?;
        let auth_response = if has(Capabilities::PLUGIN_AUTH_LENENC_DATA) {
            r.lenenc_bytes("authentication response")?
        } else if has(Capabilities::SECURE_CONNECTION) {
            r.short_bytes("authentication response")?
        } else {
            r.nul_bytes("authentication response")?
        };
        let mut database = None;
        if has(Capabilities::CONNECT_WITH_DB) {
            let name = r.nul_bytes("database")?;
            database = Some(r.utf8(name, "database")?).filter(|name| !name.is_empty());
        }
        // Connectors exist that set the flags of the last two and send neither.
        let mut auth_plugin = None;
        if has(Capabilities::PLUGIN_AUTH) && !r.is_empty() {
            let name = r.nul_bytes("plugin")?;
            auth_plugin = Some(r.utf8(name, "plugin")?);
        }
        let mut attributes = Attributes::default();
        if has(Capabilities::CONNECT_ATTRS) && !r.is_empty() {
            attributes = Attributes::parse(r.lenenc_bytes("attributes")?)?;
        }
        let mut zstd_level = None;
        if has(Capabilities::ZSTD_COMPRESSION) && !r.is_empty() {
            zstd_level = Some(r.u8("zstd level")?);
        }
        Ok(Self {
            capabilities,
            max_packet,
            charset,
            user,
            auth_response,
            database,
            auth_plugin,
            attributes,
            zstd_level,
        })
    }

    /// Appends the payload. Only those of the last fields are written that `capabilities` announces;
    /// without [`Capabilities::PLUGIN_AUTH_LENENC_DATA`], no more than 255 bytes of `auth_response`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let has = |flag| self.capabilities.contains(flag);
        let (capabilities, max_packet) = (self.capabilities, self.max_packet);
        SslRequest { capabilities, max_packet, charset: self.charset }.encode(out);
        out.put_nul_bytes(self.user.as_bytes());
        if has(Capabilities::PLUGIN_AUTH_LENENC_DATA) {
            out.put_lenenc_bytes(self.auth_response);
        } else if has(Capabilities::SECURE_CONNECTION) {
            out.put_short_bytes(self.auth_response);
        } else {
            out.put_nul_bytes(self.auth_response);
        }
        if has(Capabilities::CONNECT_WITH_DB) {
            out.put_nul_bytes(self.database.unwrap_or_default().as_bytes());
        }
        if has(Capabilities::PLUGIN_AUTH) {
            out.put_nul_bytes(self.auth_plugin.unwrap_or_default().as_bytes());
        }
        if has(Capabilities::CONNECT_ATTRS) {
            self.attributes.encode(out);
        }
        if has(Capabilities::ZSTD_COMPRESSION) {
            out.put_u8(self.zstd_level.unwrap_or(ZSTD_LEVEL_DEFAULT));
        }
    }
}

/// Connection attributes: names and values, as sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes<'a>(pub Vec<(&'a [u8], &'a [u8])>);

impl<'a> Attributes<'a> {
    /// Parses the pairs, without the length before them.
    ///
    /// # Errors
    /// A pair is truncated.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes, "connection attributes");
        let mut pairs = Vec::new();
        while !r.is_empty() {
            pairs.push((r.lenenc_bytes("name")?, r.lenenc_bytes("value")?));
        }
        Ok(Self(pairs))
    }

    /// Appends the pairs and, before them, their length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut pairs = Vec::new();
        for (name, value) in &self.0 {
            pairs.put_lenenc_bytes(name);
            pairs.put_lenenc_bytes(value);
        }
        out.put_lenenc_bytes(&pairs);
    }
}
