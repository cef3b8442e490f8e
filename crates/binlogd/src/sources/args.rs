//! The options that say what is read, and how servers among it are reached.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use binlogd_client::ConnectOptions;
use binlogd_store::LogName;
use clap::ValueHint;

use super::{Input, ServerPlace, Source, gaps, inputs, is_server};
use crate::logging;
use crate::misuse::misuse;

#[derive(Debug, clap::Args)]
pub(crate) struct SourceArgs {
    /// Binlog files, folders of them, a binlogd's store, - for standard input, or one server as
    /// mysql://USER:PASSWORD@HOST:PORT, which is read as a replica does; a file's name behind that, as in
    /// mysql://HOST/mysql-bin.000007, means this file of it
    #[arg(required = true, value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    sources: Vec<PathBuf>,

    /// Continue where a file is missing between two others: the changes in it are left out
    #[arg(long)]
    allow_gaps: bool,

    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Named at each option, as a group's heading goes on over the options behind it.
const HEADING: &str = "Servers";

#[derive(Debug, clap::Args)]
pub(crate) struct ServerArgs {
    /// The id to register at a server with, which no other server or replica may have [default: a
    /// random one above 2^31]
    #[arg(long, value_name = "ID", help_heading = HEADING)]
    register_id: Option<u32>,

    /// A file with the password of servers whose URLs have none, as others on this machine could see
    /// it there
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = HEADING)]
    password_file: Option<PathBuf>,
}

/// What was named.
pub(crate) enum Place {
    Files(Vec<Input>),
    Server(Box<ServerPlace>),
}

impl SourceArgs {
    /// What there is to read.
    pub(crate) fn place(&self) -> Result<Place> {
        if !self.sources.iter().any(|source| is_server(source)) {
            if self.server.register_id.is_some() {
                let what = anyhow!("--register-id is for a server: mysql://USER@HOST:PORT");
                return Err(misuse(what));
            }
            return Ok(Place::Files(inputs(&self.sources)?));
        }
        let [url] = &self.sources[..] else {
            return Err(misuse(anyhow!("a server can only be read alone: name no other sources")));
        };
        logging::init();
        Ok(Place::Server(Box::new(self.server.place(url)?)))
    }

    /// All of it, from its beginning to where it ends now.
    pub(crate) fn open(&self) -> Result<Source> {
        match self.place()? {
            Place::Files(inputs) => self.files(inputs),
            Place::Server(place) => place.open(super::From::Oldest, false),
        }
    }

    /// The events of these files, which were named.
    pub(crate) fn files(&self, inputs: Vec<Input>) -> Result<Source> {
        self.refuse_gaps(&inputs)?;
        Ok(Source::files(inputs))
    }

    /// Fails if a file is missing between two of these, unless that is allowed.
    pub(crate) fn refuse_gaps(&self, inputs: &[Input]) -> Result<()> {
        gaps::check(inputs, self.allow_gaps)
    }

    /// What was named last.
    pub(crate) fn last(&self) -> Result<&Path> {
        self.sources.last().map(PathBuf::as_path).context("no source")
    }

    /// Whether standard input is read.
    pub(crate) fn has_stdin(&self) -> bool {
        self.sources.iter().any(|path| path == Path::new("-"))
    }

    /// What was named, to be shown: without passwords.
    pub(crate) fn names(&self) -> String {
        let name = |source: &PathBuf| match is_server(source) {
            true => {
                self.server.place(source).map_or_else(|_| "a server".to_owned(), |p| p.to_string())
            }
            false => source.display().to_string(),
        };
        self.sources.iter().map(name).collect::<Vec<_>>().join(" ")
    }
}

impl ServerArgs {
    /// The way to a server.
    pub(crate) fn options(&self, url: &Path) -> Result<ConnectOptions> {
        let url = url.to_str().context("the URL is not UTF-8").map_err(misuse)?;
        let options = ConnectOptions::from_url(url).map_err(misuse)?;
        match &self.password_file {
            Some(file) if options.user_password().expose().is_empty() => {
                let password =
                    fs::read_to_string(file).with_context(|| file.display().to_string())?;
                Ok(options.password(password.trim_end_matches(['\n', '\r'])))
            }
            _ => Ok(options),
        }
    }

    fn place(&self, url: &Path) -> Result<ServerPlace> {
        let mut options = self.options(url)?;
        let file = match options.take_database() {
            None => None,
            Some(name) => Some(LogName::new(&name).ok_or_else(|| {
                misuse(anyhow!(
                    "'{name}' is no binlog file: behind the server's address write nothing, or a file \
                     of its SHOW BINARY LOGS"
                ))
            })?),
        };
        Ok(ServerPlace { options, server_id: self.register_id, file })
    }
}
