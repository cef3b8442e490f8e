//! Every event that servers write is known, and says what `SHOW BINLOG EVENTS` says.

use std::collections::BTreeSet;

use binlogd_decode::{Body, DecodeError, Decoder, Events};
use binlogd_event::EventKind;
use binlogd_event::body::{Body as Plain, StatusVar};
use testkit::Flavour;

use crate::model::{self, Subject};

/// Compares each event with its line in the server's list; the types seen.
async fn compare(subject: &Subject) -> BTreeSet<EventKind> {
    let mut kinds = BTreeSet::new();
    let mut connection = model::connect(&subject.server).await;
    for (path, bytes) in &subject.files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let sql = format!("show binlog events in '{name}'");
        // The events of a compressed transaction are listed behind it, at its end.
        let mut listed = connection.query_all(&sql).await.unwrap().into_iter();
        let mut decoder = Decoder::new();
        for (offset, event) in Events::new(bytes) {
            decoder
                .walk(offset, event.unwrap(), |event| {
                    let kind = event.header.kind;
                    kinds.insert(kind);
                    let line = listed.next().expect("a line for each event");
                    let info = line.get(5).unwrap_or_default();
                    let said = |part: &[u8]| {
                        let found = info.windows(part.len().max(1)).any(|w| w == part);
                        let (info, part) =
                            (String::from_utf8_lossy(info), String::from_utf8_lossy(part));
                        assert!(found || part.is_empty(), "{kind} at {offset}: {info} | {part}");
                    };
                    match event.body {
                        Body::Table(table) => {
                            said(format!("({}.{})", table.schema(), table.name()).as_bytes());
                        }
                        Body::Other(Plain::Query(query)) => {
                            said(query.statement);
                            for var in query.status_vars.iter() {
                                let var = var.unwrap();
                                assert!(
                                    !matches!(var, StatusVar::Unknown { .. }),
                                    "{var:?} {}",
                                    String::from_utf8_lossy(query.statement)
                                );
                            }
                        }
                        Body::Other(Plain::Gtid(gtid)) => {
                            if let Some(gtid) = gtid.gtid {
                                said(format!("'{gtid}'").as_bytes());
                            }
                        }
                        Body::Other(Plain::MariadbGtid(gtid)) => {
                            said(gtid.gtid.to_string().as_bytes());
                        }
                        Body::Other(Plain::RowsQuery(statement)) => said(statement),
                        Body::Other(Plain::Xid(xid)) => said(format!("xid={}", xid.xid).as_bytes()),
                        Body::Other(Plain::Intvar(var)) => {
                            said(format!("={}", var.value).as_bytes());
                        }
                        Body::Other(Plain::Rand(rand)) => said(rand.seed2.to_string().as_bytes()),
                        Body::Other(Plain::UserVar(var)) => said(var.name),
                        Body::Other(Plain::Rotate(rotate)) => said(rotate.file.as_bytes()),
                        Body::Other(Plain::XaPrepare(xa)) => {
                            let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect();
                            let gtrid: String = hex(xa.xid.gtrid);
                            said(format!("X'{gtrid}'").as_bytes());
                        }
                        Body::Other(Plain::ExecuteLoadQuery(load)) => {
                            said(format!("file_id={}", load.file_id).as_bytes());
                        }
                        Body::Other(Plain::BinlogCheckpoint { file }) => said(file),
                        Body::Other(Plain::GtidList(list)) => {
                            list.iter().for_each(|gtid| said(gtid.to_string().as_bytes()));
                        }
                        Body::Other(Plain::FormatDescription(format)) => {
                            said(format.server_version.as_bytes());
                        }
                        Body::Other(Plain::Unknown(_)) => panic!("{kind} at {offset}"),
                        _ => {}
                    }
                    Ok::<(), DecodeError>(())
                })
                .unwrap();
        }
    }
    kinds
}

fn assert_seen(seen: &BTreeSet<EventKind>, wanted: &[u8]) {
    for &kind in wanted {
        assert!(seen.contains(&EventKind(kind)), "no {}", EventKind(kind));
    }
}

#[tokio::test]
async fn mysql_9_7_writes_no_event_that_is_not_known() {
    let seen = compare(model::of(Flavour::Mysql97)).await;
    assert_seen(
        &seen,
        &[2, 4, 5, 13, 14, 15, 16, 17, 18, 19, 29, 30, 31, 32, 33, 35, 38, 39, 40, 42],
    );
}

mod on_mysql_5_6 {
    use super::*;

    #[tokio::test]
    async fn mysql_5_6_writes_no_event_that_is_not_known() {
        let seen = compare(model::of(Flavour::Mysql56)).await;
        assert_seen(&seen, &[2, 4, 5, 13, 14, 15, 16, 17, 18, 19, 29, 30, 31, 32, 33, 35]);
    }
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn mariadb_11_8_writes_no_event_that_is_not_known() {
        let seen = compare(model::of(Flavour::Mariadb118)).await;
        assert_seen(
            &seen,
            &[2, 4, 5, 13, 14, 15, 16, 17, 18, 19, 23, 24, 25, 160, 161, 162, 163, 165, 166, 167],
        );
    }

    #[tokio::test]
    async fn mariadb_10_11_writes_no_event_that_is_not_known() {
        compare(model::of(Flavour::Mariadb1011)).await;
    }
}
