//! The certificates that listeners show: read from files, or made here when there are none.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use binlogd_client::CertificateClock;
use binlogd_store::{Access, Fs, OsFs, StoreError, atomic_write, restrict};
use binlogd_wire::auth::Fingerprint;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::config::{TlsConfig, TlsIdentity, is_certifiable};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A PEM file cannot be read, or holds no certificate or key.
    #[error("{}: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A PEM file holds something else than it should.
    #[error("{}: {what}", path.display())]
    Contents {
        /// The file.
        path: PathBuf,
        /// What it holds, and what to do.
        what: &'static str,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Certificate and key do not fit together, or are of a kind that cannot be used.
    #[error("{}: {source}", path.display())]
    Identity {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The CA for clients cannot be used.
    #[error("{}: {reason}", path.display())]
    ClientCa {
        /// The CA's file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The certificate that was made cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Making a certificate failed.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
}

impl TlsError {
    /// Whether a file that the configuration names is wrong.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Pem { .. }
            | Self::Contents { .. }
            | Self::Identity { .. }
            | Self::ClientCa { .. } => true,
            Self::File { .. } | Self::Store(_) | Self::Generate(_) => false,
        }
    }
}

/// A TLS configuration for listeners: TLS 1.2 and 1.3. With a `client_ca`, clients must show a
/// certificate that it signed.
///
/// # Errors
/// A file cannot be read or used.
pub fn server_config(
    identity: &TlsIdentity,
    clients: &TlsConfig,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = certificates(&identity.cert)?;
    let key = private_key(&identity.key)?;
    let bad_identity = |source| TlsError::Identity { path: identity.cert.clone(), source };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(bad_identity)?;
    let builder = match clients.client_ca.as_deref() {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let bad_ca = |reason: String| TlsError::ClientCa { path: path.to_owned(), reason };
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| bad_ca(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if clients.client_cert_required {
                verifier.build()
            } else {
                verifier.allow_unauthenticated().build()
            };
            builder.with_client_cert_verifier(verifier.map_err(|e| bad_ca(e.to_string()))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(bad_identity)?;
    config.time_provider = Arc::new(CertificateClock);
    Ok(Arc::new(config))
}

/// The fingerprint of the server's own certificate, which is the first of its chain.
///
/// # Errors
/// The file cannot be read or used.
pub(super) fn fingerprint(identity: &TlsIdentity) -> Result<Fingerprint, TlsError> {
    let chain = certificates(&identity.cert)?;
    Ok(Fingerprint::of(chain.first().map_or(&[], |certificate| certificate.as_ref())))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |source| TlsError::Pem { path: path.to_owned(), source };
    let found = CertificateDer::pem_file_iter(path).map_err(pem)?.collect::<Result<Vec<_>, _>>();
    let found = found.map_err(pem)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let what = match PrivateKeyDer::from_pem_file(path) {
        Ok(_) => "holds a private key and no certificate: are certificate and key swapped?",
        Err(_) => "holds no certificate (PEM, -----BEGIN CERTIFICATE-----)",
    };
    Err(TlsError::Contents { path: path.to_owned(), what })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| match (source, certificates(path)) {
        (pem::Error::NoItemsFound, Ok(_)) => TlsError::Contents {
            path: path.to_owned(),
            what: "holds a certificate and no private key: are certificate and key swapped?",
        },
        (pem::Error::NoItemsFound, Err(_)) => TlsError::Contents {
            path: path.to_owned(),
            what: "holds no private key (PEM, -----BEGIN PRIVATE KEY-----)",
        },
        (source, _) => TlsError::Pem { path: path.to_owned(), source },
    })
}

/// The certificate and key in `dir`, which are made, together with the directory, if they are not
/// there yet; and made anew if they cannot be used, as earlier versions could leave them after a power
/// failure.
///
/// Beside `server-cert.pem` and `server-key.pem` it makes `ca.pem`, which clients give as
/// `--ssl-ca` to verify the server; the CA's own key is thrown away. The certificate is for `hosts`
/// (names and addresses), `localhost` and the loopback addresses.
///
/// # Errors
/// The files cannot be read or written.
pub fn ensure_identity(dir: &Path, hosts: &[String]) -> Result<TlsIdentity, TlsError> {
    let identity =
        TlsIdentity { cert: dir.join("server-cert.pem"), key: dir.join("server-key.pem") };
    let ca = dir.join("ca.pem");
    restrict(
        &OsFs,
        [
            (dir, Access::Group),
            (&identity.key, Access::Owner),
            (&identity.cert, Access::Group),
            (&ca, Access::Group),
        ],
    );
    // Whoever made the pair: without the certificate it is not there yet.
    if !identity.cert.exists() {
        generate(dir, &identity, &ca, hosts)?;
        return Ok(identity);
    }
    match server_config(&identity, &TlsConfig::default()) {
        Err(TlsError::Pem { source: pem::Error::Io(error), path })
            if error.kind() != io::ErrorKind::NotFound =>
        {
            return Err(TlsError::File { path, source: error });
        }
        Err(error) => {
            generate(dir, &identity, &ca, hosts)?;
            tracing::warn!(
                "made a new certificate, since the one before cannot be used ({error}). Clients that \
                 verify the server need the new {}",
                ca.display()
            );
        }
        Ok(_) => match certificates(&ca) {
            Ok(_) | Err(TlsError::Pem { source: pem::Error::Io(_), .. }) => {}
            Err(error) => tracing::warn!(
                "{error}. Clients cannot verify the server with it. Put a copy back, or remove {} to \
                 have both made anew",
                identity.cert.display()
            ),
        },
    }
    Ok(identity)
}

/// Makes a CA, a key and a certificate, and writes them.
fn generate(
    dir: &Path,
    identity: &TlsIdentity,
    ca_path: &Path,
    hosts: &[String],
) -> Result<(), TlsError> {
    let failed = |source| TlsError::File { path: dir.to_owned(), source };
    OsFs.create_dir_all(dir).map_err(failed)?;

    // ECDSA: an RSA key takes a tenth of a second to make, and no handshake uses this one.
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "binlogd generated CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(ca, ca_key);

    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend(hosts.iter().filter(|host| is_certifiable(host)).cloned());
    names.dedup();
    // RSA, as servers' own certificates: under TLS 1.2 some clients know no ECDSA.
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "binlogd generated server certificate");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server_pem = server.signed_by(&key, &issuer)?.pem();

    // The certificate last: with it the identity counts as complete.
    atomic_write(&OsFs, ca_path, ca_pem.as_bytes(), Access::Group)?;
    atomic_write(&OsFs, &identity.key, key.serialize_pem().as_bytes(), Access::Owner)?;
    atomic_write(&OsFs, &identity.cert, server_pem.as_bytes(), Access::Group)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn clients(ca: Option<&Path>) -> TlsConfig {
        TlsConfig { client_ca: ca.map(Path::to_owned), ..TlsConfig::default() }
    }

    #[test]
    fn versions_and_ciphers_are_those_of_the_documentation() {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut names = Vec::new();
        for suite in provider.cipher_suites {
            let name = suite.suite().as_str().unwrap();
            names.push(match name.strip_prefix("TLS13_") {
                Some(rest) => format!("TLS_{rest}"),
                // As OpenSSL names those of TLS 1.2.
                None => name["TLS_".len()..]
                    .replace("_WITH", "")
                    .replace("AES_", "AES")
                    .replace("POLY1305_SHA256", "POLY1305")
                    .replace('_', "-"),
            });
        }
        let documentation = include_str!("../../../../docs/administration.md");
        assert_eq!(names.len(), 9, "{names:?}");
        for name in names {
            let as_rsa = name.replace("ECDSA", "RSA");
            assert!(documentation.contains(&format!("`{as_rsa}`")), "{name} is not documented");
        }
    }

    #[test]
    fn a_generated_identity_is_kept_and_usable() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("tls");
        let hosts = ["db1.example.com".into(), "0.0.0.0".into(), "10.1.2.3".into(), "a_b".into()];
        let identity = ensure_identity(&dir, &hosts).unwrap();
        let cert = fs::read(&identity.cert).unwrap();
        server_config(&identity, &clients(None)).unwrap();
        server_config(&identity, &clients(Some(&dir.join("ca.pem")))).unwrap();

        assert_eq!(ensure_identity(&dir, &hosts).unwrap(), identity);
        assert_eq!(fs::read(&identity.cert).unwrap(), cert, "made again");
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&identity.key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_identity_that_cannot_be_used_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let made = ensure_identity(dir.path(), &[]).unwrap();
        let other = tempfile::tempdir().unwrap();
        let foreign_key = fs::read(ensure_identity(other.path(), &[]).unwrap().key).unwrap();
        let mut before = fs::read(&made.cert).unwrap();
        let cut = before[..before.len() / 2].to_vec();
        let spoilt: [(&Path, Option<&[u8]>); 7] = [
            (&made.cert, Some(b"")),
            (&made.key, Some(b"")),
            (&made.cert, Some(&cut)),
            (&made.cert, Some(&[0; 100])),
            (&made.key, Some(&foreign_key)),
            (&made.key, None),
            (&made.cert, None),
        ];
        for (file, bytes) in spoilt {
            match bytes {
                Some(bytes) => fs::write(file, bytes).unwrap(),
                None => fs::remove_file(file).unwrap(),
            }
            let identity = ensure_identity(dir.path(), &[]).unwrap();
            server_config(&identity, &clients(Some(&dir.path().join("ca.pem")))).unwrap();
            let now = fs::read(&made.cert).unwrap();
            assert_ne!(now, before, "{} with {bytes:?}", file.display());
            before = now;
        }
        // The CA alone is not needed to serve.
        fs::write(dir.path().join("ca.pem"), "").unwrap();
        ensure_identity(dir.path(), &[]).unwrap();
        assert_eq!(fs::read(&made.cert).unwrap(), before);
    }

    #[test]
    fn errors_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let identity = ensure_identity(dir.path(), &[]).unwrap();
        let empty = dir.path().join("empty.pem");
        fs::write(&empty, "").unwrap();
        let says = |identity: &TlsIdentity, ca: Option<&Path>, file: &str| {
            let error = server_config(identity, &clients(ca)).unwrap_err().to_string();
            assert!(error.contains(file), "{error}");
        };
        says(&TlsIdentity { cert: "no.pem".into(), ..identity.clone() }, None, "no.pem");
        says(&TlsIdentity { cert: empty.clone(), ..identity.clone() }, None, "empty.pem");
        says(&TlsIdentity { key: empty.clone(), ..identity.clone() }, None, "empty.pem");
        says(&identity, Some(&empty), "empty.pem");
        let other = ensure_identity(&dir.path().join("other"), &[]).unwrap();
        says(&TlsIdentity { key: other.key, ..identity }, None, "server-cert.pem");
    }
}
