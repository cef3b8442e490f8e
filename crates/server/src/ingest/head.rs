//! Whether a new file follows what is stored. Asked before anything of it is stored. No IO.

use binlogd_event::{GtidSet, Verifier};
use binlogd_store::{FileBefore, LogName, Order, Seam};

use super::Tail;

/// What a file has to follow.
#[derive(Debug)]
pub enum Predecessor {
    /// Nothing is stored.
    None,
    /// The last stored file. The primary has not shown that it has that file too.
    Stored {
        /// Its name.
        file: LogName,
        /// Stands at its end.
        verifier: Verifier,
    },
    /// The file that the primary has sent to its end over this connection.
    Sent {
        /// Its name.
        file: LogName,
        /// Stands at its end.
        verifier: Verifier,
    },
    /// Files of another server, with these transactions: those that the new file lists must be among
    /// them.
    Transactions(GtidSet),
}

impl From<&Tail> for Predecessor {
    fn from(tail: &Tail) -> Self {
        Self::Stored { file: tail.file.name.clone(), verifier: tail.verifier.clone() }
    }
}

/// A file of which nothing was stored yet.
#[derive(Debug)]
pub(super) struct Head {
    before: Predecessor,
}

/// A file does not follow what is stored.
#[derive(Debug, thiserror::Error)]
pub enum NotNext {
    /// Transactions or files between them are not stored.
    #[error(
        "the primary goes on with {file}, which does not follow the stored {before}: {what} Nothing of \
         {file} was stored. If the primary or a copy of it has what is missing, put the files back into \
         its directory and its index file, restart it, and binlogd goes on by itself. If not, the stored \
         history ends here: it stays readable; give binlogd a new data directory to follow the primary \
         from now on, and provision those readers anew that lack the missing transactions"
    )]
    Gap {
        /// The new file.
        file: LogName,
        /// The last stored one.
        before: String,
        /// What is missing, as sentences.
        what: String,
        /// The missing transactions, if the primary itself went on from the stored file to this one: then
        /// they never were in a file, if they are in its `gtid_purged`.
        between: Box<GtidSet>,
    },
    /// Stored transactions are not in the new file's past.
    #[error(
        "the primary's {file} does not know of stored transactions: {unknown}. This is another history \
         than the stored one: was the primary reset, restored or replaced?{missing} Nothing of {file} was \
         stored. The stored files are kept as they are; to follow the new history give binlogd a new data \
         directory"
    )]
    Fork {
        /// The new file.
        file: LogName,
        /// The stored transactions that its list lacks.
        unknown: GtidSet,
        /// The transactions that it lists and that are not stored, as a sentence.
        missing: String,
    },
}

impl Head {
    pub(super) fn new(before: Predecessor) -> Self {
        Self { before }
    }

    /// Whether the file called `name`, which lists these GTIDs, may be stored. The primary has those in
    /// `unlogged` in no file.
    pub(super) fn check(
        &self,
        name: &LogName,
        listed: Option<&GtidSet>,
        unlogged: &GtidSet,
    ) -> Result<(), NotNext> {
        let (file, verifier, is_sent) = match &self.before {
            Predecessor::None => return Ok(()),
            Predecessor::Stored { file, verifier } => (file, verifier, false),
            Predecessor::Sent { file, verifier } => (file, verifier, true),
            Predecessor::Transactions(stored) => return check_among(name, listed, stored),
        };
        let logged = verifier.logged();
        let seam = Seam::new(FileBefore::at(file, verifier, &logged, unlogged), name, listed);
        if seam.is_whole(is_sent) {
            log_odd_seam(file, name, &seam);
            return Ok(());
        }
        Err(refusal(file, name, seam, is_sent))
    }

    /// The file before, if the new one was to come in its place as the last.
    pub(super) fn into_file(self) -> Option<(LogName, Verifier)> {
        match self.before {
            Predecessor::Stored { file, verifier } | Predecessor::Sent { file, verifier } => {
                Some((file, verifier))
            }
            Predecessor::None | Predecessor::Transactions(_) => None,
        }
    }
}

/// Of a file that begins a timeline.
fn check_among(name: &LogName, listed: Option<&GtidSet>, stored: &GtidSet) -> Result<(), NotNext> {
    let missing = listed.map(|listed| listed.difference(stored)).unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    let (before, what) = ("files".to_owned(), lacks(&missing));
    Err(NotNext::Gap { file: name.clone(), before, what, between: Box::default() })
}

fn refusal(before: &LogName, name: &LogName, seam: Seam, is_sent: bool) -> NotNext {
    let gtids = seam.gtids;
    let mut unknown = gtids.unknown;
    // Only a primary that has shown the file before may have forgotten domains.
    unknown.extend(&gtids.dropped);
    let file = name.clone();
    if !unknown.is_empty() {
        let missing = match gtids.missing.is_empty() {
            true => String::new(),
            false => format!(" It has {} instead.", gtids.missing),
        };
        return NotNext::Fork { file, unknown, missing };
    }
    let between = match &seam.order {
        Order::Next if is_sent => Box::new(gtids.missing.clone()),
        _ => Box::default(),
    };
    let what = match seam.order {
        Order::WrongNext { named } => format!("that names {named} as the next one."),
        Order::Missing { first, last } if first == last => {
            format!("{first} is missing.{}", with(&gtids.missing))
        }
        Order::Missing { first, last } => {
            format!("{first} to {last} are missing.{}", with(&gtids.missing))
        }
        Order::Unrelated => {
            format!(
                "it is not named like the next one (does log_bin have another base name now?).{}",
                with(&gtids.missing)
            )
        }
        Order::Next => lacks(&gtids.missing),
    };
    NotNext::Gap { file, before: before.to_string(), what, between }
}

fn lacks(missing: &GtidSet) -> String {
    format!("transactions {missing} come before it and are not stored.")
}

fn with(missing: &GtidSet) -> String {
    match missing.is_empty() {
        true => String::new(),
        false => format!(" Transactions {missing} were in them."),
    }
}

/// What is accepted but worth knowing.
fn log_odd_seam(before: &LogName, name: &LogName, seam: &Seam) {
    if !seam.gtids.dropped.is_empty() {
        tracing::info!(file = %name, gtids = %seam.gtids.dropped, "the primary has forgotten domains");
    }
    if let Order::Missing { first, last } = &seam.order {
        tracing::warn!(
            file = %name, %before, %first, %last,
            "the primary has purged files that are not stored; by GTID no transaction was in them, so \
             going on"
        );
    }
}
