//! The few character set (collation) ids that the protocol needs.

/// `latin1_swedish_ci`.
pub const LATIN1: u16 = 8;
/// `utf8mb3_general_ci`.
pub const UTF8MB3: u16 = 33;
/// `utf8mb4_general_ci`: known to every server since 5.5.
pub const UTF8MB4: u16 = 45;
/// `binary`: numbers and bytes.
pub const BINARY: u16 = 63;
/// `utf8mb4_0900_ai_ci`: what MySQL 8 and later greet with. Unknown to MariaDB and older MySQL.
pub const UTF8MB4_0900: u16 = 255;
