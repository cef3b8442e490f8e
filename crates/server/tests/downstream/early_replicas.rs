//! Real replicas that come before anything is stored.

use std::sync::Arc;

use binlogd_server::config::{Config, ListenAddr};
use binlogd_server::downstream::Downstream;
use binlogd_server::follow::Follower;
use binlogd_server::identity::Identity;
use binlogd_server::stream::Stream;
use binlogd_store::{OsFs, Store};
use testkit::{Endpoint, Flavour, Server, SourceSpec};
use tokio_util::sync::CancellationToken;

use crate::support::{Facts, PATIENCE};

/// A stream of `primary` that serves, but does not follow yet.
struct Waiting {
    stream: Arc<Stream>,
    store: Store,
    port: u16,
    downstream: Downstream,
}

async fn waiting(dir: &std::path::Path, primary: &Server, version: String) -> Waiting {
    let path = dir.join("binlogd.toml");
    let text = format!(
        "data_dir = 'data'\n[[stream]]\nname = 'test'\nlisten = ['127.0.0.1:0']\n\
         upstream = 'mysql://repl:repl@127.0.0.1:{}'\n\
         [[stream.user]]\nname = 'repl'\npassword = 'repl'\n",
        primary.port()
    );
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path).unwrap();
    let data = dir.join("data");
    let store = Store::open(Arc::new(OsFs), &data).unwrap();
    let identity = Identity::load(&OsFs, &data, None).unwrap();
    let catalog = store.catalog().clone();
    let stream = Stream::new(config.streams[0].clone(), identity, catalog).unwrap();
    let stream = Arc::new(stream);
    // The stream itself would let nobody in before it knows its primary.
    let facts = Arc::new(Facts { version, semi_sync: false });
    let tls = dir.join("tls");
    let downstream = Downstream::bind(stream.config(), &config.limits, &tls, facts, stream.clone())
        .await
        .unwrap();
    let port = downstream.addresses().into_iter().find_map(|address| match address {
        ListenAddr::Tcp { port, .. } => Some(port),
        ListenAddr::Unix(_) => None,
    });
    Waiting { stream, store, port: port.unwrap(), downstream }
}

/// The replica comes first, waits, and then gets all.
async fn comes_too_early(flavour: Flavour) {
    let servers = tokio::task::spawn_blocking(move || {
        let primary = Server::start_new(flavour).unwrap();
        let replica = Server::start_new(flavour).unwrap();
        primary.sql("create database d; create table d.t (a int primary key)").unwrap();
        let version = primary.sql("select version()").unwrap();
        (primary, replica, version)
    });
    let (primary, replica, version) = servers.await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let Waiting { stream, store, port, downstream } = waiting(dir.path(), &primary, version).await;
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(downstream.serve(shutdown.clone()));
    let joined = tokio::task::spawn_blocking(move || {
        replica.replicate_from(&SourceSpec::local(port)).unwrap();
        testkit::wait_until("the replica waits", PATIENCE, || {
            let mut client = replica.prefix().mysql_to(&Endpoint::local(port));
            let shown = client.args(["--batch", "--execute", "show processlist"]).output()?;
            Ok(String::from_utf8_lossy(&shown.stdout).contains("Waiting for the first binlog file"))
        })
        .unwrap();
        replica
    });
    let replica = joined.await.unwrap();

    let follower = Follower::new(stream, store);
    let (stop, handle) = (shutdown.clone(), tokio::runtime::Handle::current());
    let following = tokio::task::spawn_blocking(move || handle.block_on(follower.run(stop)));
    let compared = tokio::task::spawn_blocking(move || {
        replica.wait_for_replica_of(&primary, PATIENCE).unwrap();
        assert_eq!(replica.replica_status().unwrap().column("Last_IO_Error"), "");
        assert_eq!(replica.checksum_tables("d").unwrap(), primary.checksum_tables("d").unwrap());
    });
    compared.await.unwrap();
    shutdown.cancel();
    following.await.unwrap().unwrap();
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mysql_replica_waits_for_the_first_file() {
    comes_too_early(Flavour::Mysql97).await;
}

mod on_mariadb {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_mariadb_replica_waits_for_the_first_file() {
        comes_too_early(Flavour::Mariadb118).await;
    }
}
