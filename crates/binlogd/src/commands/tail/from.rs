//! The options of where to begin and whether to go on, and what they and the sources come to.

use anyhow::{Context, Result, anyhow};
use binlogd_event::FIRST_EVENT;
use binlogd_store::LogName;

use crate::misuse::misuse;
use crate::sources::{Files, From, Input, Place, Reader, Source, SourceArgs, find_input, note_end};

/// Named at each option, as a group's heading goes on over the options behind it.
const HEADING: &str = "Follow";

#[derive(Debug, clap::Args)]
pub(crate) struct FromArgs {
    /// Wait for more at the end: of the last file and those that come behind it, or of a server, to
    /// which a connection that breaks is made again; or to the server that has its address then, by GTID
    #[arg(long, short, conflicts_with = "stop_position", help_heading = HEADING)]
    follow: bool,

    /// Where to begin: oldest, end, or FILE[:OFFSET]; of a server, OFFSET must be where an event begins
    #[arg(long, value_name = "PLACE", value_parser = place, default_value = "oldest", conflicts_with = "start_position", help_heading = HEADING)]
    from: From,
}

impl FromArgs {
    /// Whether reading begins at the end of what there is.
    pub(super) fn is_end(&self) -> bool {
        self.from == From::End
    }
}

fn place(text: &str) -> Result<From, String> {
    match text {
        "oldest" | "earliest" => return Ok(From::Oldest),
        "end" => return Ok(From::End),
        _ => {}
    }
    let (file, offset) = match text.rsplit_once(':') {
        Some((file, offset)) => (file, offset.parse().ok()),
        None => (text, Some(FIRST_EVENT)),
    };
    match (LogName::new(file), offset) {
        (Some(file), Some(offset)) => Ok(From::At(file, offset)),
        _ => Err("write oldest, end, mysql-bin.000123 or mysql-bin.000123:4567".to_owned()),
    }
}

/// What there is to read, and the offset of its first file before which nothing is wanted.
pub(super) fn open(sources: &SourceArgs, args: &FromArgs) -> Result<(Source, Option<u64>)> {
    if (args.follow || args.from != From::Oldest) && sources.has_stdin() {
        return Err(misuse(anyhow!(
            "standard input is read from its beginning to its end: leave --follow and --from out"
        )));
    }
    match sources.place()? {
        Place::Files(inputs) => files(inputs, sources, args),
        Place::Server(server) => Ok((server.open(args.from.clone(), args.follow)?, None)),
    }
}

fn files(
    mut inputs: Vec<Input>,
    sources: &SourceArgs,
    args: &FromArgs,
) -> Result<(Source, Option<u64>)> {
    let start = match &args.from {
        From::Oldest => None,
        From::End => {
            let last = inputs.len() - 1;
            inputs.drain(..last);
            Some(end(&inputs[0], args.follow)?)
        }
        From::At(name, offset) => {
            let first = find_input(&inputs, name)?;
            let first = first.with_context(|| format!("there is no {name} among the sources"))?;
            inputs.drain(..first);
            Some(*offset)
        }
    };
    sources.refuse_gaps(&inputs)?;
    let files = match args.follow {
        true => Files::following(inputs, sources.last()?.to_owned()),
        false => Files::new(inputs),
    };
    Ok((Source::Files(Box::new(files)), start))
}

/// The offset from which on nothing of a file has come yet. A compressed file gets nothing more, and its length is not
/// that of what is in it.
fn end(input: &Input, follows: bool) -> Result<u64> {
    let name = input.path.display();
    let (end, place) = match Reader::open(input)?.is_compressed() {
        true => (u64::MAX, format!("that of {name}")),
        false => (input.len, format!("{name}:{}", input.len)),
    };
    if !follows {
        note_end(&place);
    }
    Ok(end)
}
