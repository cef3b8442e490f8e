//! Thousands of statements that a seed makes, run on real servers. After each one, every table that is known
//! from the log must be as `information_schema` has it. A table may be forgotten; it may not be wrong.

mod generator;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, File};

use binlogd_decode::changes::{At, Change, Changes};
use binlogd_decode::{Decoder, Events, FollowedSchema, Schema as _};
use testkit::rng::Rng;
use testkit::{Flavour, Server};

use super::followed::said;
use generator::Generator;

/// Statements of a usual run. `BINLOGD_DDL_STATEMENTS=10000` runs more, `BINLOGD_DDL_SEED=17` others.
const STATEMENTS: usize = 300;

const SEED: u64 = 1;

/// What a server has after a statement: every table with its definition.
type Tables = BTreeMap<String, String>;

/// Every base table, as [`said`] describes one.
const TABLES: &str = "select concat(t.table_name, '\t', (select group_concat(concat_ws(' ', column_name, data_type, \
    if(column_type like '%unsigned%', 'unsigned', 'signed'), \
    if(data_type in ('enum', 'set'), '-', ifnull(character_set_name, '-')), is_nullable, \
    if(extra like '%auto_increment%', 'auto', '-')) order by ordinal_position separator ', ') \
    from information_schema.columns c where c.table_schema = 'd' and c.table_name = t.table_name), ' key ', \
    ifnull((select group_concat(column_name order by seq_in_index) from information_schema.statistics s \
    where s.table_schema = 'd' and s.table_name = t.table_name and index_name = 'PRIMARY'), '')) \
    from information_schema.tables t where table_schema = 'd' and table_type = 'BASE TABLE';";

fn number<N: std::str::FromStr>(variable: &str, usual: N) -> N {
    let given = env::var(variable).ok().map(|text| text.parse().ok());
    given.map_or(usual, |given| given.unwrap_or_else(|| panic!("{variable} is no number")))
}

struct Run {
    statements: Vec<String>,
    /// After each statement.
    found: Vec<Tables>,
}

/// Runs the statements, of which a server refuses some.
fn run(server: &Server, seed: u64, count: usize) -> Run {
    let mut generator = Generator::new(Rng::new(seed), server.flavour());
    let statements: Vec<String> = (0..count).map(|_| generator.statement()).collect();
    let mut script =
        "set foreign_key_checks = 0, group_concat_max_len = 100000, lock_wait_timeout = 5;
        create database marks; create table marks.m (n int);
        flush binary logs; create database d charset latin1; use d;\n"
            .to_owned();
    for (number, statement) in statements.iter().enumerate() {
        script += &format!("{statement};\n{TABLES}\ninsert into marks.m values ({number});\n");
        script += &format!("select 'after {number}';\n");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("statements.sql");
    fs::write(&path, script).unwrap();
    let mut client = server.client();
    // Comments are for the server to read, or to leave out.
    client.args(["--skip-column-names", "--batch", "--raw", "--force", "--comments"]);
    let out = client.stdin(File::open(&path).unwrap()).output().unwrap();
    let out = String::from_utf8(out.stdout).unwrap();
    // As MySQL 5.6 calls it.
    let out = out.replace(" utf8 ", " utf8mb3 ");
    let mut found = Vec::new();
    let mut tables = Tables::new();
    for line in out.lines() {
        if line.starts_with("after ") {
            found.push(std::mem::take(&mut tables));
        } else {
            let (name, definition) = line.split_once('\t').unwrap_or_else(|| panic!("{line}"));
            tables.insert(name.to_owned(), definition.to_owned());
        }
    }
    assert_eq!(found.len(), count);
    Run { statements, found }
}

/// Compares the tables that are known with those that the server had; says how many were known, of how many.
fn compare(followed: &FollowedSchema, run: &Run, number: usize) -> (usize, usize) {
    let mut known = 0;
    let found = &run.found[number];
    let names = found.keys().map(String::as_str).chain(generator::TABLES);
    let names: BTreeSet<&str> = names.collect();
    for name in names {
        let Some(table) = followed.table("d", name, &|_| true).unwrap() else { continue };
        known += usize::from(found.contains_key(name));
        let of_it = |statement: &&String| statement.replace("``", "`").contains(name);
        let before: Vec<_> =
            run.statements[..=number].iter().rev().filter(of_it).take(40).collect();
        assert_eq!(
            Some(&said(&table)),
            found.get(name),
            "left: as followed, right: as the server has it: {name} after statement {number} of {before:#?}"
        );
    }
    (known, found.len())
}

fn each_statement_is_followed(flavour: Flavour) {
    // In row format temporary tables are not logged, but MariaDB logs their RENAME TABLE, which then renames
    // another table wherever it is replayed.
    let server = Server::builder(flavour).arg("--binlog-format=MIXED").start().unwrap();
    let seed = number("BINLOGD_DDL_SEED", SEED);
    let run = run(&server, seed, number("BINLOGD_DDL_STATEMENTS", STATEMENTS));
    let file = fs::read(server.binlog_files().unwrap().pop().unwrap()).unwrap();
    let (mut decoder, mut changes) = (Decoder::new(), Changes::new());
    let followed = FollowedSchema::default();
    let (mut next, mut known, mut all) = (0, 0, 0);
    for (offset, event) in Events::new(&file) {
        let event = decoder.event(offset, event.unwrap()).unwrap();
        let at = At { file: "", offset, end: offset, header: event.header };
        match changes.take(&at, event).unwrap() {
            Some((_, Change::Statement(statement)))
                if !statement.text.starts_with(b"insert into marks") =>
            {
                followed.follow(&statement);
            }
            // A mark.
            Some((_, Change::Statement(_) | Change::Rows { .. })) => {
                let (of_these, of_all) = compare(&followed, &run, next);
                known += of_these;
                all += of_all;
                next += 1;
            }
            _ => {}
        }
    }
    assert_eq!(next, run.statements.len(), "every mark is in the log");
    // Who forgets everything is never wrong.
    assert!(known * 100 >= all * 50, "only {known} of {all} tables are known: seed {seed}");
}

#[test]
fn what_is_known_is_what_9_7_has() {
    each_statement_is_followed(Flavour::Mysql97);
}

mod on_mysql_5_6 {
    #[test]
    fn what_is_known_is_what_5_6_has() {
        super::each_statement_is_followed(super::Flavour::Mysql56);
    }
}

mod on_mariadb {
    #[test]
    fn what_is_known_is_what_11_8_has() {
        super::each_statement_is_followed(super::Flavour::Mariadb118);
    }

    #[test]
    fn what_is_known_is_what_10_11_has() {
        super::each_statement_is_followed(super::Flavour::Mariadb1011);
    }
}
