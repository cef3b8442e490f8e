//! The hash that MySQL stores for caching_sha2_password accounts.
//!
//! It is Ulrich Drepper's public-domain SHA-256-crypt ("Unix crypt using SHA-256 and SHA-512") with
//! a salt of 20 bytes. Stored form: `$A$`, the rounds in thousands as three hex digits, `$`, the
//! salt, 43 characters of hash.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::sha2::sha256;
use crate::handshake::Scramble;

/// The longest password MySQL accepts for these accounts, in bytes. A limit is needed, because the
/// work grows with the length.
pub const MAX_PASSWORD_LEN: usize = 256;

const SALT_LEN: usize = 20;
const HASH_LEN: usize = 43;
const PREFIX: &[u8] = b"$A$";
const ROUNDS_UNIT: u32 = 1000;
/// MySQL's default.
const DEFAULT_ROUNDS: u32 = 5000;

/// A stored hash.
#[derive(Clone, PartialEq, Eq)]
pub struct CryptHash {
    rounds: u32,
    salt: [u8; SALT_LEN],
    hash: [u8; HASH_LEN],
}

impl CryptHash {
    /// A new hash of `password` with a random salt and MySQL's default of 5000 rounds.
    #[must_use]
    pub fn generate(password: &[u8]) -> Self {
        let Scramble(salt) = Scramble::random();
        let hash = sha256_crypt(password, &salt, DEFAULT_ROUNDS);
        Self { rounds: DEFAULT_ROUNDS, salt, hash }
    }

    /// Parses the stored form. The salt may be any bytes, so the form is not always text.
    #[must_use]
    pub fn parse(stored: &[u8]) -> Option<Self> {
        let rest = stored.strip_prefix(PREFIX)?;
        let (thousands, rest) = rest.split_at_checked(3)?;
        let thousands = std::str::from_utf8(thousands).ok().filter(|s| !s.starts_with('+'))?;
        let thousands = u32::from_str_radix(thousands, 16).ok().filter(|&n| n > 0)?;
        let (salt, hash) = rest.strip_prefix(b"$")?.split_first_chunk()?;
        let hash = hash.try_into().ok()?;
        Some(Self { rounds: thousands * ROUNDS_UNIT, salt: *salt, hash })
    }

    /// The stored form, 70 bytes.
    #[must_use]
    pub fn stored(&self) -> Vec<u8> {
        let head = format!("$A${:03X}$", self.rounds / ROUNDS_UNIT);
        [head.as_bytes(), &self.salt, &self.hash].concat()
    }

    /// Whether this is a hash of `password`. It takes thousands of rounds of SHA-256, which is the
    /// point: a few milliseconds.
    #[must_use]
    pub fn verify(&self, password: &[u8]) -> bool {
        let computed = sha256_crypt(password, &self.salt, self.rounds);
        verify_slices_are_equal(&computed, &self.hash).is_ok()
    }

    pub(super) fn rounds(&self) -> u32 {
        self.rounds
    }
}

/// Takes as long as to verify a hash of so many rounds.
pub(super) fn dawdle(password: &[u8], rounds: u32) {
    if rounds > 0 {
        std::hint::black_box(sha256_crypt(password, &[0; SALT_LEN], rounds));
    }
}

impl fmt::Debug for CryptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptHash").field("rounds", &self.rounds).finish_non_exhaustive()
    }
}

/// Drepper's algorithm; the step numbers in the comments are his.
fn sha256_crypt(password: &[u8], salt: &[u8], rounds: u32) -> [u8; HASH_LEN] {
    // Steps 4 to 8: digest B.
    let b = sha256(&[password, salt, password]);
    // Steps 1 to 3 and 9 to 12: digest A. Each bit of the length adds B or the password.
    let repeated_b = repeat(&b, password.len());
    let mut input = [password, salt, &repeated_b].concat();
    let mut bits = password.len();
    while bits > 0 {
        input.extend_from_slice(if bits & 1 == 1 { &b } else { password });
        bits >>= 1;
    }
    let a = sha256(&[&input]);
    // Steps 13 to 16: the byte sequence P; 17 to 20: S.
    let p = repeat(&sha256(&[&password.repeat(password.len())]), password.len());
    let s = repeat(&sha256(&[&salt.repeat(16 + usize::from(a[0]))]), salt.len());
    // Step 21.
    let mut c = a;
    for round in 0..rounds {
        let mut parts: [&[u8]; 4] = [&[]; 4];
        let odd = round % 2 == 1;
        parts[0] = if odd { &p } else { &c };
        if round % 3 != 0 {
            parts[1] = &s;
        }
        if round % 7 != 0 {
            parts[2] = &p;
        }
        parts[3] = if odd { &c } else { &p };
        c = sha256(&parts);
    }
    encode(&c)
}

/// The first `len` bytes of `digest` repeated without end.
fn repeat(digest: &[u8; 32], len: usize) -> Vec<u8> {
    digest.iter().copied().cycle().take(len).collect()
}

/// Step 22: a base 64 of its own, over bytes in an order of its own, low bits first.
fn encode(digest: &[u8; 32]) -> [u8; HASH_LEN] {
    const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = [0; HASH_LEN];
    let mut at = 0;
    let mut put = |mut bits: u32, characters: usize| {
        for _ in 0..characters {
            out[at] = ALPHABET[usize::from(bits.to_le_bytes()[0] & 63)];
            at += 1;
            bits >>= 6;
        }
    };
    // Triples (0, 10, 20), (21, 1, 11), (12, 22, 2), ...: each column moves on by 21 modulo 30.
    for i in 0..10 {
        let [high, middle, low] = [0, 10, 20].map(|first| digest[(first + 21 * i) % 30]);
        put(u32::from(high) << 16 | u32::from(middle) << 8 | u32::from(low), 4);
    }
    put(u32::from(digest[31]) << 8 | u32::from(digest[30]), 3);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(password: &str, salt: &str, rounds: u32) -> String {
        let hash = sha256_crypt(password.as_bytes(), salt.as_bytes(), rounds);
        String::from_utf8(hash.to_vec()).unwrap()
    }

    /// The first three are in Drepper's specification; the others were made with libxcrypt.
    #[test]
    fn the_specifications_vectors_hold() {
        let long = "a".repeat(100);
        for (password, salt, rounds, expected) in [
            ("Hello world!", "saltstring", 5000, "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
            (
                "Hello world!",
                "saltstringsaltst",
                10000,
                "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
            ),
            (
                "This is just a test",
                "toolongsaltstrin",
                5000,
                "Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5",
            ),
            ("", "saltstring", 5000, "FdNfA4gXqvCeO6iZs7G/.wwwoywYZqo0l1pwmfWaBA7"),
            (&long, "abc", 1000, ".iKmrQmNmIITNPZrxezvEtqN4/YFXfbh4ze3FgwmckB"),
        ] {
            assert_eq!(hash(password, salt, rounds), expected);
        }
    }

    /// `authentication_string` of an account that MySQL 9.7 created: 10000 rounds.
    const STORED: &[u8] = b"$A$00A$n5zLl\x1fdgEv\x05a!w0r(\x15n\x09\
        25RH.wTEewUTBZsYtU9Lp9RwV8EV1.d7rBhdEEAH7q.";

    #[test]
    fn a_hash_made_by_a_server_is_verified() {
        let stored = CryptHash::parse(STORED).unwrap();
        assert_eq!(stored.rounds, 10_000);
        assert!(stored.verify(b"correct horse"));
        assert!(!stored.verify(b"correct house"));
        assert_eq!(stored.stored(), STORED);
    }

    #[test]
    fn a_generated_hash_is_verified() {
        let hash = CryptHash::generate(b"secret");
        assert_eq!(hash.stored().len(), 70);
        assert_eq!(&hash.stored()[..7], b"$A$005$");
        assert!(CryptHash::parse(&hash.stored()).unwrap().verify(b"secret"));
        assert!(!hash.verify(b"Secret"));
    }

    #[test]
    fn what_is_no_stored_hash_is_refused() {
        for len in 0..STORED.len() {
            assert_eq!(CryptHash::parse(&STORED[..len]), None, "{len} bytes");
        }
        assert_eq!(CryptHash::parse(&[STORED, b"x"].concat()), None);
        for rounds in [b"000", b"+0A", b"00g"] {
            let stored = [&STORED[..3], rounds, &STORED[6..]].concat();
            assert_eq!(CryptHash::parse(&stored), None);
        }
    }
}
