//! From what the JSON format prints of a real server's rows and statements, all of them can be had back.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use binlogd_decode::format::{
    CanalFormat, CanalOptions, DebeziumFormat, DebeziumOptions, Format, JsonFormat, MaxwellFormat,
    MaxwellOptions, TextFormat,
};
use binlogd_decode::{
    Body, Column, ColumnType, DecodeError, Decoder, Events, JsonDiffs, JsonOperation, JsonValue,
    Value,
};
use serde_json::{Value as Json, json};
use testkit::{Flavour, Server};

use crate::json::base64;
use crate::written::{objects, written};

/// A table of all types, some of which look like others in JSON.
const TABLE: &str = "
create database d;
use d;
create table t (id int primary key, tiny tinyint, big bigint unsigned, price decimal(20,6), f float,
    dbl double, flags bit(13), y year, da date, ti time(3), dt datetime(6), ts timestamp(2) null,
    c char(5) character set latin1, v varchar(30) character set utf8mb4, bin binary(4), vb varbinary(9),
    blb blob, e enum('a','','\u{fc}'), plain enum('x'), s set('p','','q'), j json, g geometry, vec vector(2));
";

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    fn hex(&mut self, len_max: u64) -> String {
        let len = self.below(len_max + 1);
        (0..len).map(|_| format!("{:02x}", self.below(256))).collect()
    }

    /// A document, as an SQL expression.
    fn document(&mut self, depth: u32) -> String {
        match self.below(if depth < 3 { 6 } else { 4 }) {
            4 => {
                let members: Vec<_> =
                    (0..self.below(4)).map(|_| self.document(depth + 1)).collect();
                format!("json_array({})", members.join(","))
            }
            5 => {
                let members: Vec<_> = (0..self.below(4))
                    .map(|n| format!("'k{n}',{}", self.document(depth + 1)))
                    .collect();
                format!("json_object({})", members.join(","))
            }
            _ => self
                .one_of(&[
                    "cast('null' as json)",
                    "cast('true' as json)",
                    "cast('-5' as json)",
                    "cast('18446744073709551615' as json)",
                    "cast('5.0' as json)",
                    "cast(cast(5.10 as decimal(7,2)) as json)",
                    "cast(cast('2024-02-29' as date) as json)",
                    "cast(cast('-12:00:00.5' as time(6)) as json)",
                    "cast(cast('2024-02-29 01:02:03' as datetime) as json)",
                    "cast(x'00ff' as json)",
                    "cast('\"2024-02-29\"' as json)",
                    "cast('\"base64:type253:AP8=\"' as json)",
                    "cast('[{\"op\":\"remove\",\"path\":\"$.x\"}]' as json)",
                    "cast('{\"$base64\":\"AP8=\"}' as json)",
                ])
                .to_owned(),
        }
    }

    fn row(&mut self, id: u64) -> String {
        let (n, m, k) = (self.below(1 << 20), self.below(60), self.below(8));
        let values = [
            id.to_string(),
            self.one_of(&["-128", "127", "0"]).to_owned(),
            self.one_of(&["18446744073709551615", "0", "9223372036854775808"]).to_owned(),
            self.one_of(&["0", "-1234567890.12", "99999999999999.999999"]).to_owned(),
            format!("-{n}/16"),
            format!("{n}/-64e0"),
            format!("b'{n:b}' & 8191"),
            self.one_of(&["0", "1901", "2155", "'0000'"]).to_owned(),
            self.one_of(&["'0000-00-00'", "'2024-00-00'", "'9999-12-31'"]).to_owned(),
            format!("'-838:{m:02}:{m:02}.{k}'"),
            format!("'2024-02-29 01:{m:02}:03.{n:06}'", n = n % 1_000_000),
            self.one_of(&["'0000-00-00'", "'2024-02-29 01:02:03.45'"]).to_owned(),
            self.one_of(&["'caf\u{e9}'", "'a'", "''"]).to_owned(),
            self.one_of(&["'\u{1f42c}\"\\\\\\n'", "'{\"$base64\":\"AA==\"}'", "'null'", "''"])
                .to_owned(),
            format!("x'{}'", self.hex(4)),
            format!("x'{}'", self.hex(9)),
            format!("x'{}'", self.hex(40)),
            self.below(4).to_string(),
            self.below(2).to_string(),
            self.below(8).to_string(),
            self.document(0),
            format!("st_srid(point({n}, {m}.5), {})", self.one_of(&["0", "3857"])),
            format!("to_vector('[{n}.5,-{m}]')"),
        ];
        let values = values.map(|value| if self.below(9) == 0 { "null".to_owned() } else { value });
        format!("({},{})", id, values[1..].join(","))
    }
}

/// A value in full: what JSON is to tell.
fn form(column: &Column, value: &Value<'_>) -> String {
    let text = || {
        let mut out = Vec::new();
        value.write_text(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Float(n) => format!("{:x}", n.to_bits()),
        Value::Double(n) => format!("{:x}", n.to_bits()),
        Value::Bit(bits) => bits.value.to_string(),
        Value::Text(text) => format!("{:02x?}", text.bytes),
        Value::Bytes(bytes) => format!("{:02x?}", bytes.iter().collect::<Vec<_>>()),
        Value::Enum(value) => value.number.to_string(),
        Value::Set(value) => value.bits.to_string(),
        Value::Json(json) => format!("document {}", document_form(&json.root().unwrap())),
        Value::JsonDiffs(diffs) => format!("{:?}", diffs_form(diffs)),
        Value::Geometry(geometry) => format!("{:02x?}", geometry.stored()),
        Value::Vector(vector) => format!("{:02x?}", vector.stored()),
        _ if column.kind().is_json() => panic!("{value:?}"),
        _ => text(),
    }
}

fn document_form(value: &JsonValue<'_>) -> String {
    let text = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    };
    match value {
        JsonValue::Null => "null".to_owned(),
        JsonValue::Bool(value) => value.to_string(),
        JsonValue::Int(n) => n.to_string(),
        JsonValue::UInt(n) => n.to_string(),
        JsonValue::Double(n) => format!("double {:x}", n.to_bits()),
        JsonValue::String(text) => format!("{text:?}"),
        JsonValue::Decimal(n) => format!(
            "DECIMAL({},{}) {}",
            n.precision(),
            n.scale(),
            text(&|out| n.write(out).unwrap())
        ),
        JsonValue::Date(date) => format!("DATE {}", text(&|out| date.write(out))),
        JsonValue::Time(time) => format!("TIME {}", text(&|out| time.write(out))),
        JsonValue::DateTime(time) => format!("DATETIME {}", text(&|out| time.write(out))),
        JsonValue::Opaque { kind, bytes } => format!("OPAQUE {kind} {bytes:02x?}"),
        JsonValue::Array(array) => {
            format!("{:?}", array.iter().map(|v| document_form(&v.unwrap())).collect::<Vec<_>>())
        }
        JsonValue::Object(object) => {
            let members = object.iter().map(|member| {
                let (name, value) = member.unwrap();
                (name.to_owned(), document_form(&value))
            });
            format!("{:?}", members.collect::<BTreeMap<_, _>>())
        }
        other => panic!("{other:?}"),
    }
}

fn diffs_form(diffs: &JsonDiffs<'_>) -> Vec<String> {
    let form = |diff: binlogd_decode::JsonDiff<'_>| {
        let operation = match diff.operation {
            JsonOperation::Replace => "replace",
            JsonOperation::Insert => "insert",
            JsonOperation::Remove => "remove",
        };
        let value = diff.value.map(|value| document_form(&value.root().unwrap()));
        format!("{operation} {} {}", diff.path, value.unwrap_or_default())
    };
    diffs.iter().map(|diff| form(diff.unwrap())).collect()
}

/// The same from JSON alone, and from what is known of the column.
fn told(column: &Column, value: &Json, types: &Json) -> String {
    match (column.kind(), value) {
        (ColumnType::Json { .. }, Json::Null) if types.is_null() => "NULL".to_owned(),
        (ColumnType::Json { .. }, _) => format!("document {}", told_document(value, types)),
        (_, Json::Null) => "NULL".to_owned(),
        (ColumnType::Float, n) => format!("{:x}", n.to_string().parse::<f32>().unwrap().to_bits()),
        (ColumnType::Double, n) => format!("{:x}", n.as_f64().unwrap().to_bits()),
        (ColumnType::Year, n) => format!("{:0>4}", n.to_string()),
        (ColumnType::Char { charset, .. }, Json::String(text))
            if charset.unwrap().name() == "latin1" =>
        {
            let bytes: Vec<u8> =
                text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            format!("{bytes:02x?}")
        }
        (ColumnType::Char { .. } | ColumnType::VarChar { .. }, Json::String(text)) => {
            format!("{:02x?}", text.as_bytes())
        }
        (ColumnType::Enum { members, .. }, Json::String(name)) => {
            let mut names = members.as_ref().unwrap().names();
            names.position(|n| n == name.as_bytes()).map_or(0, |at| at + 1).to_string()
        }
        (ColumnType::Set { members, .. }, Json::String(text)) => {
            let names: Vec<&str> =
                if text.is_empty() { Vec::new() } else { text.split(',').collect() };
            let bits = members.as_ref().unwrap().names().enumerate().map(|(bit, name)| {
                u64::from(names.iter().any(|wanted| wanted.as_bytes() == name)) << bit
            });
            bits.sum::<u64>().to_string()
        }
        (ColumnType::Geometry { .. }, geometry) => {
            let srid = u32::try_from(geometry["srid"].as_u64().unwrap()).unwrap();
            format!("{:02x?}", [&srid.to_le_bytes()[..], &base64(&geometry["wkb"])].concat())
        }
        (ColumnType::Vector { .. }, Json::Array(numbers)) => {
            let numbers = numbers.iter().map(|n| n.to_string().parse::<f32>().unwrap());
            format!("{:02x?}", numbers.flat_map(f32::to_le_bytes).collect::<Vec<_>>())
        }
        (_, Json::Object(bytes)) => format!("{:02x?}", base64(&bytes["$base64"])),
        (_, Json::String(text)) => text.clone(),
        (_, value) => value.to_string(),
    }
}

fn told_document(value: &Json, types: &Json) -> String {
    match (types.as_str(), value) {
        (Some("NULL") | None, Json::Null) => "null".to_owned(),
        (Some("OPAQUE"), Json::String(text)) => {
            let (kind, bytes) = text.strip_prefix("base64:type").unwrap().split_once(':').unwrap();
            format!("OPAQUE {kind} {:02x?}", base64(&json!(bytes)))
        }
        (Some(kind), Json::String(text)) => format!("{kind} {text}"),
        (Some(kind), Json::Number(n)) => {
            let scale = kind.strip_suffix(')').unwrap().rsplit(',').next().unwrap();
            format!("{kind} {:.*}", scale.parse().unwrap(), n.as_f64().unwrap())
        }
        (_, Json::Number(n)) if n.is_f64() => format!("double {:x}", n.as_f64().unwrap().to_bits()),
        (_, Json::String(text)) => format!("{text:?}"),
        (_, Json::Array(members)) => {
            let member =
                |(index, member): (usize, &Json)| told_document(member, &types[index.to_string()]);
            format!("{:?}", members.iter().enumerate().map(member).collect::<Vec<_>>())
        }
        (_, Json::Object(members)) => {
            let member = |(name, member): (&String, &Json)| {
                (name.clone(), told_document(member, &types[name]))
            };
            format!("{:?}", members.iter().map(member).collect::<BTreeMap<_, _>>())
        }
        (_, value) => value.to_string(),
    }
}

fn told_diffs(diffs: &Json) -> String {
    let diff = |diff: &Json| {
        let value = diff.get("value").map(|value| told_document(value, &diff["types"]));
        let text = |field: &str| diff[field].as_str().unwrap().to_owned();
        format!("{} {} {}", text("op"), text("path"), value.unwrap_or_default())
    };
    format!("{:?}", diffs.as_array().unwrap().iter().map(diff).collect::<Vec<_>>())
}

/// Compares all rows of a server's newest file with what JSON tells; the number of values.
fn compare(server: &Server) -> usize {
    let lines = objects(&written(server, &mut JsonFormat::new()));
    let mut lines = lines.iter().filter(|line| line.get("row").is_some());
    let file = std::fs::read(server.binlog_files().unwrap().pop().unwrap()).unwrap();
    let (mut decoder, mut count) = (Decoder::new(), 0);
    for (offset, event) in Events::new(&file) {
        decoder
            .walk(offset, event.unwrap(), |event| {
                let Body::Rows(rows) = event.body else { return Ok(()) };
                let columns = rows.table().columns();
                for row in rows {
                    let (row, line) = (row?, lines.next().unwrap());
                    for (name, image) in [("before", row.before), ("after", row.after)] {
                        let Some(image) = image else {
                            assert!(line.get(name).is_none());
                            continue;
                        };
                        for item in image.values() {
                            let (index, value) = item?;
                            let column = &columns[index];
                            let key = column.name().unwrap();
                            let told = match line[name].get(key) {
                                Some(value) => told(column, value, &line["types"][name][key]),
                                None => told_diffs(&line["diffs"][key]),
                            };
                            assert_eq!(told, form(column, &value), "{key}: {line}");
                            count += 1;
                        }
                    }
                }
                Ok::<(), DecodeError>(())
            })
            .unwrap();
    }
    assert!(lines.next().is_none());
    count
}

/// The text of a format.
fn text(server: &Server, format: &mut dyn Format) -> String {
    String::from_utf8_lossy(&written(server, format)).into_owned()
}

#[test]
fn all_of_generated_rows_comes_back_from_their_json() {
    let server =
        Server::builder(Flavour::Mysql97).args(["--binlog-row-metadata=FULL"]).start().unwrap();
    let mut random = Random(17);
    let mut sql = format!("set time_zone = '+00:00', sql_mode = ''; {TABLE} flush binary logs;");
    let rows: Vec<_> = (1..=150).map(|id| random.row(id)).collect();
    write!(sql, "insert into t values {};", rows.join(",\n")).unwrap();
    // Documents of which only the changes are logged, beside those that are logged whole.
    sql += "set session binlog_row_value_options = PARTIAL_JSON;
            update t set j = '{\"k0\": [1, \"x\", {\"a\": 1}], \"k1\": 5}' where id % 3 = 0;
            update t set j = json_set(j, '$.k0[1]', cast(x'00ff' as json), '$.k1', cast(cast(1.50 as decimal(5,2)) as json)) where id % 6 = 0;
            update t set j = json_remove(json_replace(j, '$.k0[2].a', cast('null' as json)), '$.k1'), tiny = 1 where id % 12 = 0;
            update t set j = '[{\"op\":\"remove\",\"path\":\"$.x\"}]' where id % 7 = 0;
            set session binlog_row_image = minimal;
            update t set j = json_set(j, '$[0].op', 'insert') where id % 7 = 0;
            delete from t where id % 5 = 0;";
    server.sql(&sql).unwrap();
    assert!(compare(&server) > 5000);
    let lines = objects(&written(&server, &mut JsonFormat::new()));
    let all = |field: &str| lines.iter().filter(|line| line.get(field).is_some()).count();
    assert!(all("diffs") > 30 && all("types") > 50, "{} {}", all("diffs"), all("types"));
}

#[test]
fn a_partial_update_is_no_document() {
    let server =
        Server::builder(Flavour::Mysql97).args(["--binlog-row-metadata=FULL"]).start().unwrap();
    let sql = "create database d; use d; create table t (id int primary key, n int, j json);
               insert into t values (1, 1, '{\"x\":2}'), (2, 1, '[1,\"a longer text than the change\"]');
               flush binary logs;
               set binlog_row_value_options = PARTIAL_JSON;
               update t set n = 2 where id = 1;
               update t set n = 2, j = json_set(j, '$[0]', 9) where id = 2;
               update t set n = 4, j = '[{\"op\":\"remove\",\"path\":\"$.x\"}]' where id = 2";
    server.sql(sql).unwrap();
    let lines = objects(&written(&server, &mut JsonFormat::new()));
    let updates: Vec<_> = lines
        .iter()
        .filter(|line| line["type"] == "update")
        .map(|line| [&line["after"], &line["diffs"]])
        .collect();
    assert_eq!(
        updates,
        [
            // A document that stayed as it was is logged as one without differences.
            [&json!({"id": 1, "n": 2, "j": {"x": 2}}), &Json::Null],
            [
                &json!({"id": 2, "n": 2}),
                &json!({"j": [{"op": "replace", "path": "$[0]", "value": 9}]})
            ],
            [&json!({"id": 2, "n": 4, "j": [{"op": "remove", "path": "$.x"}]}), &Json::Null],
        ]
    );
}

/// Also where a format can tell whole documents only.
#[test]
fn a_document_that_stayed_is_told_whole() {
    let server =
        Server::builder(Flavour::Mysql97).args(["--binlog-row-metadata=FULL"]).start().unwrap();
    let sql = "create database d; use d; create table t (id int primary key, n int, j json);
               insert into t values (1, 1, '{\"x\":2}'), (2, 1, null);
               flush binary logs;
               set binlog_row_value_options = PARTIAL_JSON;
               update t set n = 2";
    server.sql(sql).unwrap();
    let maxwell = text(&server, &mut MaxwellFormat::new(MaxwellOptions::default()));
    assert!(
        maxwell.contains("\"data\":{\"id\":1,\"n\":2,\"j\":{\"x\":2}},\"old\":{\"n\":1}}"),
        "{maxwell}"
    );
    let debezium = text(&server, &mut DebeziumFormat::new(DebeziumOptions::default()));
    let envelopes = objects(debezium.as_bytes());
    assert_eq!(envelopes[0]["after"], json!({"id": 1, "n": 2, "j": "{\"x\":2}"}));
    assert_eq!(envelopes[1]["after"], json!({"id": 2, "n": 2, "j": null}));
    let canal = objects(text(&server, &mut CanalFormat::new(CanalOptions::default())).as_bytes());
    assert_eq!(canal[0]["data"][0], json!({"id": "1", "n": "2", "j": "{\"x\": 2}"}));
    assert_eq!(canal[0]["old"], json!([{"n": "1"}, {"n": "1"}]));
}

#[test]
fn statements_are_read_in_their_sessions_character_set() {
    let args = ["--binlog-row-metadata=FULL", "--binlog-rows-query-log-events=1"];
    let server = Server::builder(Flavour::Mysql97).args(args).start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("latin1.sql");
    let sql = b"create database d; use d; create table t (c varbinary(9)); flush binary logs;
        set names latin1; insert into t values ('caf\xe9'); create table caf\xe9 (a int);
        set names utf8mb4; insert into t values (_binary '\xff');";
    std::fs::write(&file, sql).unwrap();
    server.sql_file(&file, false).unwrap();
    let (query, create) = ("insert into t values ('caf\u{e9}')", "create table caf\u{e9} (a int)");
    let strings = |lines: String, field: &str| -> Vec<String> {
        let fields = objects(lines.as_bytes()).into_iter().map(|line| line.get(field).cloned());
        fields.flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };

    let json = text(&server, &mut JsonFormat::new());
    assert_eq!(strings(json.clone(), "query"), [query]);
    assert_eq!(strings(json.clone(), "sql"), [create]);
    // What is no text stays as it is.
    let bytes =
        objects(json.as_bytes()).into_iter().find(|line| line["query"].is_object()).unwrap();
    assert_eq!(base64(&bytes["query"]["$base64"]), b"insert into t values (_binary '\xff')");

    let lossy = "insert into t values (_binary '\u{fffd}')";
    let mut options = MaxwellOptions::default();
    options.set("output_row_query", "true").unwrap();
    options.set("output_ddl", "true").unwrap();
    let maxwell = text(&server, &mut MaxwellFormat::new(options));
    for wanted in [query, create, lossy] {
        assert!(maxwell.contains(&serde_json::to_string(wanted).unwrap()), "{maxwell}");
    }
    let mut options = DebeziumOptions::default();
    options.set("include.query", "true").unwrap();
    let debezium = objects(text(&server, &mut DebeziumFormat::new(options)).as_bytes());
    let queries: Vec<_> =
        debezium.iter().filter_map(|line| line["source"]["query"].as_str()).collect();
    assert_eq!(queries, [query, lossy]);
    let canal = text(&server, &mut CanalFormat::new(CanalOptions::default()));
    let sql: Vec<_> = strings(canal, "sql").into_iter().filter(|sql| !sql.is_empty()).collect();
    assert_eq!(sql, [query, create, lossy]);
    let shown = text(&server, &mut TextFormat::new(false));
    assert!(shown.contains(create), "{shown}");
}
