//! What a check can find, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use binlogd_event::{EventKind, GtidSet, VerifyError, Violation};

use crate::LogName;

/// Something that is not as it should be, or that is worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file or folder.
    pub path: PathBuf,
    /// Where in the file the event begins, in bytes, if it is about one.
    pub offset: Option<u64>,
    /// The event's type, as its header says.
    pub kind: Option<EventKind>,
    /// The bytes of the file among which the damage lies, where that can be told.
    pub damage: Option<Range<u64>>,
    /// What it is.
    pub fault: Fault,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something is damaged, missing or doubled.
    Problem,
    /// The files are what their server wrote, which says itself that something is missing.
    Warning,
    /// It may be so, and binlogd deals with it.
    Note,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The operating system could not read it.
    #[error("cannot be read: {error}")]
    Unreadable {
        /// What the system said.
        error: String,
    },
    /// It does not begin as binlogs do.
    #[error("it does not begin with the binlog magic, so it is no binlog")]
    NoBinlog,
    /// It is encrypted as a whole, as MySQL does with `binlog_encryption`.
    #[error("the file is encrypted, so it cannot be checked")]
    Encrypted,
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// It is compressed by gzip or zstd.
    #[error("the file is compressed")]
    Compressed,
    /// A file that others follow has nothing in it.
    #[error("the file has no event")]
    NoEvent,
    /// An event breaks a rule.
    #[error("{violation}")]
    Event {
        /// The rule.
        violation: Violation,
        /// What of the file was not checked, in bytes.
        unchecked: u64,
    },
    /// The file ends inside of an event.
    #[error("the file ends inside of it: {there} bytes are there{}", of(.size))]
    CutShort {
        /// The event's size, where its header is there.
        size: Option<u32>,
        /// How much of it is there, in bytes.
        there: u64,
    },
    /// The file ends inside of an event, where that may be.
    #[error(
        "the file ends inside of an event, {there} bytes of it are there: it is being written, or \
         its writer died"
    )]
    UnfinishedEvent {
        /// How much of it is there, in bytes.
        there: u64,
    },
    /// The file ends in bytes that were never written.
    #[error("the file ends in {len} zeros, as a crash may leave them")]
    Zeros {
        /// How many.
        len: u64,
    },
    /// A stored file says that its server still writes to it.
    #[error("the file is marked as in use, which a stored file never is")]
    InUse,
    /// A file ends with a Rotate or Stop in the middle of a transaction.
    #[error("the file ends inside of a transaction")]
    OpenTransaction,
    /// The file ends without Rotate or Stop, and another one follows.
    #[error("the file ends without a Rotate or Stop event, as when its server has crashed{}", inside(*.in_transaction))]
    NotEnded {
        /// Whether a transaction was under way.
        in_transaction: bool,
    },
    /// The Rotate at the file's end names another file than the one that follows.
    #[error("it names {named} as the next file, but {found} follows")]
    WrongNext {
        /// What the Rotate names.
        named: String,
        /// What is there.
        found: LogName,
    },
    /// The Rotate at the last file's end names a file that cannot come next.
    #[error("it names {named} as the next file, which cannot follow this one")]
    ImpossibleNext {
        /// What the Rotate names.
        named: String,
    },
    /// The Rotate at the last file's end names a file that is not there.
    #[error("it names {named} as the next file, which is not there (yet)")]
    NextNotThere {
        /// What the Rotate names.
        named: String,
    },
    /// Files between others are missing.
    #[error("{} {} missing{}", files(.first, .last), if .first == .last { "is" } else { "are" }, with(.gtids))]
    MissingFiles {
        /// The name of the first.
        first: String,
        /// The name of the last.
        last: String,
        /// The transactions that they held, as far as the next file tells.
        gtids: GtidSet,
    },
    /// Files between others are missing, and by GTID no transaction was in them.
    #[error(
        "{} {} not here, and by GTID no transaction was in {}: the primary had purged {} before it could be \
         followed there",
        files(.first, .last), if .first == .last { "is" } else { "are" },
        if .first == .last { "it" } else { "them" }, if .first == .last { "it" } else { "them" },
    )]
    EmptyFilesMissing {
        /// The name of the first.
        first: String,
        /// The name of the last.
        last: String,
    },
    /// Two files of a folder that cannot be in one.
    #[error("{first} and {second} cannot be in one timeline: {why}")]
    NamesClash {
        /// One.
        first: LogName,
        /// The other.
        second: LogName,
        /// Why.
        why: &'static str,
    },
    /// The file was there, and then no more.
    #[error("the file went away meanwhile")]
    Gone,
    /// A file's previous-GTIDs event lists what the files before do not have.
    #[error("transactions {gtids} should be in the files before this one, but are not")]
    GtidGap {
        /// The transactions.
        gtids: GtidSet,
    },
    /// The files before have what a file's previous-GTIDs event does not list.
    #[error("transactions {gtids} are in the files before this one, which does not know of them")]
    GtidsUnknown {
        /// The transactions.
        gtids: GtidSet,
    },
    /// Transactions that are there more than once.
    #[error("transactions {gtids} are there twice: here and before")]
    GtidsTwice {
        /// The transactions.
        gtids: GtidSet,
    },
    /// An earlier timeline has transactions that a later one has not, and does not say so.
    #[error("transactions {gtids} of the earlier timelines are not in the history of this one")]
    Forked {
        /// The transactions.
        gtids: GtidSet,
    },
    /// One server has given GTIDs twice, and nothing says so.
    #[error(
        "transactions {gtids} are not those that {timeline} has under these GTIDs: the server was \
         restored or has lost its tail, and here its two histories are mixed. Begin anew with an \
         empty data directory, and provision replicas that were fed from this one anew"
    )]
    OtherHistory {
        /// The transactions.
        gtids: GtidSet,
        /// The folder of the other timeline.
        timeline: String,
    },
    /// Numbers of timelines are missing.
    #[error("timeline {first:04}{} missing", through(*.first, *.last))]
    MissingTimelines {
        /// The first that is missing.
        first: u32,
        /// The last.
        last: u32,
    },
    /// A server says that it made changes which are not in its binlog.
    #[error("the server says that changes are missing here: {message}{}", and_more(*.more))]
    Incident {
        /// What it says of the first ones.
        message: String,
        /// How many more times it says so in this file.
        more: u64,
    },
    /// Two timelines with one number.
    #[error("another timeline has the same number: {other}")]
    TimelineTwice {
        /// The other folder's name.
        other: String,
    },
    /// A timeline's folder has something in it that cannot be read.
    #[error("{what}")]
    Foreign {
        /// What is wrong.
        what: String,
    },
    /// The list of files names one that is not there.
    #[error("the list names {name}, which is not there")]
    ListedOnly {
        /// The name.
        name: String,
    },
    /// The list of files lacks one in the middle.
    #[error("the list lacks {name}")]
    NotListed {
        /// The name.
        name: LogName,
    },
    /// The list of files lacks the newest one, or old ones.
    #[error("the list lacks {name}, which may be being made or purged")]
    NotListedAtEnds {
        /// The name.
        name: LogName,
    },
    /// The list of files is not in order.
    #[error("the list has {name} twice or out of order")]
    ListDisordered {
        /// The name.
        name: String,
    },
    /// The index beside a file leads readers astray.
    #[error("its .idx claims which GTIDs come before byte {offset}, and the file has others")]
    WrongIndex {
        /// Where the index says that a transaction begins, in bytes.
        offset: u64,
    },
    /// There is no list of files.
    #[error("there is no list of files (yet)")]
    NoList,
    /// Durable bytes are missing.
    #[error("the file {}, though {durable} bytes of it were durable", has(.len))]
    Lost {
        /// Its length, in bytes; `None` where it is missing.
        len: Option<u64>,
        /// How many were durable, as the file `DURABLE` says.
        durable: u64,
    },
    /// Nothing says how far the timeline was durable.
    #[error("nothing says how far the files were durable: DURABLE is missing, damaged or old")]
    NoWatermark,
}

impl Finding {
    pub(super) fn of_path(path: impl Into<PathBuf>, fault: Fault) -> Self {
        Self { path: path.into(), offset: None, kind: None, damage: None, fault }
    }

    pub(super) fn of_event(path: PathBuf, offset: u64, kind: EventKind, fault: Fault) -> Self {
        Self { offset: Some(offset), kind: Some(kind), ..Self::of_path(path, fault) }
    }

    /// A finding for the first bad event of a file of `len` bytes; `size` is what its header says.
    pub(super) fn of_bad_event(
        path: PathBuf,
        error: VerifyError,
        size: Option<u32>,
        len: u64,
    ) -> Self {
        let start = error.offset;
        let end = size.map_or(len, |size| (start + u64::from(size)).min(len));
        let damage = match &error.violation {
            Violation::ImpossibleSize { .. } => Some(start + 9..start + 13),
            Violation::Checksum { .. } | Violation::Structure(_) => Some(start..end),
            _ => None,
        };
        let fault = Fault::Event { violation: error.violation, unchecked: len - end };
        Self { damage, ..Self::of_event(path, start, error.kind, fault) }
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match &self.fault {
            Fault::UnfinishedEvent { .. }
            | Fault::Zeros { .. }
            | Fault::NotEnded { .. }
            | Fault::NextNotThere { .. }
            | Fault::EmptyFilesMissing { .. }
            | Fault::Gone
            | Fault::Forked { .. }
            | Fault::NotListedAtEnds { .. }
            | Fault::NoList
            | Fault::NoWatermark => Severity::Note,
            Fault::Incident { .. } => Severity::Warning,
            _ => Severity::Problem,
        }
    }

    /// A word for programs: what kind of finding it is.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &self.fault {
            Fault::Unreadable { .. } => "unreadable",
            Fault::NoBinlog | Fault::Compressed => "no_binlog",
            Fault::Encrypted | Fault::Event { violation: Violation::Encrypted, .. } => "encrypted",
            Fault::NoEvent | Fault::Empty => "no_event",
            Fault::Event { violation, .. } => match violation {
                Violation::Checksum { .. } => "checksum",
                Violation::LogPos { .. } => "log_pos",
                Violation::Size { .. } | Violation::ImpossibleSize { .. } => "size",
                Violation::Grammar(_) => "grammar",
                _ => "structure",
            },
            Fault::CutShort { .. } => "cut_short",
            Fault::UnfinishedEvent { .. } => "unfinished_event",
            Fault::Zeros { .. } => "zeros",
            Fault::InUse => "in_use",
            Fault::OpenTransaction => "open_transaction",
            Fault::NotEnded { .. } => "not_ended",
            Fault::WrongNext { .. } | Fault::ImpossibleNext { .. } => "wrong_next",
            Fault::NextNotThere { .. } => "next_not_there",
            Fault::MissingFiles { .. } => "missing_files",
            Fault::EmptyFilesMissing { .. } => "empty_files_missing",
            Fault::NamesClash { .. } => "names_clash",
            Fault::Gone => "gone",
            Fault::GtidGap { .. } => "gtid_gap",
            Fault::GtidsUnknown { .. } => "gtids_unknown",
            Fault::GtidsTwice { .. } => "gtids_twice",
            Fault::WrongIndex { .. } => "wrong_index",
            Fault::Forked { .. } => "forked",
            Fault::OtherHistory { .. } => "other_history",
            Fault::MissingTimelines { .. } => "missing_timelines",
            Fault::Incident { .. } => "incident",
            Fault::TimelineTwice { .. } => "timeline_twice",
            Fault::Foreign { .. } => "foreign",
            Fault::ListedOnly { .. }
            | Fault::NotListed { .. }
            | Fault::NotListedAtEnds { .. }
            | Fault::ListDisordered { .. }
            | Fault::NoList => "index",
            Fault::Lost { .. } => "lost",
            Fault::NoWatermark => "no_watermark",
        }
    }

    /// What to do about it; `None` where nothing needs to be done.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match &self.fault {
            Fault::Unreadable { .. } => Some("Check the disk, and who may read the file"),
            Fault::Event { violation: Violation::Encrypted, .. } | Fault::Encrypted => {
                Some("Read it through its server, which decrypts it")
            }
            Fault::NoBinlog
            | Fault::NoEvent
            | Fault::Empty
            | Fault::Event { .. }
            | Fault::CutShort { .. }
            | Fault::InUse
            | Fault::OpenTransaction
            | Fault::WrongNext { .. }
            | Fault::ImpossibleNext { .. }
            | Fault::Lost { .. } => Some("Replace the file by a good copy, such as the primary's"),
            Fault::MissingFiles { .. } | Fault::MissingTimelines { .. } => {
                Some("Put back what is missing, from the primary or another copy")
            }
            Fault::GtidGap { .. } | Fault::GtidsUnknown { .. } | Fault::GtidsTwice { .. } => {
                Some("Compare this file and those before it with the primary's or another copy")
            }
            Fault::NamesClash { .. } | Fault::TimelineTwice { .. } | Fault::Foreign { .. } => {
                Some("Move away what binlogd did not put there")
            }
            Fault::Incident { .. } => Some(
                "The file is as its server wrote it; replicas stop here: copy tables to them anew from the \
                 server, and do not restore across this place",
            ),
            Fault::Compressed => Some("Decompress it first"),
            Fault::WrongIndex { .. } => Some("Remove the .idx: binlogd makes it anew"),
            Fault::ListedOnly { .. } => Some("If the file was there once, put it back"),
            Fault::NotListed { .. } | Fault::ListDisordered { .. } => Some(
                "binlogd does not read the list, and writes it anew when the primary begins a file",
            ),
            _ => None,
        }
    }
}

/// One line: where, what, what to do.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if let Some(offset) = self.offset {
            write!(f, "{offset}:")?;
        }
        match self.severity() {
            Severity::Problem => {}
            Severity::Warning => f.write_str(" warning:")?,
            Severity::Note => f.write_str(" note:")?,
        }
        match self.kind {
            // A header that is not there has no type.
            None | Some(EventKind(0)) => {}
            Some(kind) if kind.name().is_some() => write!(f, " {kind} event:")?,
            Some(kind) => write!(f, " {kind}:")?,
        }
        write!(f, " {}", self.fault)?;
        if let Some(damage) = &self.damage {
            write!(f, ". The damage is somewhere in bytes {} to {}", damage.start, damage.end - 1)?;
            if self.code() == "checksum" {
                f.write_str(", a CRC32 cannot say where")?;
            }
        }
        if let Fault::Event { unchecked: 1.., .. } = &self.fault {
            f.write_str(". What follows in the file was not checked")?;
        }
        match self.advice() {
            Some(advice) => write!(f, ". {advice}"),
            None => Ok(()),
        }
    }
}

fn of(size: &Option<u32>) -> String {
    size.map(|size| format!(" of {size}")).unwrap_or_default()
}

fn has(len: &Option<u64>) -> String {
    len.map_or_else(|| "is missing".to_owned(), |len| format!("has {len} bytes"))
}

fn inside(in_transaction: bool) -> &'static str {
    if in_transaction { ", inside of a transaction" } else { "" }
}

fn and_more(more: u64) -> String {
    match more {
        0 => String::new(),
        1 => ", and once more in this file".to_owned(),
        more => format!(", and {more} times more in this file"),
    }
}

fn files(first: &str, last: &str) -> String {
    if first == last { first.to_owned() } else { format!("{first} to {last}") }
}

fn with(gtids: &GtidSet) -> String {
    if gtids.is_empty() { String::new() } else { format!(", with transactions {gtids}") }
}

fn through(first: u32, last: u32) -> String {
    if first == last { " is".to_owned() } else { format!(" to {last:04} are") }
}
