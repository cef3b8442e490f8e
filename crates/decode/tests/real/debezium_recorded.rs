//! What Debezium's connector itself sent of a binlog, and what is written of the same file. Both were kept
//! by `cargo xtask compat --client debezium --record`, which compares them as well.

use binlogd_decode::format::{DebeziumFormat, DebeziumOptions};
use testkit::debezium::{SETTINGS, differences};

use crate::written::written_of_file;

const BINLOG: &[u8] = include_bytes!("../data/debezium/binlog.000001");
const CONNECTOR: &str = include_str!("../data/debezium/connector.jsonl");

#[test]
fn records_are_those_of_the_connector() {
    let mut options = DebeziumOptions::default();
    for setting in SETTINGS.into_iter().chain(["keys=true"]) {
        let (name, value) = setting.split_once('=').unwrap();
        options.set(name, value).unwrap();
    }
    let format = &mut DebeziumFormat::new(options);
    let ours =
        String::from_utf8(written_of_file("binlog.000001", BINLOG, format).unwrap()).unwrap();
    let (theirs, ours): (Vec<_>, Vec<_>) = (CONNECTOR.lines().collect(), ours.lines().collect());
    let found = differences(&theirs, &ours).unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
    // All of the workload.
    assert!(theirs.len() > 200, "{}", theirs.len());
}
