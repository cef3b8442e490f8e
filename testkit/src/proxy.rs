//! A TCP proxy that can break a connection in ways that no server does by itself.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Listens on a port of its own and connects through to a server, until dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where it leads to.
    port: AtomicU16,
    stopped: AtomicBool,
    /// Nothing goes through, and nothing is closed: a cable is cut.
    cut: AtomicBool,
    /// How many bytes of the next long answer pass before one bit of it is flipped; 0 is never.
    flip_after: AtomicU64,
    /// How many bytes of answers pass before the cable is cut; 0 is never.
    cut_after: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
}

/// How often a blocked direction looks whether it may go on.
const POLL: Duration = Duration::from_millis(10);

impl Proxy {
    /// A proxy to `127.0.0.1:port`.
    ///
    /// # Errors
    /// If no port can be had.
    pub fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen")?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { port: AtomicU16::new(port), ..State::default() });
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let port = shared.port.load(Ordering::Relaxed);
                if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
                    shared.join(client, server);
                }
            }
        });
        Ok(Self { address, state })
    }

    /// Leads new connections to another port of this machine.
    pub fn lead_to(&self, port: u16) {
        self.state.port.store(port, Ordering::Relaxed);
    }

    /// Where to connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts the cable: nothing more goes through in either direction, and neither side is told.
    pub fn cut(&self) {
        self.state.cut.store(true, Ordering::Relaxed);
    }

    /// Cuts it when the server has sent so many further bytes.
    pub fn cut_after(&self, bytes: u64) {
        self.state.cut_after.store(bytes, Ordering::Relaxed);
    }

    /// Whether it is cut.
    pub fn is_cut(&self) -> bool {
        self.state.cut.load(Ordering::Relaxed)
    }

    /// Mends the cable for new connections. Those that were there stay dead.
    pub fn mend(&self) {
        if let Ok(mut streams) = self.state.streams.lock() {
            for stream in streams.drain(..) {
                // One that is closed already is closed.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.state.cut.store(false, Ordering::Relaxed);
    }

    /// Flips one bit of what the server sends, after so many further bytes.
    pub fn flip_bit_after(&self, bytes: u64) {
        self.state.flip_after.store(bytes, Ordering::Relaxed);
    }

    /// Whether the bit that was to be flipped has been.
    pub fn has_flipped(&self) -> bool {
        self.state.flip_after.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::Relaxed);
        self.mend();
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn join(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        let pairs = [(&client, &server, false), (&server, &client, true)];
        for (from, to, is_answer) in pairs {
            if let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) {
                let state = self.clone();
                thread::spawn(move || state.pump(from, to, is_answer));
            }
        }
        if let Ok(mut streams) = self.streams.lock() {
            streams.extend([client, server]);
        }
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, is_answer: bool) {
        let mut buffer = [0; 16 << 10];
        while let Ok(len) = from.read(&mut buffer) {
            if is_answer && is_due(&self.cut_after, len) {
                self.cut.store(true, Ordering::Relaxed);
            }
            while self.cut.load(Ordering::Relaxed) && !self.stopped.load(Ordering::Relaxed) {
                thread::sleep(POLL);
            }
            if len == 0 {
                break;
            }
            let bytes = &mut buffer[..len];
            if is_answer {
                self.flip(bytes);
            }
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }

    fn flip(&self, bytes: &mut [u8]) {
        let left = self.flip_after.load(Ordering::Relaxed);
        if is_due(&self.flip_after, bytes.len()) {
            // Within the bytes, as it is due now.
            if let Some(byte) = usize::try_from(left).ok().and_then(|left| bytes.get_mut(left - 1))
            {
                *byte ^= 1;
            }
        }
    }
}

/// Counts down by `len`; whether that comes to 0, where it stays.
fn is_due(left: &AtomicU64, len: usize) -> bool {
    let now = left.load(Ordering::Relaxed);
    if now == 0 {
        return false;
    }
    let rest = now.saturating_sub(len as u64);
    left.store(rest, Ordering::Relaxed);
    rest == 0
}
