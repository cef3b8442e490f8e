//! A server that was named, or one of its files, and what there is of it.

use std::fmt;

use anyhow::{Context, Result, anyhow};
use binlogd_client::ConnectOptions;
use binlogd_event::FIRST_EVENT;
use binlogd_server::config::Choose;
use binlogd_server::upstream::{PrimaryLog, UpstreamError, choose};
use binlogd_store::LogName;

use super::{Server, Until};
use crate::misuse::misuse;
use crate::sources::{From, Source};

/// A server, or one of its files.
#[derive(Debug, Clone)]
pub(crate) struct ServerPlace {
    pub(crate) options: ConnectOptions,
    /// What to register with; a random one if none.
    pub(crate) server_id: Option<u32>,
    /// The file that is meant alone.
    pub(crate) file: Option<LogName>,
}

impl ServerPlace {
    /// The events from some place on, to where they end now, or for ever.
    pub(crate) fn open(self, from: From, follow: bool) -> Result<Source> {
        let (from, until) = match (self.file, from) {
            (None, from) if follow => (from, Until::Forever),
            (None, from) => (from, Until::Now),
            (Some(_), From::At(..) | From::End) => {
                return Err(misuse(anyhow!("--from and the URL name a file each: name one")));
            }
            (Some(file), From::Oldest) if follow => (From::At(file, FIRST_EVENT), Until::Forever),
            (Some(file), From::Oldest) => (From::At(file.clone(), FIRST_EVENT), Until::EndOf(file)),
        };
        let server = Server::new(self.options, self.server_id, from, until)?;
        Ok(Source::Server(Box::new(server)))
    }

    /// The files that are meant, oldest first.
    pub(crate) fn logs(&self) -> Result<Vec<PrimaryLog>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let options = std::slice::from_ref(&self.options);
        let logs = runtime.block_on(async {
            let mut chosen = choose(options, Choose::First).await?;
            chosen.logs().await
        })?;
        match &self.file {
            Some(file) => Ok(vec![log(&logs, file)?.clone()]),
            None => Ok(logs),
        }
    }

    /// One of its files.
    pub(crate) fn of_file(&self, file: LogName) -> Self {
        Self { file: Some(file), ..self.clone() }
    }
}

impl fmt::Display for ServerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mysql://{}", self.options)?;
        self.file.as_ref().map_or(Ok(()), |file| write!(f, "/{file}"))
    }
}

/// The server's file of this name.
pub(super) fn log<'l>(logs: &'l [PrimaryLog], file: &LogName) -> Result<&'l PrimaryLog> {
    let (oldest, newest) = (logs.first(), logs.last());
    let (oldest, newest) = oldest.zip(newest).context("the server has no binlog files")?;
    let missing = || UpstreamError::NoSuchFile {
        wanted: file.to_string(),
        oldest: oldest.name.to_string(),
        newest: newest.name.to_string(),
    };
    Ok(logs.iter().find(|log| log.name == *file).ok_or_else(missing)?)
}
