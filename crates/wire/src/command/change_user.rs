//! COM_CHANGE_USER: authentication inside a connection. Manual: "COM_CHANGE_USER".

use crate::capability::Capabilities;
use crate::error::WireError;
use crate::handshake::Attributes;
use crate::reader::Reader;
use crate::writer::Put;

/// The fields of COM_CHANGE_USER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeUser<'a> {
    /// The new account's name.
    pub user: &'a str,
    /// The plugin's proof of the password.
    pub auth_response: &'a [u8],
    /// The database to use.
    pub database: Option<&'a str>,
    /// The client's collation id.
    pub charset: Option<u16>,
    /// The plugin that made `auth_response`.
    pub auth_plugin: Option<&'a str>,
    /// What the client says about itself.
    pub attributes: Attributes<'a>,
}

impl<'a> ChangeUser<'a> {
    /// Parses what follows the command byte.
    ///
    /// # Errors
    /// Truncated, or a name is not UTF-8.
    pub fn parse(rest: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        let mut r = Reader::new(rest, "COM_CHANGE_USER");
        let user = r.nul_bytes("user")?;
        let user = r.utf8(user, "user")?;
        let auth_response = if capabilities.contains(Capabilities::SECURE_CONNECTION) {
            r.short_bytes("authentication response")?
        } else {
            r.nul_bytes("authentication response")?
        };
        let database = r.nul_bytes("database")?;
        let database = Some(r.utf8(database, "database")?).filter(|name| !name.is_empty());
        let charset = if r.is_empty() { None } else { Some(r.u16("character set")?) };
        let mut auth_plugin = None;
        if capabilities.contains(Capabilities::PLUGIN_AUTH) && !r.is_empty() {
            let name = r.nul_bytes("plugin")?;
            auth_plugin = Some(r.utf8(name, "plugin")?);
        }
        let mut attributes = Attributes::default();
        if capabilities.contains(Capabilities::CONNECT_ATTRS) && !r.is_empty() {
            attributes = Attributes::parse(r.lenenc_bytes("attributes")?)?;
        }
        Ok(Self { user, auth_response, database, charset, auth_plugin, attributes })
    }

    /// Appends what follows the command byte. No more than 255 bytes of `auth_response` are written.
    pub fn encode(&self, out: &mut Vec<u8>, capabilities: Capabilities) {
        out.put_nul_bytes(self.user.as_bytes());
        if capabilities.contains(Capabilities::SECURE_CONNECTION) {
            out.put_short_bytes(self.auth_response);
        } else {
            out.put_nul_bytes(self.auth_response);
        }
        out.put_nul_bytes(self.database.unwrap_or_default().as_bytes());
        let Some(charset) = self.charset else { return };
        out.put_u16(charset);
        if capabilities.contains(Capabilities::PLUGIN_AUTH) {
            out.put_nul_bytes(self.auth_plugin.unwrap_or_default().as_bytes());
        }
        if capabilities.contains(Capabilities::CONNECT_ATTRS) {
            self.attributes.encode(out);
        }
    }
}
