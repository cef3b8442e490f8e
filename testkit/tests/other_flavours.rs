//! The same fixtures on MariaDB and on MySQL 5.6, which differ in how they are initialised,
//! asked and told to replicate.
#![expect(clippy::unwrap_used, reason = "a helper's failure is the test's")]

use std::time::Duration;

use testkit::{Flavour, Server, SourceSpec};

const LONG: Duration = Duration::from_secs(60);

const WRITE: &str = "create database d; create table d.t (a int primary key, b text); \
                     insert into d.t values (1, 'one'), (2, 'two'); delete from d.t where a = 1";

fn assert_same_data(source: &Server, replica: &Server) {
    let sums = source.checksum_tables("d").unwrap();
    assert_eq!(sums.len(), 1);
    assert_eq!(sums, replica.checksum_tables("d").unwrap());
}

mod on_mariadb {
    use super::*;

    pub(super) fn replicates_semi_synchronously(flavour: Flavour) {
        let source = Server::builder(flavour).semi_sync().start().unwrap();
        let replica = Server::builder(flavour).semi_sync().start().unwrap();
        assert_eq!(source.sql("select @@gtid_binlog_pos").unwrap(), "");
        replica.replicate_from(&SourceSpec::local(source.port())).unwrap();
        source.wait_for_semi_sync(1, LONG).unwrap();
        source.sql(WRITE).unwrap();
        replica.wait_for_replica_of(&source, LONG).unwrap();
        assert_same_data(&source, &replica);
        assert_eq!(source.status_var("Rpl_semi_sync_master_yes_tx").unwrap(), "4");
    }

    #[test]
    fn version_11_8_replicates_semi_synchronously() {
        replicates_semi_synchronously(Flavour::Mariadb118);
    }

    #[test]
    fn version_10_11_replicates_semi_synchronously() {
        replicates_semi_synchronously(Flavour::Mariadb1011);
    }

    #[test]
    fn a_replica_follows_by_file_and_position_after_a_kill() {
        let mut source = Server::start_new(Flavour::Mariadb118).unwrap();
        let replica = Server::start_new(Flavour::Mariadb118).unwrap();
        replica.replicate_from(&SourceSpec::local(source.port()).at("binlog.000001", 4)).unwrap();
        source.kill().unwrap();
        source.start().unwrap();
        source.sql(WRITE).unwrap();
        replica.wait_for_replica_of(&source, LONG).unwrap();
        assert_same_data(&source, &replica);
    }
}

mod on_mariadb_11_4 {
    use super::*;

    #[test]
    fn replicates_semi_synchronously() {
        on_mariadb::replicates_semi_synchronously(Flavour::Mariadb114);
    }
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn it_replicates_to_itself_and_to_9_7() {
        let source = Server::start_new(Flavour::Mysql56).unwrap();
        let replica = Server::start_new(Flavour::Mysql56).unwrap();
        let modern = Server::start_new(Flavour::Mysql97).unwrap();
        replica.replicate_from(&SourceSpec::local(source.port())).unwrap();
        modern.replicate_from(&SourceSpec::local(source.port())).unwrap();
        source.sql(WRITE).unwrap();
        for follower in [&replica, &modern] {
            follower.wait_for_replica_of(&source, LONG).unwrap();
            assert_same_data(&source, follower);
        }
        let uuid = |server: &Server| server.sql("select @@server_uuid").unwrap();
        assert_ne!(uuid(&source), uuid(&replica));
    }
}
