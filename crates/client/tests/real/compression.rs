//! Compressed connections to real servers.

use binlogd_client::CompressionAlgorithm::{Uncompressed, Zlib, Zstd};
use binlogd_client::{ClientError, ConnectOptions, Connection, DumpOptions, SslMode};
use testkit::{Flavour, Server};

use crate::stream::{assert_same_files, connect, from_start, receive_files, written};
use crate::support::by_tcp;

/// Queries and a dump with events over 16 MiB, of which some are longer than a frame.
async fn serves(server: &Server, options: ConnectOptions) {
    let mut connection = Connection::connect(&options).await.unwrap();
    assert!(connection.compression().is_some());
    let on = connection.query_all("show session status like 'Compression'").await.unwrap();
    assert_eq!(on[0].text(1).unwrap(), "ON");
    let long = "x".repeat(3_000_000);
    for _ in 0..3 {
        let row = connection.scalar(&format!("select concat('{long}', 'y')")).await.unwrap();
        assert!(row.unwrap().len() == long.len() + 1);
        connection.ping().await.unwrap();
    }
    connection.quit().await.unwrap();

    let connection = connect(&options).await;
    let mut dump = from_start("binlog.000001");
    if server.flavour().is_mariadb() {
        use binlogd_client::wire::dump::DumpFlags;
        dump.flags = dump.flags | DumpFlags::ANNOTATE_OR_HEARTBEAT_V2;
    }
    let stream = connection.dump(&dump, &DumpOptions::default()).await.unwrap();
    assert_same_files(server, &receive_files(stream).await);
}

async fn refuses(options: ConnectOptions) {
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(matches!(error, ClientError::CompressionNotOffered { .. }), "{error}");
}

async fn knows_zlib_alone(flavour: Flavour) {
    let server = written(flavour);
    serves(&server, by_tcp(&server).compression([Zlib])).await;
    serves(&server, by_tcp(&server).compression([Zstd, Zlib])).await;
    refuses(by_tcp(&server).compression([Zstd])).await;
    let options = by_tcp(&server).compression([Zstd, Uncompressed]);
    assert_eq!(Connection::connect(&options).await.unwrap().compression(), None);
}

#[tokio::test]
async fn zlib_and_zstd_with_tls_and_without() {
    let server = written(Flavour::Mysql97);
    for options in [
        by_tcp(&server).compression([Zlib]),
        by_tcp(&server).compression([Zstd]),
        by_tcp(&server).compression([Zstd]).zstd_level(22),
        by_tcp(&server).compression([Zstd]).ssl_mode(SslMode::Required),
    ] {
        serves(&server, options).await;
    }
    server.sql("set global protocol_compression_algorithms = 'zlib'").unwrap();
    refuses(by_tcp(&server).compression([Zstd])).await;
}

mod on_mysql_5_6 {
    use super::*;

    #[tokio::test]
    async fn zlib_on_5_6() {
        knows_zlib_alone(Flavour::Mysql56).await;
    }
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn zlib_on_11_8() {
        knows_zlib_alone(Flavour::Mariadb118).await;
    }

    #[tokio::test]
    async fn zlib_on_10_11() {
        knows_zlib_alone(Flavour::Mariadb1011).await;
    }
}
