//! mysql_native_password: SHA-1, a challenge and a response.
//!
//! The server stores SHA1(SHA1(password)), which `mysql.user` shows in hex behind a `*`.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use crate::handshake::Scramble;

/// SHA1(SHA1(password)): what a server stores.
pub type NativeHash = [u8; 20];

fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 20];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// What a server stores of `password`.
#[must_use]
pub fn hash(password: &[u8]) -> NativeHash {
    sha1(&[&sha1(&[password])])
}

/// A client's response: SHA1(password) XOR SHA1(scramble, SHA1(SHA1(password))).
#[must_use]
pub fn respond(password: &[u8], scramble: &Scramble) -> [u8; 20] {
    let mut response = sha1(&[password]);
    let mask = sha1(&[&scramble.0, &hash(password)]);
    response.iter_mut().zip(mask).for_each(|(r, m)| *r ^= m);
    response
}

/// Whether `response` proves knowledge of the password that `hash` was made of.
#[must_use]
pub fn verify(response: &[u8], scramble: &Scramble, hash: &NativeHash) -> bool {
    let Ok(mut stage1) = <[u8; 20]>::try_from(response) else { return false };
    let mask = sha1(&[&scramble.0, hash]);
    stage1.iter_mut().zip(mask).for_each(|(s, m)| *s ^= m);
    verify_slices_are_equal(&sha1(&[&stage1]), hash).is_ok()
}
