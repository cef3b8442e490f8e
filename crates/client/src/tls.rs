//! TLS as MySQL's ssl-mode means it: what of the server's certificate is checked.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::clock::CertificateClock;
use crate::error::ClientError;
use crate::options::{SslMode, TlsOptions};

/// What one connection's TLS is set up with.
#[derive(Debug)]
pub(crate) struct ClientTls {
    pub(crate) config: Arc<ClientConfig>,
    /// After the handshake: why no authority vouches for the server, which has to prove itself in the
    /// login then.
    pub(crate) untrusted: Arc<OnceLock<Error>>,
    /// Whether an authority has to vouch for the server.
    pub(crate) verifies: bool,
}

/// The TLS configuration that the options describe, for one connection.
pub(crate) fn client_config(options: &TlsOptions) -> Result<ClientTls, ClientError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifies = matches!(options.mode, SslMode::VerifyCa | SslMode::VerifyIdentity);
    let roots = if verifies { roots(options)? } else { RootCertStore::empty() };
    let verifier: Arc<dyn ServerCertVerifier> = match options.mode {
        SslMode::Disabled | SslMode::Preferred | SslMode::Required => {
            Arc::new(AnyCertificate(Arc::clone(&provider)))
        }
        // Without an authority none vouches for any name.
        SslMode::VerifyIdentity if !roots.is_empty() => {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| ClientError::BadOption(format!("ssl-ca: {error}")))?
        }
        SslMode::VerifyCa | SslMode::VerifyIdentity => {
            Arc::new(AnyName { roots, provider: Arc::clone(&provider) })
        }
    };
    let untrusted = Arc::new(OnceLock::new());
    let verifier: Arc<dyn ServerCertVerifier> = if verifies && options.ca.is_none() {
        Arc::new(OrByPassword { by_authority: verifier, untrusted: Arc::clone(&untrusted) })
    } else {
        verifier
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::BadOption(format!("TLS: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match (&options.cert, &options.key) {
        (None, None) => config.with_no_client_auth(),
        (Some(cert), Some(key)) => {
            let chain = certificates("ssl-cert", cert)?;
            let private_key =
                PrivateKeyDer::from_pem_file(key).map_err(|error| bad_key(key, &error))?;
            config
                .with_client_auth_cert(chain, private_key)
                .map_err(|error| bad_file("ssl-cert", cert, &error))?
        }
        _ => {
            let message = "ssl-cert and ssl-key go together: one of them is missing";
            return Err(ClientError::BadOption(message.to_owned()));
        }
    };
    config.time_provider = Arc::new(CertificateClock);
    Ok(ClientTls { config: Arc::new(config), untrusted, verifies })
}

/// The name that the certificate must be for.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, ClientError> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| ClientError::BadOption(format!("{host:?} is no host name for TLS")))
}

/// The trusted authorities: those of ssl-ca, or the system's, of which there may be none.
fn roots(options: &TlsOptions) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &options.ca {
        for certificate in certificates("ssl-ca", path)? {
            roots.add(certificate).map_err(|error| bad_file("ssl-ca", path, &error))?;
        }
        return Ok(roots);
    }
    // A system may hold certificates that rustls does not read; the others count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Ok(roots)
}

fn certificates(
    option: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad_file(option, path, &error))?;
    if certificates.is_empty() {
        let reason = match (option, PrivateKeyDer::from_pem_file(path)) {
            ("ssl-cert", Ok(_)) => {
                "holds a private key and no certificate: are ssl-cert and ssl-key swapped?"
            }
            (_, Ok(_)) => "holds a private key and no certificate",
            _ => "holds no certificate (PEM, -----BEGIN CERTIFICATE-----)",
        };
        return Err(bad_file(option, path, &reason));
    }
    Ok(certificates)
}

/// The error of a file that holds no private key.
fn bad_key(path: &Path, error: &pem::Error) -> ClientError {
    let has_certificate = CertificateDer::pem_file_iter(path)
        .is_ok_and(|mut found| matches!(found.next(), Some(Ok(_))));
    match error {
        pem::Error::NoItemsFound if has_certificate => bad_file(
            "ssl-key",
            path,
            &"holds a certificate and no private key: are ssl-cert and ssl-key swapped?",
        ),
        pem::Error::NoItemsFound => {
            bad_file("ssl-key", path, &"holds no private key (PEM, -----BEGIN PRIVATE KEY-----)")
        }
        other => bad_file("ssl-key", path, other),
    }
}

fn bad_file(option: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> ClientError {
    ClientError::BadFile { option, path: path.to_owned(), reason: reason.to_string() }
}

/// Accepts every certificate: encryption against listeners, nothing against impostors. Then the
/// signature by the certificate's key proves nothing either, and is not checked, because servers
/// made certificates of version 1 for themselves, whose keys cannot be read.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Accepts for the moment a certificate that no trusted authority signed. MariaDB makes one for itself, and proves
/// at the end of the login that it is its own; so the signature by its key is checked.
#[derive(Debug)]
struct OrByPassword {
    by_authority: Arc<dyn ServerCertVerifier>,
    untrusted: Arc<OnceLock<Error>>,
}

impl ServerCertVerifier for OrByPassword {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.by_authority.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(error @ Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                // There is one handshake in a connection.
                let _ = self.untrusted.set(error);
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_authority.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_authority.supported_verify_schemes()
    }
}

/// Accepts a certificate of a trusted authority for whatever host.
#[derive(Debug)]
struct AnyName {
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
