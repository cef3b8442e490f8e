//! TCP ports for servers under test, unique among all test processes of this machine.
//!
//! Ports lie below the kernel's ephemeral range: one that is free for a moment, while its server
//! is down, is not taken by somebody's outgoing connection.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result, bail};

/// The first port considered, and how many there are. Linux's ephemeral ports begin at 32768.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A loopback port that no other holder of a lease uses until this is dropped.
#[derive(Debug)]
pub struct PortLease {
    port: u16,
    path: PathBuf,
    // The lock on this file is the lease: the kernel gives it up when the process dies.
    _lock: File,
}

impl PortLease {
    /// Leases a port to which nothing on the loopback interface is bound.
    ///
    /// # Errors
    /// If the lock files' directory cannot be written, or all ports are taken.
    pub fn take() -> Result<Self> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let dir =
            env::temp_dir().join(format!("binlogd-ports-{}", rustix::process::getuid().as_raw()));
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        // Processes start at different places, so that they seldom meet.
        let start = u16::try_from(process::id() % u32::from(COUNT) * 97 % u32::from(COUNT))?;
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
            let port = FIRST + (start + step) % COUNT;
            let path = dir.join(port.to_string());
            let lock = File::create(&path).with_context(|| format!("create {}", path.display()))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(e)) => return Err(e).context("lock a port's file"),
            }
            if is_still(&lock, &path) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(Self { port, path, _lock: lock });
            }
        }
        bail!("no free port from {FIRST} to {}", FIRST + COUNT - 1)
    }

    /// The port's number.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Whether the file is the one at this path: who held the lease before may have removed it between
/// our opening it and our lock, and somebody else then locks a new one.
fn is_still(file: &File, path: &Path) -> bool {
    let inode = |metadata: io::Result<fs::Metadata>| metadata.ok().map(|metadata| metadata.ino());
    inode(file.metadata()).is_some_and(|ours| inode(fs::metadata(path)) == Some(ours))
}

impl Drop for PortLease {
    fn drop(&mut self) {
        // Only tidiness: a leftover file is locked again by the next to want this port.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_held_at_once_differ_and_can_be_bound() {
        let leases: Vec<PortLease> = (0..20).map(|_| PortLease::take().unwrap()).collect();
        let mut ports: Vec<u16> = leases.iter().map(PortLease::port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 20);
        TcpListener::bind((Ipv4Addr::LOCALHOST, ports[0])).unwrap();
    }

    #[test]
    fn a_lock_on_a_removed_file_is_no_lease() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("20000");
        let opened = File::create(&path).unwrap();
        assert!(is_still(&opened, &path));
        fs::remove_file(&path).unwrap();
        assert!(!is_still(&opened, &path));
        let _new = File::create(&path).unwrap();
        assert!(!is_still(&opened, &path));
    }
}
