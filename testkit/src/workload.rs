//! SQL that makes a server write every kind of binlog event, by subject; and, in `load`, many
//! small commits from several clients at once.

mod load;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::{Flavour, Server};
pub use load::{Acknowledged, Load, LoadSpec, TABLE as LOAD_TABLE};

/// Statements on one subject. Each makes a schema of its own and works once per server, alone or
/// after the others, and ends by closing the binlog file.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is about, like `row_images`.
    pub name: &'static str,
    /// The schema that it fills, to compare replicas by.
    pub schema: &'static str,
    template: &'static str,
}

macro_rules! scenario {
    ($name:literal, $schema:literal) => {
        Scenario {
            name: $name,
            schema: $schema,
            template: include_str!(concat!("../sql/", $name, ".sql")),
        }
    };
}

/// Every column type with its extreme values.
pub const COLUMNS: Scenario = scenario!("columns", "columns_");
/// Minimal and partial row images, partial JSON, the statement beside the rows.
pub const ROW_IMAGES: Scenario = scenario!("row_images", "images");
/// Statement and mixed format: user variables, random numbers, `LOAD DATA`.
pub const STATEMENTS: Scenario = scenario!("statements", "stmts");
/// Savepoints, XA, temporary tables, tables that cannot roll back.
pub const TRANSACTIONS: Scenario = scenario!("transactions", "trx");
/// Schema changes, accounts, stored programs.
pub const DDL: Scenario = scenario!("ddl", "ddl");
/// Explicit, empty and tagged GTIDs; MariaDB's domains.
pub const GTIDS: Scenario = scenario!("gtids", "gtids");
/// Compressed transactions or events.
pub const COMPRESSION: Scenario = scenario!("compression", "packed");
/// Files without checksums between files with them.
pub const CHECKSUMS: Scenario = scenario!("checksums", "sums");
/// What any client can read. Replicas need no test of it: it has nothing that the others lack.
pub const PLAIN: Scenario = scenario!("plain", "plain");
/// Events of 16 MiB and more, a transaction of thousands of events; some 200 MB in all.
pub const LARGE: Scenario = scenario!("large", "large");
/// Transactions without GTID on a server that has them. It breaks replicas that follow by GTID,
/// and does nothing where the GTID mode cannot be changed.
pub const ANONYMOUS: Scenario = scenario!("anonymous", "anonymous");
/// For MySQL 9.7 alone: every type, every kind of row, and tables defined in many spellings.
pub const DEBEZIUM: Scenario = scenario!("debezium", "dbz");

/// All scenarios that any replica can follow, the large one last.
pub const ALL: [Scenario; 9] =
    [COLUMNS, ROW_IMAGES, STATEMENTS, TRANSACTIONS, DDL, GTIDS, COMPRESSION, CHECKSUMS, LARGE];

impl Scenario {
    /// The statements for a server of `flavour`, which may write and read files in `tmpdir`.
    pub fn sql(&self, flavour: Flavour, tmpdir: &Path) -> String {
        for_flavour(self.template, flavour).replace("{TMP}", &tmpdir.to_string_lossy())
    }

    /// Runs it on a server.
    ///
    /// # Errors
    /// At the first statement that fails.
    pub fn run(&self, server: &Server) -> Result<()> {
        let sql = self.sql(server.flavour(), &server.tmpdir());
        server.sql(&sql).with_context(|| format!("scenario {}", self.name))?;
        Ok(())
    }
}

/// The checksums of all scenarios' tables on a server, to compare it with another.
///
/// # Errors
/// If the server does not answer.
pub fn checksums(server: &Server) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for scenario in ALL {
        all.extend(server.checksum_tables(scenario.schema)?);
    }
    Ok(all)
}

/// The lines of a template that are for this flavour: without those between a line `-- if FLAVOUR…` that lacks it
/// and `-- end`.
pub fn for_flavour(template: &str, flavour: Flavour) -> String {
    let mut sql = String::with_capacity(template.len());
    let mut wanted = true;
    for line in template.lines() {
        if let Some(flavours) = line.strip_prefix("-- if ") {
            wanted = flavours.split_whitespace().any(|name| name == flavour.name());
        } else if line == "-- end" {
            wanted = true;
        } else if wanted {
            sql.push_str(line);
            sql.push('\n');
        }
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_flavours_own_lines_are_kept() {
        let template =
            "a;\n-- if mysql-9.7 mysql-5.6\nb;\n-- end\n-- if mariadb-11.8\nc;\n-- end\nd;\n";
        assert_eq!(for_flavour(template, Flavour::Mysql56), "a;\nb;\nd;\n");
        assert_eq!(for_flavour(template, Flavour::Mariadb118), "a;\nc;\nd;\n");
        assert_eq!(for_flavour(template, Flavour::Mariadb1011), "a;\nd;\n");
    }

    #[test]
    fn every_condition_names_known_flavours_and_ends() {
        for scenario in ALL.into_iter().chain([ANONYMOUS, PLAIN]) {
            let mut open = false;
            for line in scenario.template.lines() {
                if let Some(names) = line.strip_prefix("-- if ") {
                    assert!(!open, "{}: {line}", scenario.name);
                    open = true;
                    for name in names.split_whitespace() {
                        name.parse::<Flavour>().unwrap();
                    }
                } else if line == "-- end" {
                    assert!(open, "{}: an end too many", scenario.name);
                    open = false;
                }
            }
            assert!(!open, "{}: no end", scenario.name);
        }
    }

    #[test]
    fn the_place_for_files_is_filled_in() {
        let sql = STATEMENTS.sql(Flavour::Mysql97, Path::new("/somewhere"));
        assert!(sql.contains("'/somewhere/rows.txt'") && !sql.contains("{TMP}"));
    }
}
