//! MariaDB's client_ed25519: the server's nonce, signed with a key that is made of the password.
//!
//! The scheme is Ed25519, but for the secret: SHA-512 of the password takes the place of SHA-512 of a
//! random seed. The server keeps the public key, in base64 without padding.
//! Manual: "Authentication Plugin - ed25519".

use aws_lc_rs::digest::{Context, SHA512};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};

/// The length of the server's nonce, in bytes.
pub const NONCE_LEN: usize = 32;

/// The length of the client's signature, in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// What a server stores of a password: the key that its signatures are verified with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The key of a password.
    #[must_use]
    pub fn of_password(password: &[u8]) -> Self {
        Secret::of_password(password).public
    }

    /// Reads `mysql.user.authentication_string`: 43 characters of base64.
    #[must_use]
    pub fn from_stored(text: &[u8]) -> Option<Self> {
        const LEN: usize = 43;
        if text.len() != LEN {
            return None;
        }
        let mut key = [0; 32];
        let (mut bits, mut count, mut filled) = (0_u32, 0, 0);
        for &c in text {
            bits = bits << 6 | six_bits(c)?;
            count += 6;
            if count >= 8 {
                count -= 8;
                key[filled] = (bits >> count).to_le_bytes()[0];
                filled += 1;
            }
        }
        // What is left over of the last character.
        (bits.trailing_zeros() >= count).then_some(Self(key))
    }

    /// The key as `mysql.user.authentication_string` has it.
    #[must_use]
    pub fn stored(&self) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for three in self.0.chunks(3) {
            let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or_default());
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for shift in [18, 12, 6, 0].into_iter().take(three.len() + 1) {
                let [digit, ..] = (bits >> shift & 63).to_le_bytes();
                text.push(char::from(DIGITS[usize::from(digit)]));
            }
        }
        text
    }

    /// Whether a signature of `nonce` was made with the password of this key.
    #[must_use]
    pub fn verify(&self, nonce: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(nonce, signature).is_ok()
    }
}

/// Signs a server's nonce with a password.
#[must_use]
pub fn sign(password: &[u8], nonce: &[u8]) -> [u8; SIGNATURE_LEN] {
    let Secret { scalar, prefix, public } = Secret::of_password(password);
    let r = Scalar::from_bytes_mod_order_wide(&sha512(&[&prefix, nonce]));
    let commitment = EdwardsPoint::mul_base(&r).compress().to_bytes();
    let challenge = sha512(&[&commitment, &public.0, nonce]);
    let s = r + Scalar::from_bytes_mod_order_wide(&challenge) * scalar;
    let mut signature = [0; SIGNATURE_LEN];
    signature[..32].copy_from_slice(&commitment);
    signature[32..].copy_from_slice(&s.to_bytes());
    signature
}

struct Secret {
    scalar: Scalar,
    prefix: [u8; 32],
    public: PublicKey,
}

impl Secret {
    fn of_password(password: &[u8]) -> Self {
        let expanded = sha512(&[password]);
        let (mut low, mut prefix) = ([0; 32], [0; 32]);
        low.copy_from_slice(&expanded[..32]);
        prefix.copy_from_slice(&expanded[32..]);
        let scalar = Scalar::from_bytes_mod_order(clamp_integer(low));
        let public = PublicKey(EdwardsPoint::mul_base(&scalar).compress().to_bytes());
        Self { scalar, prefix, public }
    }
}

fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut context = Context::new(&SHA512);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 64];
    out.copy_from_slice(context.finish().as_ref());
    out
}

fn six_bits(c: u8) -> Option<u32> {
    Some(u32::from(match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_verified_with_the_passwords_key_and_no_other() {
        let nonce = [7; NONCE_LEN];
        for password in [&b""[..], b"secret", &[b'x'; 200]] {
            let key = PublicKey::of_password(password);
            let signature = sign(password, &nonce);
            assert!(key.verify(&nonce, &signature));
            assert!(!key.verify(&[8; NONCE_LEN], &signature));
            assert!(!PublicKey::of_password(b"other").verify(&nonce, &signature));
            let mut damaged = signature;
            damaged[40] ^= 1;
            assert!(!key.verify(&nonce, &damaged));
            assert!(!key.verify(&nonce, &signature[..63]) && !key.verify(&nonce, &[]));
        }
    }

    #[test]
    fn a_password_of_a_seeds_length_makes_the_seeds_key() {
        // Then both schemes are one, so another implementation can judge this one.
        use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
        let (seed, nonce) = (b"thirty-two bytes of a password !", [9; NONCE_LEN]);
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
        assert_eq!(PublicKey::of_password(seed).0, pair.public_key().as_ref());
        assert_eq!(sign(seed, &nonce), pair.sign(&nonce).as_ref());
    }

    #[test]
    fn a_stored_key_is_base64() {
        // MariaDB's manual: ed25519_password("secret").
        let stored = b"ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY";
        assert_eq!(PublicKey::from_stored(stored), Some(PublicKey::of_password(b"secret")));
        assert_eq!(PublicKey::of_password(b"secret").stored().as_bytes(), stored);
        assert_eq!(PublicKey::from_stored(&stored[..42]), None);
        let mut wrong = *stored;
        wrong[3] = b'*';
        assert_eq!(PublicKey::from_stored(&wrong), None);
        // Bits that no key has.
        wrong = *stored;
        wrong[42] = b'Z';
        assert_eq!(PublicKey::from_stored(&wrong), None);
    }
}
