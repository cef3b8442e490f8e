//! A TCP proxy that can break a connection in ways that no server does by itself.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    stopped: AtomicBool,
    /// Nothing goes through, and nothing is closed: a cable is cut.
    cut: AtomicBool,
    /// How many bytes of the next long answer pass before one bit of it is flipped; 0 is never.
    flip_after: AtomicU64,
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
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.stopped.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
                    shared.join(client, server);
                }
            }
        });
        Ok(Self { address, state })
    }

    /// Where to connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts the cable: nothing more goes through in either direction, and neither side is told.
    pub fn cut(&self) {
        self.state.cut.store(true, Ordering::Relaxed);
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
        match usize::try_from(left) {
            Ok(0) | Err(_) => {}
            Ok(left) if left <= bytes.len() => {
                bytes[left - 1] ^= 1;
                self.flip_after.store(0, Ordering::Relaxed);
            }
            Ok(_) => self.flip_after.store(left - bytes.len() as u64, Ordering::Relaxed),
        }
    }
}
