//! The same against MariaDB and MySQL 5.6, which authenticate by mysql_native_password.

use binlogd_client::wire::ErrorCode;
use binlogd_client::wire::dump::DumpFlags;
use binlogd_client::{ConnectOptions, Connection, DumpOptions, SslMode};
use testkit::{Flavour, Server};

use crate::stream::{
    assert_same_files, connect, follows_semi_synchronously, from_start, receive_files, written,
};
use crate::support::{by_socket, by_tcp};

async fn logs_in_and_queries(server: &Server) {
    for options in [by_tcp(server), by_socket(server)] {
        let mut connection = Connection::connect(&options).await.unwrap();
        let rows = connection.query_all("select 1, null union all select 2, 'x'").await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].text(1).unwrap(), "x");
        let version = connection.scalar("select version()").await.unwrap().unwrap();
        assert_eq!(connection.server_version().to_string(), version);
        let flavour = server.flavour();
        assert_eq!(connection.server_version().is_mariadb(), flavour.is_mariadb());
        connection.quit().await.unwrap();
    }
    let error = Connection::connect(&by_tcp(server).password("wrong")).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::ACCESS_DENIED));
}

async fn dumps_its_files(server: &Server, options: ConnectOptions) {
    let connection = connect(&options).await;
    let mut dump = from_start("binlog.000001");
    if server.flavour().is_mariadb() {
        // Else it leaves those events out.
        dump.flags = dump.flags | DumpFlags::ANNOTATE_OR_HEARTBEAT_V2;
    }
    let stream = connection.dump(&dump, &DumpOptions::default()).await.unwrap();
    assert_same_files(server, &receive_files(stream).await);
}

mod on_mysql_5_6 {
    use super::*;

    #[tokio::test]
    async fn native_password_and_eofs_of_old() {
        let server = written(Flavour::Mysql56);
        logs_in_and_queries(&server).await;
        dumps_its_files(&server, by_tcp(&server)).await;
    }
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn logs_in_queries_and_dumps_on_11_8() {
        let server = written(Flavour::Mariadb118);
        logs_in_and_queries(&server).await;
        dumps_its_files(&server, by_tcp(&server)).await;
        // It makes a certificate for itself.
        dumps_its_files(&server, by_tcp(&server).ssl_mode(SslMode::Required)).await;
    }

    #[tokio::test]
    async fn logs_in_queries_and_dumps_on_10_11() {
        let server = written(Flavour::Mariadb1011);
        logs_in_and_queries(&server).await;
        dumps_its_files(&server, by_tcp(&server)).await;
    }

    #[tokio::test]
    async fn a_semi_sync_source_is_acknowledged_on_11_8() {
        follows_semi_synchronously(Flavour::Mariadb118).await;
    }

    #[tokio::test]
    async fn a_semi_sync_source_is_acknowledged_on_10_11() {
        follows_semi_synchronously(Flavour::Mariadb1011).await;
    }
}
