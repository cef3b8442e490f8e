//! Clients that connect to a server and never log in.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Idle connections, each of which is made anew when the server closes it. Dropping it closes all.
#[derive(Debug)]
pub(super) struct Crowd {
    gone: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How often closed connections are looked for.
const POLL: Duration = Duration::from_millis(50);

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

impl Crowd {
    /// `count` clients of the server at this port.
    pub(super) fn of(count: usize, port: u16) -> Self {
        let gone = Arc::new(AtomicBool::new(false));
        let is_gone = gone.clone();
        let thread = thread::spawn(move || {
            let mut idle = Vec::new();
            while !is_gone.load(Ordering::Relaxed) {
                idle.retain(is_open);
                while idle.len() < count {
                    // The server may be dead at the moment.
                    let Some(stream) = connect(port) else { break };
                    idle.push(stream);
                }
                thread::sleep(POLL);
            }
        });
        Self { gone, thread: Some(thread) }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing that could fail.
            let _ = thread.join();
        }
    }
}

fn connect(port: u16) -> Option<TcpStream> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).ok()?;
    stream.set_nonblocking(true).ok()?;
    Some(stream)
}

/// Whether the server has not closed it. A greeting, or an error, is read and ignored.
fn is_open(stream: &TcpStream) -> bool {
    let mut ignored = [0; 512];
    loop {
        match (&*stream).read(&mut ignored) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
