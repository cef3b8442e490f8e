//! Records of Debezium's connector, and whether others are the same.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The settings with which both write, beside their defaults.
pub const SETTINGS: [&str; 3] =
    ["topic.prefix=compat", "include.query=true", "include.schema.comments=true"];
/// Others, for the live comparison. (With `time.precision.mode=connect` the connector ends at the first `TIME`
/// that is no time of a day.)
pub const OTHER_SETTINGS: [&str; 5] = [
    "topic.prefix=other",
    "decimal.handling.mode=double",
    "binary.handling.mode=base64-url-safe",
    "bigint.unsigned.handling.mode=precise",
    "enable.time.adjuster=false",
];
/// What the last record contains, and none before.
pub const END: &str = "create table the_end ";

/// How many differences are shown.
const TOLD_MAX: usize = 20;
/// How much of a value is shown, in characters.
const SHOWN_MAX: usize = 300;

/// A record without what no two writers have in common: when it was made, and the writer's version.
///
/// # Errors
/// If it is no object with topic, key and value.
pub fn settled(line: &str) -> Result<Value> {
    let mut record: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let fields = record.as_object_mut().context("no object")?;
    if fields.len() != 3 || !fields.contains_key("topic") || !fields.contains_key("key") {
        bail!("not topic, key and value: {line}");
    }
    let Some(value) = fields.get_mut("value").context("no value")?.as_object_mut() else {
        return Ok(record);
    };
    for time in ["ts_ms", "ts_us", "ts_ns"] {
        value.remove(time);
    }
    let source = value.get_mut("source").and_then(Value::as_object_mut).context("no source")?;
    source.remove("version").context("no version")?;
    // With replace.null.with.default, which is not set here, the converter fills it in.
    if source.get("snapshot").is_some_and(Value::is_null) {
        source.insert("snapshot".to_owned(), "false".into());
    }
    let tables = source.get("table").and_then(Value::as_str).unwrap_or_default();
    // The connector has several tables in the order of a hash, and none as an empty name.
    let mut tables: Vec<&str> = tables.split(',').collect();
    tables.sort_unstable();
    let tables = tables.join(",");
    source.insert("table".to_owned(), tables.into());
    if let Some(Value::String(ddl)) = value.get_mut("ddl") {
        // It leaves the verb out.
        if let Some(index) = ddl.strip_prefix("create unique index ") {
            *ddl = format!("unique index {index}");
        }
        // The number of a row that came before.
        value.get_mut("source").and_then(Value::as_object_mut).context("no source")?.remove("row");
    }
    Ok(record)
}

/// What is different, a line each; nothing if all records are the same.
///
/// # Errors
/// If a line is no record.
pub fn differences(theirs: &[&str], ours: &[&str]) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for (index, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
        let (theirs, ours) = (settled(theirs)?, settled(ours)?);
        let mut found = Vec::new();
        compare(&mut String::new(), Some(&theirs), Some(&ours), &mut found);
        if !found.is_empty() {
            told.push(format!("line {}, {}:{}", index + 1, about(&theirs), found.join("")));
        }
    }
    if theirs.len() != ours.len() {
        told.push(format!("{} records of the connector, {} of ours", theirs.len(), ours.len()));
    }
    let more = told.len().saturating_sub(TOLD_MAX);
    told.truncate(TOLD_MAX);
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    Ok(told)
}

/// What a record is about.
fn about(record: &Value) -> String {
    let text = |value: &Value| shown(Some(value));
    let value = &record["value"];
    let about = if value["ddl"].is_null() { &value["op"] } else { &value["ddl"] };
    format!("{} {} {}", text(&record["topic"]), text(&record["key"]), text(about))
}

fn compare(
    path: &mut String,
    theirs: Option<&Value>,
    ours: Option<&Value>,
    found: &mut Vec<String>,
) {
    if theirs == ours {
        return;
    }
    let len = path.len();
    match (theirs, ours) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let added = b.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(added) {
                let _ = write!(path, ".{key}");
                compare(path, a.get(key), b.get(key), found);
                path.truncate(len);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                let _ = write!(path, "[{index}]");
                compare(path, a.get(index), b.get(index), found);
                path.truncate(len);
            }
        }
        _ => found.push(format!("\n    {path}: {}, ours {}", shown(theirs), shown(ours))),
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: &str) -> String {
        format!(r#"{{"topic":"t","key":null,"value":{value}}}"#)
    }

    #[test]
    fn only_times_and_versions_may_differ() {
        let of = |us: u32, version: u32, db: &str| {
            record(&format!(
                r#"{{"ts_ms":{us},"ts_us":{us},"source":{{"version":{version},"db":{db},"ts_ms":5}},"op":"c"}}"#
            ))
        };
        let theirs = of(1, 2, "1.5");
        let told = |ours: &[&str]| differences(&[&theirs], ours).unwrap();
        assert_eq!(told(&[&of(3, 4, "1.5")]), [""; 0]);
        let wrong = told(&[&of(1, 2, "1.25")]);
        assert!(wrong[0].contains(".value.source.db: 1.5, ours 1.25"), "{wrong:?}");
        assert!(!told(&[&of(1, 2, "null")]).is_empty());
        assert!(!told(&[&record("null")]).is_empty());
        assert!(!told(&[]).is_empty());
        assert!(differences(&["{}"], &["{}"]).is_err());
    }
}
