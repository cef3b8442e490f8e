//! Who binlogd is to primaries and replicas: a server id and a server UUID of its own.

use std::path::Path;

use binlogd_event::ServerUuid;
use binlogd_store::{Access, Fs, StoreError, atomic_write, restrict};

/// A stream's identity, kept in its folder so that it survives restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// What `SELECT @@server_uuid` answers, and what the primary is told.
    pub uuid: ServerUuid,
    /// What `SELECT @@server_id` answers, and what binlogd registers with.
    pub server_id: u32,
}

const FILE: &str = "server_uuid";

impl Identity {
    /// Reads the identity in `dir`, or makes a new one. `server_id` comes from the configuration;
    /// without one it follows from the UUID, in the upper half of all ids, where people put none.
    ///
    /// # Errors
    /// If the file cannot be read or made, or holds no UUID.
    pub fn load(fs: &dyn Fs, dir: &Path, server_id: Option<u32>) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let io = |action| {
            let path = path.clone();
            move |source| StoreError::Io { action, path, source }
        };
        restrict(fs, [(&path, Access::Group)]);
        let uuid = if fs.len(&path).map_err(io("look for"))?.is_some() {
            let file = fs.open(&path).map_err(io("open"))?;
            let mut text = [0; 64];
            let len = file.read_at(&mut text, 0).map_err(io("read"))?;
            let text = String::from_utf8_lossy(&text[..len]);
            // Earlier versions could leave this after a power failure.
            if text.trim_matches(['\0', ' ', '\n']).is_empty() {
                let uuid = Self::create(fs, &path)?;
                tracing::warn!(
                    "{} was empty, so binlogd has a new identity: {uuid}. Replicas and the primary \
                     see it as another server",
                    path.display()
                );
                uuid
            } else {
                text.trim().parse().map_err(|error| StoreError::Foreign {
                    path: path.clone(),
                    what: format!("{error}; remove the file to have a new one made"),
                })?
            }
        } else {
            Self::create(fs, &path)?
        };
        let server_id = server_id.unwrap_or_else(|| default_server_id(uuid));
        Ok(Self { uuid, server_id })
    }

    fn create(fs: &dyn Fs, path: &Path) -> Result<ServerUuid, StoreError> {
        let io = |action| {
            let path = path.to_owned();
            move |source| StoreError::Io { action, path, source }
        };
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| std::io::Error::other("the system gives no random bytes"))
            .map_err(io("make"))?;
        // A random UUID: version 4, variant 1.
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let uuid = ServerUuid(bytes);
        atomic_write(fs, path, format!("{uuid}\n").as_bytes(), Access::Group)?;
        Ok(uuid)
    }
}

fn default_server_id(uuid: ServerUuid) -> u32 {
    let [.., a, b, c, d] = uuid.0;
    u32::from_be_bytes([a, b, c, d]) | 1 << 31
}

#[cfg(test)]
mod tests {
    use binlogd_store::OsFs;

    use super::*;

    #[test]
    fn it_survives_and_a_cut_file_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::load(&OsFs, dir.path(), None).unwrap();
        assert_eq!(Identity::load(&OsFs, dir.path(), None).unwrap(), first);
        assert!(first.server_id >= 1 << 31);
        assert_eq!(Identity::load(&OsFs, dir.path(), Some(7)).unwrap().server_id, 7);
        for torn in ["", "\0\0\0\0", "\n"] {
            std::fs::write(dir.path().join(FILE), torn).unwrap();
            let new = Identity::load(&OsFs, dir.path(), None).unwrap();
            assert_ne!(new.uuid, first.uuid);
            assert_eq!(Identity::load(&OsFs, dir.path(), None).unwrap(), new);
        }
        std::fs::write(dir.path().join(FILE), "nonsense").unwrap();
        let error = Identity::load(&OsFs, dir.path(), None).unwrap_err().to_string();
        assert!(error.contains("server_uuid") && error.contains("remove the file"), "{error}");
    }
}
