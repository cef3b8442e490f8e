//! caching_sha2_password's fast path: SHA-256, a challenge and a response.
//!
//! The server caches SHA256(SHA256(password)) after it has seen the password once.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256};

use crate::handshake::Scramble;

/// SHA256(SHA256(password)): what a server caches.
pub type Sha2Digest = [u8; 32];

pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// What a server caches of `password`.
#[must_use]
pub fn digest(password: &[u8]) -> Sha2Digest {
    sha256(&[&sha256(&[password])])
}

/// A client's response: SHA256(password) XOR SHA256(SHA256(SHA256(password)), scramble).
#[must_use]
pub fn respond(password: &[u8], scramble: &Scramble) -> [u8; 32] {
    let mut response = sha256(&[password]);
    let mask = sha256(&[&digest(password), &scramble.0]);
    response.iter_mut().zip(mask).for_each(|(r, m)| *r ^= m);
    response
}

/// Whether `response` proves knowledge of the password that `digest` was made of.
#[must_use]
pub fn verify(response: &[u8], scramble: &Scramble, digest: &Sha2Digest) -> bool {
    let Ok(mut stage1) = <[u8; 32]>::try_from(response) else { return false };
    let mask = sha256(&[digest, &scramble.0]);
    stage1.iter_mut().zip(mask).for_each(|(s, m)| *s ^= m);
    verify_slices_are_equal(&sha256(&[&stage1]), digest).is_ok()
}
