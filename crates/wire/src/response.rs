//! The answers OK, ERR and EOF. Result sets are in [`resultset`](crate::resultset).
//! Manual: "Generic Response Packets".

use std::borrow::Cow;
use std::fmt;

use crate::capability::Capabilities;
use crate::error::WireError;
use crate::error_code::{ErrorCode, GENERAL_ERROR};
use crate::handshake::marker;
use crate::reader::Reader;
use crate::status::StatusFlags;
use crate::writer::Put;

/// The first byte of an OK payload.
pub const OK: u8 = 0x00;
/// The first byte of an ERR payload.
pub const ERR: u8 = 0xff;
/// The first byte of an EOF payload, and of the OK payload that ends a result set under
/// [`Capabilities::DEPRECATE_EOF`].
pub const EOF: u8 = 0xfe;
/// The first byte of a request for a local file.
pub const LOCAL_INFILE: u8 = 0xfb;

/// The longest text of an error, or of a statement that succeeded, that is kept, in bytes. MySQL and
/// MariaDB cut their own at 512.
pub const TEXT_BYTES_MAX: usize = 2048;

/// The text that is kept of one that a peer sent.
#[must_use]
pub fn shown_text(text: &[u8]) -> &[u8] {
    &text[..text.len().min(TEXT_BYTES_MAX)]
}

/// A statement succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OkPacket<'a> {
    /// Rows changed.
    pub affected_rows: u64,
    /// The value generated for an AUTO_INCREMENT column.
    pub last_insert_id: u64,
    /// The status.
    pub status: StatusFlags,
    /// How many warnings there are.
    pub warnings: u16,
    /// What the server says about it.
    pub info: &'a [u8],
    /// Session state changes, undecoded; only under [`Capabilities::SESSION_TRACK`].
    pub session_state: &'a [u8],
}

impl<'a> OkPacket<'a> {
    /// Parses a payload that starts with `00`, or with `fe` where an OK ends a result set.
    ///
    /// # Errors
    /// Not such a payload, or truncated.
    pub fn parse(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "OK packet");
        match r.u8("marker")? {
            OK | EOF => {}
            found => return Err(r.bad_value("marker", u64::from(found))),
        }
        let affected_rows = r.lenenc_int("affected rows")?;
        let last_insert_id = r.lenenc_int("last insert id")?;
        let status = StatusFlags(r.u16("status")?);
        let warnings = r.u16("warnings")?;
        // The manual gives the text no length outside of session tracking; servers do.
        let info = if r.is_empty() { &[] } else { r.lenenc_bytes("info")? };
        let tracks = capabilities.contains(Capabilities::SESSION_TRACK)
            && status.contains(StatusFlags::SESSION_STATE_CHANGED);
        let session_state =
            if tracks && !r.is_empty() { r.lenenc_bytes("session state")? } else { &[] };
        Ok(Self { affected_rows, last_insert_id, status, warnings, info, session_state })
    }

    /// Appends the payload with `00` first.
    pub fn encode(&self, out: &mut Vec<u8>, capabilities: Capabilities) {
        self.encode_marked(OK, out, capabilities);
    }

    /// Appends the payload with `fe` first, as the end of a result set under
    /// [`Capabilities::DEPRECATE_EOF`].
    pub fn encode_as_eof(&self, out: &mut Vec<u8>, capabilities: Capabilities) {
        self.encode_marked(EOF, out, capabilities);
    }

    fn encode_marked(&self, marker: u8, out: &mut Vec<u8>, capabilities: Capabilities) {
        out.put_u8(marker);
        out.put_lenenc_int(self.affected_rows);
        out.put_lenenc_int(self.last_insert_id);
        out.put_u16(self.status.0);
        out.put_u16(self.warnings);
        let tracks = capabilities.contains(Capabilities::SESSION_TRACK)
            && self.status.contains(StatusFlags::SESSION_STATE_CHANGED);
        if tracks || !self.info.is_empty() {
            out.put_lenenc_bytes(self.info);
        }
        if tracks {
            out.put_lenenc_bytes(self.session_state);
        }
    }
}

/// The end of a list: of columns, of rows, of a dump that does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EofPacket {
    /// How many warnings there are.
    pub warnings: u16,
    /// The status.
    pub status: StatusFlags,
}

impl EofPacket {
    /// Whether a payload is an EOF, and not an OK or a row that starts with the same byte.
    #[inline]
    #[must_use]
    pub fn is_eof(payload: &[u8]) -> bool {
        payload.first() == Some(&EOF) && payload.len() < 9
    }

    /// Parses a payload.
    ///
    /// # Errors
    /// Not such a payload, or truncated.
    pub fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "EOF packet");
        marker(&mut r, EOF)?;
        let eof = Self { warnings: r.u16("warnings")?, status: StatusFlags(r.u16("status")?) };
        r.finish()?;
        Ok(eof)
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(EOF);
        out.put_u16(self.warnings);
        out.put_u16(self.status.0);
    }
}

/// An error from a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ServerError {
    /// The code.
    pub code: ErrorCode,
    /// The SQLSTATE, five ASCII characters.
    pub sqlstate: [u8; 5],
    /// The text, for people.
    pub message: Cow<'static, str>,
}

impl ServerError {
    /// An error with the SQLSTATE that belongs to its code.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, sqlstate: code.sqlstate(), message: message.into() }
    }

    /// Whether a payload is an ERR packet (or, in the connection phase, could be nothing else).
    #[inline]
    #[must_use]
    pub fn is_err(payload: &[u8]) -> bool {
        payload.first() == Some(&ERR)
    }

    /// Parses a payload. The SQLSTATE may be missing, as it is before the handshake. A text that is
    /// not UTF-8 is shown as well as it can be, and of a longer one [`TEXT_BYTES_MAX`] bytes are kept.
    ///
    /// # Errors
    /// Not such a payload, or truncated.
    pub fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(payload, "ERR packet");
        marker(&mut r, ERR)?;
        let code = ErrorCode(r.u16("code")?);
        let mut sqlstate = GENERAL_ERROR;
        if r.peek() == Some(b'#') {
            r.u8("SQLSTATE marker")?;
            sqlstate = r.array("SQLSTATE")?;
        }
        let message = String::from_utf8_lossy(shown_text(r.rest())).into_owned().into();
        Ok(Self { code, sqlstate, message })
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(ERR);
        out.put_u16(self.code.0);
        out.put_u8(b'#');
        out.put_bytes(&self.sqlstate);
        out.put_bytes(self.message.as_bytes());
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.sqlstate.escape_ascii();
        write!(f, "ERROR {} ({state}): {}", self.code, self.message)
    }
}

impl From<WireError> for ServerError {
    fn from(error: WireError) -> Self {
        Self::new(error.error_code(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACK: Capabilities = Capabilities::SESSION_TRACK;
    const NONE: Capabilities = Capabilities::NONE;

    #[test]
    fn an_ok_packet_is_read_and_written_back() {
        // 1 row, insert id 300, autocommit, 2 warnings, text.
        let payload = b"\x00\x01\xfc\x2c\x01\x02\x00\x02\x00\x05hello";
        let ok = OkPacket::parse(payload, NONE).unwrap();
        let expected = OkPacket {
            affected_rows: 1,
            last_insert_id: 300,
            status: StatusFlags::AUTOCOMMIT,
            warnings: 2,
            info: b"hello",
            session_state: b"",
        };
        assert_eq!(ok, expected);
        let mut out = Vec::new();
        ok.encode(&mut out, NONE);
        assert_eq!(out, payload);
        let text_at = payload.len() - b"\x05hello".len();
        for len in (0..payload.len()).filter(|&len| len != text_at) {
            assert!(OkPacket::parse(&payload[..len], NONE).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_tracking_session_carries_state() {
        let payload = b"\x00\x00\x00\x02\x40\x00\x00\x02ab\x03xyz";
        let ok = OkPacket::parse(payload, TRACK).unwrap();
        assert_eq!((ok.info, ok.session_state), (&b"ab"[..], &b"xyz"[..]));
        let mut out = Vec::new();
        ok.encode(&mut out, TRACK);
        assert_eq!(out, payload);
        // Nothing behind the warnings is fine: nothing to say.
        assert_eq!(OkPacket::parse(&payload[..7], TRACK).unwrap().info, b"");
    }

    #[test]
    fn a_result_set_may_end_with_an_ok_that_looks_like_an_eof() {
        let mut out = Vec::new();
        OkPacket::default().encode_as_eof(&mut out, NONE);
        assert_eq!(out, b"\xfe\x00\x00\x00\x00\x00\x00");
        assert_eq!(OkPacket::parse(&out, NONE), Ok(OkPacket::default()));
        assert!(EofPacket::parse(&out).is_err(), "over-long for an EOF");
    }

    #[test]
    fn an_eof_packet_has_five_bytes() {
        let payload = b"\xfe\x01\x00\x02\x00";
        let eof = EofPacket::parse(payload).unwrap();
        assert_eq!(eof, EofPacket { warnings: 1, status: StatusFlags::AUTOCOMMIT });
        let mut out = Vec::new();
        eof.encode(&mut out);
        assert_eq!(out, payload);
        for len in 0..payload.len() {
            assert!(EofPacket::parse(&payload[..len]).is_err(), "{len} bytes");
        }
        assert!(EofPacket::is_eof(payload));
        assert!(!EofPacket::is_eof(b"\xfe\x00\x00\x00\x01\x00\x00\x00\x00"), "a row");
    }

    #[test]
    fn an_err_packet_is_read_and_written_back() {
        let payload = b"\xff\x15\x04#28000Access denied";
        let error = ServerError::parse(payload).unwrap();
        assert_eq!(error, ServerError::new(ErrorCode::ACCESS_DENIED, "Access denied"));
        assert_eq!(error.to_string(), "ERROR 1045 (28000): Access denied");
        let mut out = Vec::new();
        error.encode(&mut out);
        assert_eq!(out, payload);
        for len in (0..3).chain(4..9) {
            assert!(ServerError::parse(&payload[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn of_an_endless_text_the_beginning_is_kept() {
        let payload = [b"\xff\x15\x04#28000".as_slice(), &[b'x'; TEXT_BYTES_MAX + 1]].concat();
        let error = ServerError::parse(&payload).unwrap();
        assert_eq!(error.message.len(), TEXT_BYTES_MAX);
    }

    #[test]
    fn before_the_handshake_errors_have_no_sqlstate() {
        let error = ServerError::parse(b"\xff\x10\x04Too many connections").unwrap();
        assert_eq!(error.code, ErrorCode::CON_COUNT);
        assert_eq!(error.message, "Too many connections");
        assert_eq!(error.sqlstate, *b"HY000");
    }

    #[test]
    fn malformed_bytes_become_the_error_a_server_answers() {
        let error = WireError::OutOfOrder { expected: 1, found: 2 };
        assert_eq!(ServerError::from(error).code, ErrorCode::NET_PACKETS_OUT_OF_ORDER);
    }
}
