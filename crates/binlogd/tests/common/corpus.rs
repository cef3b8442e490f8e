//! Binlogs of everything that SQL can say again.

use testkit::server::Server;
use testkit::workload::{self, Scenario};

/// Without what SQL cannot hold: the file of `LOAD DATA`, columns without names, and MariaDB's history of
/// rows.
pub(crate) fn run_scenarios(server: &Server) {
    run(server, &[workload::DDL]);
}

/// As [`run_scenarios`], but no table is altered, so that its definition is that of all of its rows.
pub(crate) fn run_scenarios_without_ddl(server: &Server) {
    run(server, &[]);
}

fn run(server: &Server, more: &[Scenario]) {
    let scenarios = [
        workload::COLUMNS,
        workload::ROW_IMAGES,
        workload::STATEMENTS,
        workload::TRANSACTIONS,
        workload::GTIDS,
        workload::COMPRESSION,
    ];
    for scenario in scenarios.iter().chain(more) {
        let sql = scenario.sql(server.flavour(), &server.tmpdir());
        let sql = sql.replace("binlog_row_metadata = MINIMAL", "binlog_row_metadata = FULL");
        let sql = sql.split("select 'first").next().unwrap();
        let kept: Vec<_> = sql.lines().filter(|line| !line.contains(" versioned ")).collect();
        let sql = kept.join("\n");
        server.sql(&sql).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
    }
}

/// The corpus' generated columns, which no statement may set and no binlog names.
pub(crate) const GENERATED: [&str; 2] =
    ["--generated-column=columns_.derived.doubled", "--generated-column=columns_.derived.kept"];
