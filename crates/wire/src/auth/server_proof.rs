//! How a MariaDB proves, from 11.4 on, that a TLS certificate is its own although no authority signed it: the
//! OK after the login has a digest that takes the account's password to make.
//! Manual: "Zero-Configuration SSL".

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256, digest};

use super::{ed25519, native};
use crate::handshake::Scramble;

/// The first byte of the OK's text.
const MARKER: u8 = 0x01;

/// SHA-256 of a certificate in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(sized(digest(&SHA256, certificate)))
    }
}

/// What the server and the client know of a password, and an attacker between them does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    /// SHA1(SHA1(password)), of mysql_native_password.
    Native(native::NativeHash),
    /// The public key of client_ed25519.
    Ed25519(ed25519::PublicKey),
}

/// The text of the OK after a login: a mark, and in hex SHA-256 of what both know, the greeting's scramble
/// and the certificate's fingerprint.
pub(super) fn prove(shared: &Shared, scramble: &Scramble, certificate: &Fingerprint) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut context = Context::new(&SHA256);
    context.update(match shared {
        Shared::Native(hash) => hash,
        Shared::Ed25519(key) => &key.0,
    });
    context.update(&scramble.0);
    context.update(&certificate.0);
    let mut text = vec![MARKER];
    for byte in sized(context.finish()) {
        text.extend([byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]));
    }
    text
}

/// What an OK's text says of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerProof {
    /// It says nothing, or nothing that can be checked.
    Absent,
    /// The server knows the password, and the certificate is its own.
    Right,
    /// The certificate is another one than the server's, or it does not know the password.
    Wrong,
}

/// Checks an OK's text.
pub(super) fn check(
    text: &[u8],
    shared: Option<&Shared>,
    scramble: &Scramble,
    certificate: &Fingerprint,
) -> ServerProof {
    let (Some(&MARKER), Some(shared)) = (text.first(), shared) else { return ServerProof::Absent };
    let expected = prove(shared, scramble, certificate);
    match verify_slices_are_equal(&expected, &text.to_ascii_uppercase()) {
        Ok(()) => ServerProof::Right,
        Err(_) => ServerProof::Wrong,
    }
}

fn sized(digest: aws_lc_rs::digest::Digest) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAMBLE: Scramble = Scramble(*b"abcdefghijklmnopqrst");

    #[test]
    fn a_proof_holds_for_one_password_one_login_and_one_certificate() {
        let fingerprint = Fingerprint::of(b"certificate");
        let native = Shared::Native(native::hash(b"secret"));
        let key = Shared::Ed25519(ed25519::PublicKey::of_password(b"secret"));
        for shared in [native, key] {
            let text = prove(&shared, &SCRAMBLE, &fingerprint);
            let check = |shared: &Shared, scramble, certificate: &[u8]| {
                check(&text, Some(shared), scramble, &Fingerprint::of(certificate))
            };
            assert_eq!(text.len(), 65);
            assert_eq!(check(&shared, &SCRAMBLE, b"certificate"), ServerProof::Right);
            assert_eq!(check(&shared, &SCRAMBLE, b"another"), ServerProof::Wrong);
            assert_eq!(check(&shared, &Scramble([b'x'; 20]), b"certificate"), ServerProof::Wrong);
            let other = Shared::Native(native::hash(b"other"));
            assert_eq!(check(&other, &SCRAMBLE, b"certificate"), ServerProof::Wrong);
        }
    }

    #[test]
    fn other_texts_prove_nothing() {
        let shared = Shared::Native(native::hash(b"secret"));
        let fingerprint = Fingerprint::of(b"certificate");
        let text = prove(&shared, &SCRAMBLE, &fingerprint);
        for (text, expected) in [
            (&b""[..], ServerProof::Absent),
            (b"Welcome", ServerProof::Absent),
            (&text[1..], ServerProof::Absent),
            (b"\x01", ServerProof::Wrong),
            (&text[..64], ServerProof::Wrong),
        ] {
            assert_eq!(check(text, Some(&shared), &SCRAMBLE, &fingerprint), expected, "{text:?}");
        }
        // With a plugin that shares nothing there is nothing to check.
        assert_eq!(check(&text, None, &SCRAMBLE, &fingerprint), ServerProof::Absent);
    }
}
