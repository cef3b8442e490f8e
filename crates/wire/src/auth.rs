//! Authentication, both sides: proofs of a password, stored hashes, and who says what when.
//!
//! [`ClientAuth`] and [`ServerAuth`] are fed payloads and say what to answer. Accounts, hosts and
//! privileges are the server's; the handshake's packets are in [`handshake`](crate::handshake).
//! Manual: "Authentication Methods".

mod client;
mod credential;
pub mod crypt;
pub mod ed25519;
mod kinds;
pub mod native;
mod pem;
mod rsa;
mod server;
mod server_proof;
pub mod sha2;

pub use client::{AuthError, ClientAuth, ClientAuthOptions, ClientStep};
pub use credential::{Credential, CredentialError};
pub use crypt::CryptHash;
pub use kinds::AccountKinds;
pub use rsa::{LazyRsaKey, RsaError, RsaPrivateKey, RsaPublicKey};
pub use server::{Outcome, ServerAuth, ServerAuthOptions, ServerReply, access_denied};
pub use server_proof::{Fingerprint, ServerProof};

/// The default of MySQL 8 and later.
pub const CACHING_SHA2_PASSWORD: &str = "caching_sha2_password";
/// The default of MariaDB and of MySQL up to 5.7; gone from MySQL 9.
pub const MYSQL_NATIVE_PASSWORD: &str = "mysql_native_password";
/// The predecessor of [`CACHING_SHA2_PASSWORD`], deprecated.
pub const SHA256_PASSWORD: &str = "sha256_password";
/// MariaDB's, by signatures.
pub const CLIENT_ED25519: &str = "client_ed25519";
/// The password itself, for PAM and LDAP.
pub const MYSQL_CLEAR_PASSWORD: &str = "mysql_clear_password";

/// Data of caching_sha2_password: the client wants the server's public key.
const REQUEST_PUBLIC_KEY: u8 = 0x02;
/// Data of sha256_password: the client wants the server's public key.
const SHA256_REQUEST_PUBLIC_KEY: u8 = 0x01;
/// Data of caching_sha2_password: the proof is right, OK follows.
const FAST_AUTH_OK: u8 = 0x03;
/// Data of caching_sha2_password: the server needs the password.
const FULL_AUTH: u8 = 0x04;

/// The password as it goes through TLS: with a NUL.
fn cleartext(password: &[u8]) -> Vec<u8> {
    [password, &[0]].concat()
}

#[cfg(test)]
mod tests;
