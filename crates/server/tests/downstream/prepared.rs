//! Prepared statements, packet by packet: what libraries of clients do not send.

use binlogd_wire::ServerError;
use binlogd_wire::command::Command;
use binlogd_wire::resultset::ColumnType;
use binlogd_wire::statement::{
    BinaryRow, BinaryValue, Execute, LAST_STATEMENT, LongData, ParameterType, PrepareOk,
};

use crate::raw::Raw;
use crate::support::{Fixture, Setup};

/// Prepares, and reads the answer to its end.
async fn prepare(raw: &mut Raw, sql: &str) -> PrepareOk {
    let (_, payload) = raw.ask(&Command::Prepare(sql.as_bytes())).await.unwrap();
    let ok = PrepareOk::parse(&payload).unwrap();
    for count in [ok.parameters, ok.columns] {
        // As many definitions, and an EOF.
        for _ in 0..=count {
            if count > 0 {
                raw.packet().await.unwrap();
            }
        }
    }
    ok
}

fn error(packet: Option<(u8, Vec<u8>)>) -> u16 {
    ServerError::parse(&packet.unwrap().1).unwrap().code.0
}

/// The only value of the only row, of BIGINT or text.
async fn value(raw: &mut Raw, execute: Execute<'_>, kind: ColumnType) -> String {
    let (_, count) = raw.ask(&Command::Execute(execute)).await.unwrap();
    assert_eq!(count, [1], "{:?}", ServerError::parse(&count));
    raw.packet().await.unwrap();
    raw.packet().await.unwrap();
    let (_, row) = raw.packet().await.unwrap();
    raw.packet().await.unwrap();
    let kind = ParameterType { kind, is_unsigned: false };
    match BinaryRow::parse(&row, 1).unwrap().values([kind]).unwrap().remove(0) {
        BinaryValue::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => format!("{other:?}"),
    }
}

fn execute(statement_id: u32, parameters: &[u8]) -> Execute<'_> {
    Execute { statement_id, flags: 0, iterations: 1, parameters }
}

/// A parameter of BLOB that has no value in the packet.
const LONG: &[u8] = b"\x00\x01\xfc\x00";
/// A parameter of BIGINT with its type, and one without.
const WITH_TYPE: &[u8] = b"\x00\x01\x08\x00\x2a\0\0\0\0\0\0\0";
const WITHOUT_TYPE: &[u8] = b"\x00\x00\x2b\0\0\0\0\0\0\0";

#[tokio::test]
async fn types_are_remembered_and_long_data_come_in_pieces() {
    let fixture = Fixture::start().await;
    let mut raw = Raw::logged_in(&fixture).await;
    let id = prepare(&mut raw, "SELECT ?").await.statement_id;
    let packet = raw.ask(&Command::Execute(execute(id, WITHOUT_TYPE))).await;
    assert_eq!(error(packet), 1210, "no type was ever sent");
    let integer = ColumnType::LONGLONG;
    assert_eq!(value(&mut raw, execute(id, WITH_TYPE), integer).await, "Int(42)");
    assert_eq!(value(&mut raw, execute(id, WITHOUT_TYPE), integer).await, "Int(43)");
    for data in [&b"a long "[..], b"value"] {
        let mut payload = Vec::new();
        let piece = LongData { statement_id: id, parameter: 0, data };
        Command::SendLongData(piece).encode(&mut payload, crate::raw::CAPABILITIES);
        raw.send(0, &payload).await;
    }
    let text = ColumnType::VAR_STRING;
    assert_eq!(value(&mut raw, execute(id, LONG), text).await, "a long value");
    assert_eq!(error(raw.ask(&Command::Execute(execute(id, LONG))).await), 1210, "used up");
    // A client that wants a cursor is sent the rows.
    let cursor = Execute { flags: 1, ..execute(id, WITH_TYPE) };
    assert_eq!(value(&mut raw, cursor, integer).await, "Int(42)");
    let fetch = Command::Fetch { statement_id: id, rows: 1 };
    assert_eq!(error(raw.ask(&fetch).await), 1421);
    assert_eq!(raw.ask(&Command::ResetStatement(id)).await.unwrap().1[0], 0);
}

#[tokio::test]
async fn what_is_closed_or_was_never_prepared_is_unknown() {
    let fixture = Fixture::with(Setup {
        limits: "prepared_statements_max = 2\nprepared_statements_bytes_max = 400",
        ..Setup::default()
    })
    .await;
    let mut raw = Raw::logged_in(&fixture).await;
    let first = prepare(&mut raw, "SELECT 1").await;
    assert_eq!((first.parameters, first.columns), (0, 1));
    let second = prepare(&mut raw, "SET @a = ?, @b = ?").await;
    assert_eq!((second.parameters, second.columns), (2, 0));
    assert_eq!(error(raw.ask(&Command::Prepare(b"SELECT 3")).await), 1461);
    let last = Command::Execute(execute(LAST_STATEMENT, b""));
    assert_eq!(error(raw.ask(&last).await), 1243, "the last one failed");
    let mut payload = Vec::new();
    Command::CloseStatement(second.statement_id).encode(&mut payload, crate::raw::CAPABILITIES);
    raw.send(0, &payload).await;
    // It is not answered: the next answer is to this.
    let id = second.statement_id;
    assert_eq!(error(raw.ask(&Command::Execute(execute(id, b""))).await), 1243);
    assert_eq!(error(raw.ask(&Command::ResetStatement(id)).await), 1243);
    assert_eq!(error(raw.ask(&Command::Fetch { statement_id: id, rows: 1 }).await), 1243);
    prepare(&mut raw, "SELECT 'the last'").await;
    let text = ColumnType::VAR_STRING;
    assert_eq!(value(&mut raw, execute(LAST_STATEMENT, b""), text).await, "the last");
    assert_eq!(raw.ask(&Command::ResetConnection).await.unwrap().1[0], 0);
    assert_eq!(error(raw.ask(&Command::Execute(execute(first.statement_id, b""))).await), 1243);
    assert_eq!(error(raw.ask(&Command::Prepare(&[b' '; 500])).await), 1065);
    let long = format!("SELECT '{}'", "x".repeat(500));
    assert_eq!(error(raw.ask(&Command::Prepare(long.as_bytes())).await), 1037);
}
