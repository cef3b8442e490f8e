//! Certificates for tests: an authority, and a server and a client that it vouches for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

/// Keys and certificates in PEM files, removed when dropped.
#[derive(Debug)]
pub struct Pki {
    dir: TempDir,
}

impl Pki {
    /// Makes new ones. The server's certificate is for `localhost`, 127.0.0.1 and ::1.
    ///
    /// # Errors
    /// If no files can be written.
    pub fn new() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("binlogd-pki-").tempdir()?;

        let ca_key = KeyPair::generate()?;
        let mut ca = named("binlogd test authority", &[])?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        write(dir.path(), "ca.pem", &ca.self_signed(&ca_key)?.pem())?;
        let issuer = Issuer::new(ca, ca_key);

        let server = named("binlogd test server", &["localhost", "127.0.0.1", "::1"])?;
        sign(dir.path(), "server", server, ExtendedKeyUsagePurpose::ServerAuth, &issuer)?;
        let client = named("binlogd test client", &[])?;
        sign(dir.path(), "client", client, ExtendedKeyUsagePurpose::ClientAuth, &issuer)?;
        Ok(Self { dir })
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// The server's certificate.
    pub fn server_cert(&self) -> PathBuf {
        self.dir.path().join("server.pem")
    }

    /// The server's private key (PKCS#8).
    pub fn server_key(&self) -> PathBuf {
        self.dir.path().join("server-key.pem")
    }

    /// The client's certificate.
    pub fn client_cert(&self) -> PathBuf {
        self.dir.path().join("client.pem")
    }

    /// The client's private key (PKCS#8).
    pub fn client_key(&self) -> PathBuf {
        self.dir.path().join("client-key.pem")
    }
}

fn named(name: &str, hosts: &[&str]) -> Result<CertificateParams> {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn sign(
    dir: &Path,
    name: &str,
    mut params: CertificateParams,
    usage: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<()> {
    params.extended_key_usages = vec![usage];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    write(dir, &format!("{name}.pem"), &params.signed_by(&key, issuer)?.pem())?;
    write(dir, &format!("{name}-key.pem"), &key.serialize_pem())
}

fn write(dir: &Path, name: &str, pem: &str) -> Result<()> {
    let path = dir.join(name);
    fs::write(&path, pem).with_context(|| format!("write {}", path.display()))
}
