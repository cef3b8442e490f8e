//! Tables as statements leave them, against what servers then say of them.

use binlogd_decode::changes::{At, Change, Changes};
use binlogd_decode::{
    Charset, ColumnSchema, Decoder, Events, FollowedSchema, NamedTable, TableSchema,
};
use testkit::{Flavour, Server};

/// What servers of all kinds make of a table, a step a line.
const STEPS: &str = "
create table t (Id int unsigned not null auto_increment, a varchar(20), b text, c tinytext charset utf8mb3, primary key (Id))
alter table t add d bigint unsigned zerofill, add column e decimal(10,2) not null first, add index (a)
alter table t add column f datetime(3) after a, add (g char(5) charset koi8r, h blob)
alter table t modify ID bigint not null auto_increment
alter table t modify column g varchar(7) after e, change h `h h` mediumblob first
alter table t drop key a, drop a, drop column f, add a time(2) after b
alter table `t` change b b2 longtext collate utf8mb4_bin, alter d set default 5, comment = 'add x int, y', add unique a (a)
alter table t rename to u, add i set('x)(y', 'it''s') default 'it''s'
alter table u drop primary key, modify Id int, add primary key (d, e)
alter table u default character set utf8mb3
alter table u add j varchar(10), add k varchar(10) charset ascii
alter table u convert to character set utf8mb4
alter table u convert to character set latin1 collate latin1_bin, engine = InnoDB, algorithm = copy, lock = shared
alter table u drop d, drop primary key, add l varchar(3000), add constraint pk primary key using btree (l(10) desc)
alter table u drop l, drop primary key, add l int first, add m int after l, add n int after m
alter table u add o int after l, modify n int after e, add p int after n
alter table u change m n int, change n m int unsigned
alter table u add constraint c1 check (n > 1), add unique key q (n), order by n, m
drop index q on u
alter table u add key q2 (n), add constraint c2 foreign key (m) references first (id)
alter table u drop foreign key c2, drop key a, add q year, add r float(7,3), add s double precision unsigned, add t bit(3), add v real
alter table u modify q date, modify r timestamp null, add ts timestamp null, modify s smallint primary key comment 'after a', modify t mediumint unsigned
alter table u partition by hash (s) partitions 4
alter table u add partition partitions 1
alter table u remove partitioning
alter table u add y int, add z time partition by key (s) partitions 2
alter table u drop z, drop y remove partitioning
alter table u add y serial, add w point, add x enum('a','b') charset greek not null default 'b' after w
alter table u drop y, add y varchar(9) generated always as (concat(k, ',', ')')) virtual
alter table u drop column y, drop check c1
alter table u row_format = dynamic character set ucs2 stats_persistent = 0, add z char(3)
alter table u collate = utf8mb4_general_ci, add aa text
rename table u to v, v to t
create table u like t
alter table u drop s, drop aa
create table if not exists u (a int)
truncate u
create table `w w` (a text(100), b text(70000), c blob(20), d text(300), e varchar(4) charset binary, f nchar(3), g varchar(9) binary, `from` bool key) charset utf8mb4
alter table `w w` convert to character set utf8mb4, rename column `from` to `to`
create table é (a int, ที่ int, a→b int, é int)
alter table é drop ที่, change a→b 名 int, add É2 int after É
create table fl (a float(24), b float(25), c float4(53) unsigned, d float(7,3), e float)
alter table fl add (f int, key kf (f), primary key (f)), modify a float(30), add g float(0)
alter table fl add (h int, constraint ch unique (h), index (h, a)), drop primary key, add constraint primary key (h)
";

/// Names that older servers take.
const QUALIFIED: &str = "
create table q (q int, a int, q.b int, d.q.c int)
alter table .q drop column q.b
alter table .`q` change q.a d.q.a2 bigint, modify q.c varchar(9) first, add q.e int
create table r (like .q)
";

/// With names in double quotes, and other meanings of strings and types.
const ANSI: &str = r#"
create table "t t" ("a ""b" int primary key, "c\" real, d varchar(5) default 'x\', "e" int)
alter table "t t" change "a ""b" "first" bigint, add "after" text after "first"
"#;

/// What a server says of a table that is put in place of `%`.
const SAYS: &str = "select concat((select group_concat(concat_ws(' ', column_name, data_type, \
    if(column_type like '%unsigned%', 'unsigned', 'signed'), \
    if(data_type in ('enum', 'set'), '-', ifnull(character_set_name, '-')), is_nullable, \
    if(extra like '%auto_increment%', 'auto', '-')) order by ordinal_position separator ', ') \
    from information_schema.columns where table_schema = 'd' and table_name = '{}'), ' key ', \
    ifnull((select group_concat(column_name order by seq_in_index) from information_schema.statistics \
    where table_schema = 'd' and table_name = '{}' and index_name = 'PRIMARY'), ''));\n";

/// The same of a table that was followed.
pub(crate) fn said(table: &TableSchema) -> String {
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    let spelled = |name: &String| {
        let mut columns = table.columns.iter().map(|c| &c.name);
        columns.find(|c| c.eq_ignore_ascii_case(name)).unwrap().clone()
    };
    let key: Vec<String> = table.primary_key.iter().map(spelled).collect();
    format!("{} key {}", columns.join(", "), key.join(","))
}

fn column(column: &ColumnSchema) -> String {
    let is_bytes = column.charset == Some(Charset::BINARY);
    let kind = match &*column.type_name {
        "char" if is_bytes => "binary",
        "varchar" if is_bytes => "varbinary",
        "tinytext" if is_bytes => "tinyblob",
        "text" if is_bytes => "blob",
        "mediumtext" if is_bytes => "mediumblob",
        "longtext" if is_bytes => "longblob",
        name => name,
    };
    let charset = column.charset.filter(|_| !is_bytes).map_or("-", Charset::name);
    let charset = if matches!(kind, "enum" | "set") { "-" } else { charset };
    let sign = if column.unsigned { "unsigned" } else { "signed" };
    let null = if column.nullable { "YES" } else { "NO" };
    let auto = if column.auto_increment { "auto" } else { "-" };
    format!("{} {kind} {sign} {charset} {null} {auto}", column.name)
}

/// The table that each statement leaves, of those that define one.
fn followed(server: &Server) -> Vec<(String, Option<NamedTable>)> {
    let file = std::fs::read(server.binlog_files().unwrap().pop().unwrap()).unwrap();
    let (mut decoder, mut changes) = (Decoder::new(), Changes::new());
    let (followed, mut left) = (FollowedSchema::default(), Vec::new());
    for (offset, event) in Events::new(&file) {
        let event = decoder.event(offset, event.unwrap()).unwrap();
        let at = At { file: "", offset, end: offset, header: event.header };
        let taken = changes.take(&at, event).unwrap();
        if let Some((_, Change::Statement(statement))) = taken {
            let text = String::from_utf8_lossy(statement.text).into_owned();
            left.extend(followed.follow(&statement).pop().map(|change| (text, change.after)));
        }
    }
    assert_eq!(followed.take_lost(), []);
    left
}

/// Runs steps, and compares what each leaves.
fn each_step_is_followed(flavour: Flavour, mode: &str, steps: &str) {
    let server = Server::start_new(flavour).unwrap();
    let mut script = format!(
        "set foreign_key_checks = 0, group_concat_max_len = 100000, sql_mode = '{mode}';
         flush binary logs; create database d charset latin1; use d;\n"
    );
    let steps: Vec<&str> = steps.lines().filter(|line| !line.is_empty()).collect();
    for step in &steps {
        script += &format!("{step};\n");
    }
    // What each leaves is asked in a second run, which knows the names of the tables.
    server.sql(&script).unwrap();
    let left = followed(&server);
    assert_eq!(left.len(), steps.len() + 1);
    let mut script = format!(
        "set foreign_key_checks = 0, group_concat_max_len = 100000, sql_mode = '{mode}';
         drop database d; create database d charset latin1; use d;\n"
    );
    let mut wanted = Vec::new();
    for (step, (_, after)) in steps.iter().zip(&left[1..]) {
        let NamedTable { table, definition, .. } =
            after.as_ref().unwrap_or_else(|| panic!("not followed: {step}"));
        script += &format!("{step};\n{}", SAYS.replace("{}", table).replace('"', "'"));
        wanted.push(said(definition));
    }
    let out = server.sql(&script).unwrap();
    // As MySQL 5.6 calls it.
    let out = out.replace(" utf8 ", " utf8mb3 ");
    let found: Vec<&str> = out.lines().collect();
    for ((step, found), wanted) in steps.iter().zip(found).zip(wanted) {
        assert_eq!(wanted, found, "left: as followed, right: as the server has it: {step}");
    }
}

#[test]
fn tables_are_what_the_server_has_after_each_statement() {
    each_step_is_followed(Flavour::Mysql97, "", STEPS);
}

#[test]
fn names_stand_in_double_quotes_where_the_session_has_it_so() {
    each_step_is_followed(Flavour::Mysql97, "ANSI,NO_BACKSLASH_ESCAPES", ANSI);
}

mod on_mariadb {
    use super::{ANSI, Flavour, STEPS, each_step_is_followed};

    /// What only MariaDB has.
    const STEPS_OF_ITS_OWN: &str = "
create table t (a int primary key, b varchar(10), c text)
alter online table if exists t nowait add column if not exists (b int, d int)
alter table t wait 5 drop column if exists e, drop if exists c, modify column if exists f int, change if exists g h int
alter table t drop constraint if exists x, add constraint if not exists y check (a > 0), add i uuid, add index if not exists (b)
alter table t convert to character set utf8mb4 collate uca1400_ai_ci
create or replace table t (a int, b varchar(3) compressed, key k (a) ignored)
alter table t alter index k not ignored, add c inet6 invisible, add d text compressed
set statement lock_wait_timeout = 5 for alter table t change a b int, change b a int
set statement lock_wait_timeout = 5, max_statement_time = (select 9 for update) for create table u like t
alter table t add primary key if not exists (a), add e int
alter table t add constraint primary key if not exists using btree (b), add f int
alter table t drop e cascade, drop column if exists t.f restrict
set statement lock_wait_timeout = 5 for rename table t to v, u to t
";

    #[test]
    fn tables_are_what_the_server_has_after_each_statement() {
        // It does not log what does nothing.
        let is_logged = |step: &&str| !step.contains("if not exists");
        let steps: Vec<&str> = STEPS.lines().filter(is_logged).collect();
        let steps = steps.join("\n").replace("drop check", "drop constraint");
        each_step_is_followed(Flavour::Mariadb118, "", &steps);
    }

    #[test]
    fn so_they_are_after_statements_of_its_own() {
        each_step_is_followed(Flavour::Mariadb118, "", STEPS_OF_ITS_OWN);
    }

    #[test]
    fn names_of_columns_may_stand_behind_those_of_tables() {
        each_step_is_followed(Flavour::Mariadb118, "", super::QUALIFIED);
    }

    #[test]
    fn names_stand_in_double_quotes_where_the_session_has_it_so() {
        each_step_is_followed(
            Flavour::Mariadb118,
            "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,REAL_AS_FLOAT",
            ANSI,
        );
    }
}

mod on_mysql_5_6 {
    use super::{Flavour, STEPS, each_step_is_followed};

    #[test]
    fn names_of_columns_may_stand_behind_those_of_tables() {
        each_step_is_followed(Flavour::Mysql56, "", super::QUALIFIED);
    }

    #[test]
    fn tables_are_what_the_server_has_after_each_statement() {
        let unknown_to_it = ["generated", "drop check", "rename column"];
        let is_known = |step: &&str| !unknown_to_it.iter().any(|words| step.contains(words));
        let steps: Vec<&str> = STEPS.lines().filter(is_known).collect();
        each_step_is_followed(Flavour::Mysql56, "", &steps.join("\n"));
    }
}
