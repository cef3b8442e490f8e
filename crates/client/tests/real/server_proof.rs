//! How a MariaDB proves by the account's password that a certificate is its own, and who fails to.

use std::path::Path;
use std::sync::Arc;

use binlogd_client::{ClientError, ConnectOptions, Connection, SslMode};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use testkit::{Pki, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const VERIFYING: [SslMode; 2] = [SslMode::VerifyCa, SslMode::VerifyIdentity];

async fn is_encrypted(options: ConnectOptions) -> Result<bool, ClientError> {
    Connection::connect(&options).await.map(|connection| connection.is_tls())
}

/// A relay in the middle, which ends the client's TLS and begins its own towards the server.
async fn in_the_middle(server_port: u16, pki: &Pki) -> u16 {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from_pem_file(pki.server_cert()).unwrap()];
    let key = PrivateKeyDer::from_pem_file(pki.server_key()).unwrap();
    let to_client = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let to_server = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(to_client));
    let connector = TlsConnector::from(Arc::new(to_server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(("127.0.0.1", server_port)).await.unwrap();
            // The greeting and the request for TLS.
            pass_packet(&mut server, &mut client).await;
            pass_packet(&mut client, &mut server).await;
            let mut client = acceptor.accept(client).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let mut server = connector.connect(name, server).await.unwrap();
            // Either may close it at any time.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    });
    port
}

async fn pass_packet(from: &mut TcpStream, to: &mut TcpStream) {
    let mut header = [0; 4];
    from.read_exact(&mut header).await.unwrap();
    let [a, b, c, _] = header;
    let mut payload = vec![0; u32::from_le_bytes([a, b, c, 0]) as usize];
    from.read_exact(&mut payload).await.unwrap();
    to.write_all(&[&header[..], &payload].concat()).await.unwrap();
}

/// Takes every certificate.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

mod on_mariadb {
    use testkit::{Flavour, testbed};

    use super::*;
    use crate::support::by_tcp;

    /// A server with a certificate that it made for itself, and accounts whose password is `secret`: `native`,
    /// `signs`; and `open`, without one.
    fn self_certified() -> Server {
        let plugins = testbed::mariadb_plugins(Flavour::Mariadb118).unwrap();
        let server = Server::builder(Flavour::Mariadb118)
            .arg(format!("--plugin-dir={}", Path::new(&plugins).display()))
            .arg("--plugin-load-add=auth_ed25519.so")
            .start()
            .unwrap();
        server
            .sql(
                "create user native identified by 'secret'; create user open;
                 create user signs identified via ed25519 using password('secret')",
            )
            .unwrap();
        server
    }

    #[tokio::test]
    async fn a_home_made_certificate_is_verified_by_the_password() {
        let server = self_certified();
        let as_user = |user: &str| by_tcp(&server).user(user).password("secret");
        for user in ["native", "signs"] {
            for mode in [VERIFYING[0], VERIFYING[1], SslMode::Required, SslMode::Preferred] {
                assert!(
                    is_encrypted(as_user(user).ssl_mode(mode)).await.unwrap(),
                    "{user} {mode:?}"
                );
            }
        }
        let pki = Pki::new().unwrap();
        for mode in VERIFYING {
            // Without a password there is nothing to prove, and an authority that is named must be the right one.
            let open = as_user("open").password("").ssl_mode(mode);
            let other = as_user("native").ssl_mode(mode).ssl_ca(pki.ca());
            for options in [open, other] {
                let error = is_encrypted(options).await.unwrap_err();
                assert!(matches!(error, ClientError::Tls { .. }), "{error}");
                assert!(error.to_string().contains("ssl-ca must name the authority"), "{error}");
            }
        }

        let port = in_the_middle(server.port(), &pki).await;
        for user in ["native", "signs"] {
            for mode in [VERIFYING[0], VERIFYING[1], SslMode::Required] {
                let error =
                    is_encrypted(as_user(user).port(port).ssl_mode(mode)).await.unwrap_err();
                assert!(matches!(error, ClientError::Impostor { .. }), "{user} {mode:?} {error}");
            }
        }
        // An authority vouches for the one in the middle.
        let trusted = as_user("native").port(port).ssl_mode(SslMode::VerifyCa).ssl_ca(pki.ca());
        assert!(is_encrypted(trusted).await.unwrap());
    }

    /// Versions before 11.4 prove nothing.
    #[tokio::test]
    async fn without_a_proof_an_unknown_authority_is_not_trusted() {
        let pki = Pki::new().unwrap();
        let server = Server::builder(Flavour::Mariadb1011).tls(&pki).start().unwrap();
        for mode in VERIFYING {
            let error = is_encrypted(by_tcp(&server).ssl_mode(mode)).await.unwrap_err();
            assert!(matches!(error, ClientError::Tls { .. }), "{error}");
        }
        assert!(is_encrypted(by_tcp(&server).ssl_mode(SslMode::Required)).await.unwrap());
    }
}
