//! The certificates that listeners show: read from files, or made here when there are none.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustix::fs::Mode;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::config::{TlsConfig, TlsIdentity};

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
        source: rustls::pki_types::pem::Error,
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
    /// Making a certificate failed.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
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
    let key = PrivateKeyDer::from_pem_file(&identity.key)
        .map_err(|source| TlsError::Pem { path: identity.key.clone(), source })?;
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
    builder.with_single_cert(chain, key).map(Arc::new).map_err(bad_identity)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |source| TlsError::Pem { path: path.to_owned(), source };
    let found = CertificateDer::pem_file_iter(path).map_err(pem)?.collect::<Result<Vec<_>, _>>();
    match found.map_err(pem)? {
        empty if empty.is_empty() => Err(pem(rustls::pki_types::pem::Error::NoItemsFound)),
        found => Ok(found),
    }
}

/// The certificate and key in `dir`, which are made, together with the directory, if they are not
/// there yet.
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
    if identity.cert.exists() && identity.key.exists() {
        return Ok(identity);
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { path, source }
    };
    fs::create_dir_all(dir).map_err(failed(dir))?;

    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "binlogd generated CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(ca, ca_key);

    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend(hosts.iter().filter(|host| is_nameable(host)).cloned());
    names.dedup();
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "binlogd generated server certificate");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server_pem = server.signed_by(&key, &issuer)?.pem();

    // The certificate last: with it the identity counts as complete.
    let ca_path = dir.join("ca.pem");
    fs::write(&ca_path, ca_pem).map_err(failed(&ca_path))?;
    write_private(&identity.key, &key.serialize_pem()).map_err(failed(&identity.key))?;
    fs::write(&identity.cert, server_pem).map_err(failed(&identity.cert))?;
    Ok(identity)
}

/// Whether a certificate can be for this host: an unspecified address is none, and nor is a name
/// with other characters than DNS has.
fn is_nameable(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => !address.is_unspecified(),
        Err(_) => {
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        }
    }
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mode = (Mode::RUSR | Mode::WUSR).as_raw_mode();
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(ca: Option<&Path>) -> TlsConfig {
        TlsConfig { client_ca: ca.map(Path::to_owned), ..TlsConfig::default() }
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
