//! The options of where to begin and whether to go on, and what they and the sources come to.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use binlogd_client::ConnectOptions;
use binlogd_event::FIRST_EVENT;
use binlogd_store::LogName;
use clap::ValueHint;

use crate::logging;
use crate::sources::{Files, From, Input, Server, Source, inputs, is_server};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Follow")]
pub(crate) struct FromArgs {
    /// Wait for more at the end: of the last file and those that come behind it, or of a server, to
    /// which a connection that breaks is made again
    #[arg(long, short, conflicts_with = "stop_position")]
    follow: bool,

    /// Where to begin: oldest, end, or FILE[:OFFSET]; of a server, OFFSET must be where an event begins
    #[arg(long, value_name = "PLACE", value_parser = place, default_value = "oldest", conflicts_with = "start_position")]
    from: From,

    /// The id to register at a server with, which no other server or replica may have [default: a
    /// random one above 2^31]
    #[arg(long, value_name = "ID")]
    register_id: Option<u32>,

    /// A file with the server's password, so that the URL needs none, which others on this machine
    /// could see
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    password_file: Option<PathBuf>,
}

fn place(text: &str) -> Result<From, String> {
    match text {
        "oldest" => return Ok(From::Oldest),
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
pub(super) fn open(sources: &[PathBuf], args: &FromArgs) -> Result<(Source, Option<u64>)> {
    if !sources.iter().any(|source| is_server(source)) {
        return files(sources, args);
    }
    let [url] = sources else { bail!("a server can only be read alone: name no other sources") };
    logging::init()?;
    let url = url.to_str().context("the URL is not UTF-8")?;
    let mut options = ConnectOptions::from_url(url)?;
    if let Some(file) = &args.password_file {
        let password = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        options = options.password(password.trim_end_matches(['\n', '\r']));
    }
    let server = Server::new(options, args.register_id, args.from.clone(), args.follow)?;
    Ok((Source::Server(Box::new(server)), None))
}

fn files(sources: &[PathBuf], args: &FromArgs) -> Result<(Source, Option<u64>)> {
    if args.password_file.is_some() || args.register_id.is_some() {
        bail!("--password-file and --register-id are for a server: mysql://USER@HOST:PORT");
    }
    let place = sources.last().context("no source")?;
    if (args.follow || args.from != From::Oldest)
        && sources.iter().any(|path| path == Path::new("-"))
    {
        bail!(
            "standard input is read from its beginning to its end: leave --follow and --from out"
        );
    }
    let mut inputs = inputs(sources)?;
    let start = match &args.from {
        From::Oldest => None,
        From::End => {
            let last = inputs.len() - 1;
            inputs.drain(..last);
            Some(inputs[0].len)
        }
        From::At(name, offset) => {
            let is =
                |input: &Input| input.path.file_name().is_some_and(|file| *file == *name.as_str());
            // The newest timeline's.
            let first = inputs.iter().rposition(is);
            let first = first.with_context(|| format!("there is no {name} among the sources"))?;
            inputs.drain(..first);
            Some(*offset)
        }
    };
    let files = match args.follow {
        true => Files::following(inputs, place.clone()),
        false => Files::new(inputs),
    };
    Ok((Source::Files(Box::new(files)), start))
}
