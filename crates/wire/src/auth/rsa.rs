//! A password through an insecure channel: RSA-OAEP with SHA-1, XORed with the scramble before.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};

use super::{cleartext, pem};
use crate::handshake::Scramble;

/// A key cannot be made, read or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RsaError {
    /// The text is not a PEM public key of 2048 to 8192 bits.
    #[error("not a PEM public key (RSA, 2048 to 8192 bits)")]
    BadKey,
    /// The password does not fit into one RSA block.
    #[error("the password is too long for the server's RSA key")]
    PasswordTooLong,
    /// The ciphertext was not made for this key.
    #[error("cannot be decrypted with this key")]
    Undecryptable,
    /// The library failed.
    #[error("RSA failed")]
    Failed,
}

/// A server's public key.
pub struct RsaPublicKey(OaepPublicEncryptingKey);

impl RsaPublicKey {
    /// Parses a key as a server sends it or keeps it in `public_key.pem`.
    ///
    /// # Errors
    /// [`RsaError::BadKey`].
    pub fn from_pem(pem: &str) -> Result<Self, RsaError> {
        let der = pem::decode(pem).ok_or(RsaError::BadKey)?;
        let key = PublicEncryptingKey::from_der(&der).map_err(|_| RsaError::BadKey)?;
        OaepPublicEncryptingKey::new(key).map(Self).map_err(|_| RsaError::BadKey)
    }

    /// Encrypts a password for the server that sent `scramble`.
    ///
    /// # Errors
    /// [`RsaError::PasswordTooLong`], or [`RsaError::Failed`].
    pub fn encrypt_password(
        &self,
        password: &[u8],
        scramble: &Scramble,
    ) -> Result<Vec<u8>, RsaError> {
        let plaintext = xor(cleartext(password), scramble);
        if plaintext.len() > self.0.max_plaintext_size(&OAEP_SHA1_MGF1SHA1) {
            return Err(RsaError::PasswordTooLong);
        }
        let mut out = vec![0; self.0.ciphertext_size()];
        let len = self
            .0
            .encrypt(&OAEP_SHA1_MGF1SHA1, &plaintext, &mut out, None)
            .map_err(|_| RsaError::Failed)?
            .len();
        out.truncate(len);
        Ok(out)
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublicKey({} bits)", self.0.key_size_bits())
    }
}

/// A server's key pair.
pub struct RsaPrivateKey {
    key: OaepPrivateDecryptingKey,
    public_pem: String,
}

impl RsaPrivateKey {
    /// A new key of 2048 bits. It takes a good part of a second.
    ///
    /// # Errors
    /// [`RsaError::Failed`].
    pub fn generate() -> Result<Self, RsaError> {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(|_| RsaError::Failed)?;
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| RsaError::Failed)?;
        let public_pem = pem::encode(der.as_ref());
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| RsaError::Failed)?;
        Ok(Self { key, public_pem })
    }

    /// The public key, as clients ask for it.
    #[must_use]
    pub fn public_key_pem(&self) -> &str {
        &self.public_pem
    }

    /// Decrypts a password; what comes back still has its NUL.
    ///
    /// # Errors
    /// [`RsaError::Undecryptable`].
    pub(super) fn decrypt_password(
        &self,
        ciphertext: &[u8],
        scramble: &Scramble,
    ) -> Result<Vec<u8>, RsaError> {
        let mut out = vec![0; self.key.min_output_size()];
        let len = self
            .key
            .decrypt(&OAEP_SHA1_MGF1SHA1, ciphertext, &mut out, None)
            .map_err(|_| RsaError::Undecryptable)?
            .len();
        out.truncate(len);
        Ok(xor(out, scramble))
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPrivateKey({} bits)", self.key.key_size_bits())
    }
}

/// A key pair that is made when a client first needs it: most send the password inside TLS, or only prove it.
#[derive(Debug, Default)]
pub struct LazyRsaKey(OnceLock<Option<RsaPrivateKey>>);

impl LazyRsaKey {
    /// The key pair; `None` if none could be made. The first call takes a good part of a second, and others wait for
    /// it: not for a thread that serves other clients, too.
    #[must_use]
    pub fn get(&self) -> Option<&RsaPrivateKey> {
        self.0.get_or_init(|| RsaPrivateKey::generate().ok()).as_ref()
    }
}

fn xor(mut bytes: Vec<u8>, scramble: &Scramble) -> Vec<u8> {
    bytes.iter_mut().zip(scramble.0.iter().cycle()).for_each(|(b, s)| *b ^= s);
    bytes
}
