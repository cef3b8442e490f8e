//! A check as JSON.

use std::borrow::Cow;
use std::time::Duration;

use binlogd_store::verify::{FileEnd, FileSummary, Finding, Report, Severity};
use serde::Serialize;

/// Everything that a check found.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    ok: bool,
    problems: usize,
    warnings: usize,
    files_checked: usize,
    bytes: u64,
    events: u64,
    transactions: u64,
    gtids: String,
    seconds: f64,
    bytes_per_second: f64,
    findings: Vec<JsonFinding<'a>>,
    files: Vec<JsonFile<'a>>,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    severity: &'static str,
    code: &'static str,
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<u8>,
    /// The first byte that may be damaged, and the one behind the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage_from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage_to: Option<u64>,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
}

#[derive(Serialize)]
struct JsonFile<'a> {
    path: Cow<'a, str>,
    bytes: u64,
    events: u64,
    transactions: u64,
    gtids: String,
    /// `rotate`, `stop` or `open`.
    end: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_file: Option<&'a str>,
}

/// The document for a report; without notes if those are not wanted.
pub(super) fn document(report: &Report, elapsed: Duration, no_notes: bool) -> Document<'_> {
    let total = report.total();
    let problems = report.problems();
    let wanted = |f: &&Finding| !no_notes || f.severity() != Severity::Note;
    Document {
        ok: problems == 0,
        problems,
        warnings: report.warnings(),
        files_checked: report.files.len(),
        bytes: total.bytes,
        events: total.events,
        transactions: total.transactions,
        gtids: total.gtids.to_string(),
        seconds: elapsed.as_secs_f64(),
        bytes_per_second: bytes_per_second(total.bytes, elapsed),
        findings: report.findings.iter().filter(wanted).map(finding).collect(),
        files: report.files.iter().map(file).collect(),
    }
}

/// How fast it was.
pub(super) fn bytes_per_second(bytes: u64, elapsed: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let bytes = bytes as f64;
    bytes / elapsed.as_secs_f64().max(1e-6)
}

fn finding(finding: &Finding) -> JsonFinding<'_> {
    JsonFinding {
        severity: match finding.severity() {
            Severity::Problem => "problem",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        code: finding.code(),
        path: finding.path.to_string_lossy(),
        offset: finding.offset,
        event: finding.kind.and_then(|kind| kind.name()).map(str::to_owned),
        event_type: finding.kind.map(|kind| kind.0),
        damage_from: finding.damage.as_ref().map(|damage| damage.start),
        damage_to: finding.damage.as_ref().map(|damage| damage.end),
        what: finding.fault.to_string(),
        advice: finding.advice(),
    }
}

fn file(file: &FileSummary) -> JsonFile<'_> {
    let (end, next_file) = match &file.end {
        FileEnd::Open => ("open", None),
        FileEnd::Stop => ("stop", None),
        FileEnd::Rotate(next) => ("rotate", Some(next.as_str())),
    };
    JsonFile {
        path: file.path.to_string_lossy(),
        bytes: file.bytes,
        events: file.events,
        transactions: file.transactions,
        gtids: file.gtids.to_string(),
        end,
        next_file,
    }
}
