//! What events say, against mysql_common: every event that it can read.

use std::collections::BTreeMap;
use std::fmt::Debug;

use binlogd_decode::{Body, Decoder, Events};
use binlogd_event::body::{Body as Plain, Query};
use binlogd_event::{GtidSource, LogPos};
use mysql_common::binlog::EventStreamReader;
use mysql_common::binlog::consts::BinlogVersion;
use mysql_common::binlog::events::EventData;
use testkit::Flavour;

use crate::model::{self, Subject};

/// What an event says, in a form that both sides can be put into.
fn said(parts: &[&dyn Debug]) -> String {
    format!("{parts:?}")
}

fn query(query: &Query<'_>) -> String {
    let Query { thread_id, execution_time_s, error_code, status_vars, schema, statement } = query;
    said(&[thread_id, execution_time_s, error_code, &status_vars.bytes(), schema, statement])
}

fn ours(body: &Body<'_>) -> Option<String> {
    Some(match body {
        Body::Table(table) => said(&[&table.schema(), &table.name(), &table.columns().len()]),
        Body::Other(other) => match other {
            Plain::Query(body) => query(body),
            Plain::ExecuteLoadQuery(load) => said(&[&load.file_id, &query(&load.query)]),
            Plain::Rotate(rotate) => said(&[&rotate.file.as_bytes(), &rotate.position]),
            Plain::Xid(xid) => said(&[&xid.xid]),
            Plain::Intvar(intvar) => said(&[&intvar.kind.0, &intvar.value]),
            Plain::Rand(rand) => said(&[&rand.seed1, &rand.seed2]),
            Plain::UserVar(var) => {
                let value = var.value.map(|value| (value.kind.0, value.collation, value.bytes));
                said(&[&var.name, &value])
            }
            Plain::BeginLoadQuery(block) => said(&[&block.file_id, &block.data]),
            Plain::RowsQuery(statement) => said(&[statement]),
            Plain::FormatDescription(format) => said(&[&format.server_version, &format.created]),
            Plain::Gtid(gtid) => {
                let GtidSource::Server { uuid, tag } = gtid.gtid?.source else { return None };
                let clock = gtid.logical_clock.map(|c| (c.last_committed, c.sequence_number));
                let number = gtid.gtid?.number;
                said(&[
                    &uuid.0,
                    &tag.as_str(),
                    &number,
                    &gtid.flags,
                    &clock.unwrap_or_default(),
                    &gtid.immediate_commit_us.unwrap_or_default(),
                    &gtid.original_commit_us.unwrap_or_default(),
                    &gtid.transaction_len.unwrap_or_default(),
                ])
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn theirs(data: &EventData<'_>) -> Option<String> {
    Some(match data {
        EventData::TableMapEvent(map) => {
            said(&[&map.database_name(), &map.table_name(), &map.columns_count()])
        }
        EventData::QueryEvent(query) => said(&[
            &query.thread_id(),
            &query.execution_time(),
            &query.error_code(),
            &query.status_vars_raw(),
            &query.schema_raw(),
            &query.query_raw(),
        ]),
        EventData::ExecuteLoadQueryEvent(load) => {
            let query = said(&[
                &load.thread_id(),
                &load.execution_time(),
                &load.error_code(),
                &load.status_vars_raw(),
                &load.schema_raw(),
                &load.query_raw(),
            ]);
            said(&[&load.file_id(), &query])
        }
        EventData::RotateEvent(rotate) => said(&[&rotate.name_raw(), &rotate.position()]),
        EventData::XidEvent(xid) => said(&[&xid.xid]),
        EventData::IntvarEvent(intvar) => said(&[&(intvar.subtype() as u8), &intvar.value()]),
        EventData::RandEvent(rand) => said(&[&*rand.seed1, &*rand.seed2]),
        EventData::UserVarEvent(var) => {
            let kind = var.value_type().ok().map_or(0, |kind| kind as u8);
            let value = (!var.is_null()).then(|| (kind, var.charset(), var.value()));
            said(&[&var.name_raw(), &value])
        }
        EventData::BeginLoadQueryEvent(block) => said(&[&block.file_id(), &block.block_data()]),
        EventData::RowsQueryEvent(query) => said(&[&query.query_raw()]),
        EventData::FormatDescriptionEvent(format) => {
            said(&[&format.server_version().trim_end_matches('\0'), &format.create_timestamp()])
        }
        EventData::GtidEvent(gtid) => said(&[
            &gtid.sid(),
            &gtid.tag().map(|tag| tag.as_str()).unwrap_or_default(),
            &gtid.gno(),
            &gtid.flags_raw(),
            &(gtid.last_committed(), gtid.sequence_number()),
            &gtid.immediate_commit_timestamp(),
            &gtid.original_commit_timestamp(),
            &gtid.tx_length(),
        ]),
        _ => return None,
    })
}

/// Compares all files; how many events of each type were alike.
fn compare(subject: &Subject) -> BTreeMap<String, usize> {
    let mut alike = BTreeMap::new();
    for (path, bytes) in &subject.files {
        let mut decoder = Decoder::new();
        let mut reader = EventStreamReader::new(BinlogVersion::Version4);
        let mut rest = &bytes[4..];
        for (offset, event) in Events::new(bytes) {
            let theirs_is = reader.read(&mut rest).unwrap().unwrap();
            let ours_is = decoder.event(offset, event.unwrap()).unwrap();
            let (header, their) = (ours_is.header, theirs_is.header());
            assert_eq!(
                (header.timestamp, header.kind.0, header.server_id, header.size),
                (their.timestamp(), their.event_type_raw(), their.server_id(), their.event_size())
            );
            assert_eq!(
                (header.log_pos, header.flags.0),
                (LogPos(their.log_pos()), their.flags_raw())
            );
            let Ok(Some(data)) = theirs_is.read_data() else { continue };
            if let (Some(ours), Some(theirs)) = (ours(&ours_is.body), theirs(&data)) {
                assert!(ours == theirs, "{}:{offset}: {ours:.500} {theirs:.500}", path.display());
                *alike.entry(header.kind.to_string()).or_default() += 1;
            }
        }
        assert!(reader.read(&mut rest).unwrap().is_none());
    }
    alike
}

fn assert_alike(flavour: Flavour, kinds: &[&str]) {
    let alike = compare(model::of(flavour));
    for kind in kinds {
        assert!(alike.contains_key(*kind), "no {kind} in {alike:?}");
    }
}

const EVERYWHERE: [&str; 9] = [
    "Query",
    "Rotate",
    "Intvar",
    "RAND",
    "User var",
    "Format_desc",
    "Xid",
    "Begin_load_query",
    "Table_map",
];

#[test]
fn events_of_mysql_9_7_say_what_mysql_common_reads() {
    assert_alike(Flavour::Mysql97, &EVERYWHERE);
    let more = ["Gtid", "Gtid_tagged_log_event", "Execute_load_query", "Rows_query"];
    assert_alike(Flavour::Mysql97, &more);
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn events_of_mysql_5_6_say_what_mysql_common_reads() {
        assert_alike(Flavour::Mysql56, &EVERYWHERE);
        assert_alike(Flavour::Mysql56, &["Gtid", "Execute_load_query", "Rows_query"]);
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn events_of_mariadb_11_8_say_what_mysql_common_reads() {
        assert_alike(Flavour::Mariadb118, &EVERYWHERE);
    }

    #[test]
    fn events_of_mariadb_10_11_say_what_mysql_common_reads() {
        assert_alike(Flavour::Mariadb1011, &EVERYWHERE);
    }
}
