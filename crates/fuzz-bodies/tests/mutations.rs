//! Every fuzz target on seeded mutations of a few good inputs: the same in every run.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use binlogd_fuzz_bodies as bodies;
use testkit::Rng;

/// Mutations of each good input.
const ROUNDS: u64 = 15_000;

/// What changes bytes into bytes that are nearly good: flips, cuts, copies, numbers at the edges.
fn mutate(rng: &mut Rng, input: &[u8], others: &[&[u8]]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xfb, 0xfe, 0xff][at % 7],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, u8::try_from(rng.below(256)).unwrap()),
            4 if at < bytes.len() => drop(bytes.remove(at)),
            5 => {
                let other = others[rng.below(others.len())];
                let from = rng.below(other.len() + 1);
                bytes.splice(at..at, other[from..].iter().copied());
            }
            6 => {
                let end = bytes.len().min(at + 8);
                bytes[at..end].fill(0xff);
            }
            _ => {
                let copy = bytes[at..].to_vec();
                bytes.extend_from_slice(&copy);
            }
        }
        bytes.truncate(64 << 10);
    }
    bytes
}

fn run(body: fn(&[u8]), corpus: &[&[u8]]) {
    body(&[]);
    for (index, input) in corpus.iter().enumerate() {
        body(input);
        for len in 0..input.len().min(300) {
            body(&input[..len]);
        }
        for round in 0..ROUNDS {
            let mut rng = Rng::new(round * 1_000 + index as u64);
            let bytes = mutate(&mut rng, input, corpus);
            let outcome = std::panic::catch_unwind(|| body(&bytes));
            assert!(outcome.is_ok(), "round {round} of input {index}: {}", bytes.escape_ascii());
        }
    }
}

const SQL: &[&[u8]] = &[
    b"SELECT @@GLOBAL.GTID_MODE, @x, 'a''b\\'c', NULL, -5, 1.5e3 FROM DUAL LIMIT 1, 2;",
    b"SET @master_heartbeat_period = 30000001024, @source_heartbeat_period = 30000001024",
    b"SET NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION sql_mode = DEFAULT, @@global.x := ON",
    b"/*!50700 SHOW */ GLOBAL VARIABLES WHERE Variable_name IN ('a', 'b') AND NOT (Value LIKE '%x\\_')",
    b"SHOW BINLOG EVENTS IN 'binlog.000001' FROM 4 LIMIT 5, 10 -- comment\n",
    b"SHOW SLAVE 'x' STATUS",
    b"SHOW REPLICA STATUS FOR CHANNEL 'x' # comment",
    b"CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'h', SOURCE_PORT=3306, SOURCE_SSL=1",
    b"change master 'x' to master_user='u', master_password='p', master_use_gtid=slave_pos",
    b"START REPLICA IO_THREAD, SQL_THREAD FOR CHANNEL ''",
    b"RESET REPLICA ALL",
    b"PURGE BINARY LOGS BEFORE DATE_SUB(NOW(), INTERVAL '7' DAY) + INTERVAL -1 HOUR",
    b"KILL QUERY 5",
    b"select `a``b`.c, $$, 0x1f, b'1', GTID_SUBTRACT('a:1-5', 'a:2') AS `d`",
    b"flush no_write_to_binlog hosts",
    b"show full columns in `a``b` from c where Field in ('id', 'it''s\\\\') or not (Type like 'int%') and x <> 1",
    b"SELECT distinct A, `b c` as 'x' FROM INFORMATION_SCHEMA.`COLUMNS` WHERE (a='x' or b!='') ORDER BY c desc, d LIMIT 3",
    b"show full tables from `x` like 'a\\_%'",
    b"show create table `a`.`b`;",
    b"select * from statistics where table_name = 'it\\'s'",
    b"SELECT ?, -? FROM information_schema.columns WHERE a = ? AND b IN (?, 'x') AND NOT c LIKE ? LIMIT ?, ?",
    b"PREPARE s FROM 'SELECT ?'",
    b"EXECUTE `s` USING @a, @b",
    b"EXECUTE IMMEDIATE 'SELECT ?' USING 1",
    b"DROP PREPARE s",
    b"SELECT p.a, COUNT(*) n FROM information_schema.PROCESSLIST AS p WHERE a > ? AND b IS NULL GROUP BY 1, b ORDER BY n DESC LIMIT 3",
];

/// Number of parameters, long data, COM_STMT_EXECUTE.
const EXECUTE: &[&[u8]] = &[
    // INT, NULL, unsigned TINYINT, text.
    b"\x04\x00\x17\x07\0\0\0\0\x01\0\0\0\x02\x01\x03\0\x08\0\x01\x80\xfe\0\xfe\xff\xff\xff\xc8\x02ab",
    // DATETIME, TIME, DOUBLE, and a BLOB that was sent before.
    b"\x04\x08\x17\x07\0\0\0\0\x01\0\0\0\0\x01\x0c\0\x0b\0\x05\0\xfc\0\x07\xea\x07\x0c\x01\x01\x02\x03\x08\x01\x01\0\0\0\x01\x02\x03\0\0\0\0\0\0\xc0\x3f",
    // One parameter and one attribute.
    b"\x01\x00\x17\x07\0\0\0\x08\x01\0\0\0\x02\0\x01\x03\0\0\xfe\0\x05trace\x05\0\0\0\x03abc",
];

#[test]
fn no_execution_makes_its_parser_panic() {
    run(bodies::execute, EXECUTE);
}

#[test]
fn no_statement_makes_the_parser_panic() {
    run(bodies::sql, SQL);
}

#[test]
fn no_bytes_make_the_packet_reader_panic() {
    let mut long = vec![7];
    for sequence in 0..20 {
        long.extend_from_slice(&[5, 0, 0, sequence, b'h', b'e', b'l', b'l', b'o']);
    }
    run(bodies::packet, &[&long, &[3, 0, 0, 0, 0, 1, 0, 0, 1, 9], &[255, 0xff, 0xff, 0xff, 0, 1]]);
}

#[test]
fn no_bytes_make_the_login_panic() {
    let greeting =
        b"\x0a9.7.4\0\x08\0\0\0ABCDEFGH\0\xff\xf7\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0\
                     IJKLMNOPQRST\0caching_sha2_password\0";
    let response = b"\x85\xa6\xff\x19\0\0\0\x01\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                     repl\0\x14ABCDEFGHIJKLMNOPQRSTdb\0mysql_native_password\0\x0a\x03_os\x05Linux";
    let switch = b"\xfemysql_native_password\0ABCDEFGHIJKLMNOPQRST\0";
    run(bodies::handshake, &[greeting, response, &response[..32], switch]);
}

#[test]
fn no_bytes_make_a_command_panic() {
    run(
        bodies::command,
        &[
            b"\x03SELECT 1",
            b"\x03\x01\x01\0\x01\x08\0\x04name\x01xSELECT 1",
            b"\x12\x04\0\0\0\0\0\x07\0\0\0binlog.000001",
            b"\x1e\x04\0\x07\0\0\0\x0d\0\0\0binlog.000001\x04\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0",
            b"\x15\x07\0\0\0\x02r1\x01u\x01p\xea\x0c\0\0\0\0\0\0\0\0",
            b"\x11repl\0\x14ABCDEFGHIJKLMNOPQRSTdb\0\x2d\0mysql_native_password\0",
            b"\xef\x04\0\0\0\0\0\0\0binlog.000001",
            b"\x00\x00\x00\x02\x00\x00\x00",
            b"\xff\x15\x04#28000Access denied",
        ],
    );
}

/// An event with a header that fits.
fn event(kind: u8, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(19 + body.len()).unwrap();
    let mut event = vec![1, 2, 3, 4, kind, 1, 0, 0, 0];
    event.extend_from_slice(&size.to_le_bytes());
    event.extend_from_slice(&(4 + size).to_le_bytes());
    event.extend_from_slice(&[0, 0]);
    event.extend_from_slice(body);
    event
}

#[test]
fn no_bytes_make_an_event_panic() {
    let gtid = [&[1][..], &[9; 16], &7_u64.to_le_bytes(), &[2], &[0; 40]].concat();
    let query =
        b"\x01\0\0\0\0\0\0\0\x01\0\0\x1a\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\x0c\x01db\0\x11\x09\0\0\0\
                  \0\0\0\0d\0CREATE TABLE t (a int)";
    let table_map = b"\x6d\0\0\0\0\0\x01\0\x01d\0\x01t\0\x02\x03\x0f\x02\xa0\0\x02";
    let user_var = b"\x01\0\0\0x\0\0\xff\0\0\0\x01\0\0\0y\0";
    let events = [
        bodies::FORMAT_EVENT.to_vec(),
        event(33, &gtid),
        event(2, query),
        event(19, table_map),
        event(30, b"\x6d\0\0\0\0\0\x01\0\x02\0\x02\xff\0\x01\0\0\0\x01a"),
        event(14, user_var),
        event(16, &[1; 8]),
        event(4, b"\x04\0\0\0\0\0\0\0binlog.000002"),
        event(35, b"\x01\0\0\0\0\0\0\0AAAAAAAAAAAAAAAA\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0"),
        event(38, b"\0\x01\0\0\0\x01\0\0\0\x01\0\0\0xy"),
        event(40, b"\x02\x01\0\x03\x03\xfc\x13\x01\x01\x01\x05\0hello"),
        event(42, b"\x02\x76\0\0\x02\x02\x25\xdc\x04\x04\x06\x08\x0a"),
        event(162, b"\x07\0\0\0\0\0\0\0\0\0\0\0\x02\x05\0\0\0\0\0\0\0"),
        event(163, b"\x01\0\0\0\0\0\0\0\x01\0\0\0\x05\0\0\0\0\0\0\0"),
    ];
    let file = events.concat();
    let mut corpus: Vec<&[u8]> = events.iter().map(Vec::as_slice).collect();
    corpus.push(&file);
    run(bodies::event, &corpus);
}

#[test]
fn no_bytes_make_a_format_description_panic() {
    run(bodies::format_description, &[bodies::FORMAT_EVENT]);
}

#[test]
fn no_bytes_make_a_gtid_set_panic() {
    let binary = b"\x01\0\0\0\0\0\0\0AAAAAAAAAAAAAAAA\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x0b\
                   \0\0\0\0\0\0\0\x0c\0\0\0\0\0\0\0";
    let tagged = b"\x01\x01\0\0\0\0\0\x01AAAAAAAAAAAAAAAA\x08tagg\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x09\0\0\0\0\
                   \0\0\0";
    run(
        bodies::gtid_set,
        &[
            binary,
            tagged,
            b"5b7adad5-e532-11f1-9117-02fc00000001:1-17:tagg:1,\n6b7adad5-e532-11f1-9117-02fc00000001:5",
            b"0-1-5,1-2-7",
        ],
    );
}

/// A small file that MySQL 9.7 wrote.
macro_rules! real_file {
    ($name:literal) => {
        include_bytes!(concat!("../../event/tests/data/mysql-9.7/", $name))
    };
}

/// The compressed transaction among a file's events, without the payload event's own head.
fn compressed_transaction(file: &[u8]) -> Vec<u8> {
    const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let at = file.windows(4).position(|bytes| bytes == ZSTD_MAGIC).unwrap();
    let compressed_in_zstd = 0;
    [&[compressed_in_zstd], &file[at..file.len().min(at + 400)]].concat()
}

#[test]
fn no_bytes_make_decoding_panic() {
    let head_len = 4 + bodies::FORMAT_EVENT.len();
    let files: [&[u8]; 2] = [real_file!("binlog.000004"), real_file!("binlog.000008")];
    let events = &real_file!("binlog.000002")[head_len..];
    run(bodies::decode, &[files[0], files[1], events]);
}

#[test]
fn no_bytes_make_a_compressed_transaction_panic_or_grow() {
    let packed = compressed_transaction(real_file!("binlog.000001"));
    let plain = [&[1], &real_file!("binlog.000004")[4..]].concat();
    run(bodies::payload, &[&packed, &plain]);
}

#[test]
fn no_bytes_make_a_document_panic() {
    let array = [2, 1, 0, 7, 0, 5, 42, 0];
    let object =
        b"\x00\x02\x00\x1f\x00\x12\x00\x01\x00\x13\x00\x01\x00\x0c\x14\x00\x02\x18\x00ab\x03xyz\
                   \x01\x00\x07\x00\x04\x01\x00";
    let changes = b"\x00\x03$.a\x04\x0c\x02hi\x02\x04$[1]";
    run(bodies::json, &[&array, object, changes, b"\x0f\xf6\x05\x04\x02\x80\x01\x02", b""]);
}

#[test]
fn no_text_makes_a_schema_panic() {
    run(
        bodies::schema,
        &[
            b"CREATE TABLE `t` (`a` int unsigned NOT NULL AUTO_INCREMENT, `b``c` varchar(20) CHARACTER SET \
              latin1 DEFAULT 'it''s', e enum('x','y,)') GENERATED ALWAYS AS (1+(2)) STORED, PRIMARY KEY \
              (`a`), KEY k (`b``c`(5))) ENGINE=InnoDB /* c */;",
            b"USE `d`;\n-- c\n/*!40101 SET x=1 */;\nCREATE TABLE IF NOT EXISTS d.t (v json, p point, f \
              decimal(5,2) unsigned zerofill) PARTITION BY HASH (f);\n",
            b"create table t (a int, b text); alter table t add (c int key, d int), drop a, modify b char(5) first, \
              change c e int after d, rename column d to f, convert to character set utf8mb4, rename to u; \
              rename table u to t, t to v; create table w like v; drop index `PRIMARY` on w; drop table v, w",
            b"SET sql_mode = 'ANSI_QUOTES'; create table \"t\" (\"a\" int); alter table \"t\" add constraint c \
              primary key (a), add column if not exists b year, engine = x default charset latin1 collate = y, \
              add z int partition by key (b)",
        ],
    );
}
