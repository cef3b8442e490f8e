//! Packets that are relayed over a connection: their bytes go out and come in as they are.

use super::{Connection, Phase};
use crate::error::ClientError;

impl Connection {
    /// Begins a command whose packets come from another client, and whose answer goes there. Until
    /// [`end_relay`](Self::end_relay) the connection is good for nothing else.
    ///
    /// # Errors
    /// The connection's, or it is unusable.
    pub async fn begin_relay(&mut self) -> Result<(), ClientError> {
        self.skip_answers().await?;
        self.phase = Phase::Unusable;
        self.channel.begin_command();
        Ok(())
    }

    /// The last packet of the answer was taken: commands may be sent again.
    pub fn end_relay(&mut self) {
        self.phase = Phase::Idle;
    }

    /// Sends bytes of packets as they are. Not cancellation safe: the connection is lost.
    ///
    /// # Errors
    /// The connection's.
    pub async fn relay_out(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.channel.write_bytes(bytes).await
    }

    /// Receives more bytes of the answer; `false` if the server has closed the connection. There is room for
    /// them if what was received before is not much: up to [`RELAY_ROOM`](Self::RELAY_ROOM) bytes.
    /// Cancellation loses nothing.
    ///
    /// # Errors
    /// The connection's.
    pub async fn relay_in(&mut self) -> Result<bool, ClientError> {
        self.channel.fill().await
    }

    /// How many bytes may be left unconsumed when more are received.
    pub const RELAY_ROOM: usize = 1 << 10;

    /// What was received and not consumed.
    #[must_use]
    pub fn relayed(&self) -> &[u8] {
        self.channel.unread()
    }

    /// Forgets the first `len` bytes of [`relayed`](Self::relayed).
    ///
    /// # Panics
    /// There are fewer.
    pub fn consume_relayed(&mut self, len: usize) {
        self.channel.consume(len);
    }
}
