//! Where events come from: binlog files, folders of them, standard input, servers.
//!
//! What is named becomes a list of inputs in [`paths`]; [`reader`] reads the [`bytes`] of one, event by event,
//! [`files`] one after the other, from where what is [`unwanted`] ends; [`gaps`] refuses what is not complete; [`server`] is a replica's way to a server.
//! [`args`] has the options for all that. Nothing here decodes an event.

mod args;
mod bytes;
mod files;
mod gaps;
mod paths;
mod reader;
mod server;
mod unwanted;

use anyhow::Result;
use binlogd_store::LogName;

use crate::logging::print_note;

pub(crate) use args::{Place, ServerArgs, SourceArgs};
pub(crate) use files::Files;
pub(crate) use paths::{Input, find as find_input, inputs, is_server};
pub(crate) use reader::{RawEvent, Reader};
pub(crate) use server::{Server, ServerPlace};
pub(crate) use unwanted::Unwanted;

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    /// With the oldest file that there is.
    Oldest,
    /// With what will be written.
    End,
    /// In a file, at an offset.
    At(LogName, u64),
}

/// Says that nothing is read because reading begins where the last file ends.
pub(crate) fn note_end(place: &str) {
    print_note(&format!(
        "reading begins at the end, which is {place} now, so nothing is printed: with --follow it \
         waits there for more"
    ));
}

/// What a source says when it is asked for the next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is there.
    Event,
    /// It has not come yet: wait for it.
    Wait,
    /// There is none.
    End,
}

/// Where a command reads from that takes either.
pub(crate) enum Source {
    Files(Box<Files>),
    Server(Box<Server>),
}

impl Source {
    /// Files, from the first one's beginning to the last one's end.
    pub(crate) fn files(inputs: Vec<Input>) -> Self {
        Self::Files(Box::new(Files::new(inputs)))
    }

    /// Reads the next event that has not come before, and waits for it if need be; `false` if there
    /// is none.
    pub(crate) fn next(&mut self) -> Result<bool> {
        loop {
            match self.advance()? {
                Next::Event if self.is_repeated() => {}
                Next::Event => return Ok(true),
                Next::Wait => self.wait()?,
                Next::End => return Ok(false),
            }
        }
    }

    /// Reads the next event.
    pub(crate) fn advance(&mut self) -> Result<Next> {
        match self {
            Self::Files(files) => Ok(match files.advance()? {
                true => Next::Event,
                false if files.follows() => Next::Wait,
                false => Next::End,
            }),
            Self::Server(server) => server.advance(),
        }
    }

    /// Passes over what nobody wants, where that is cheap.
    pub(crate) fn pass_over(&mut self, unwanted: Unwanted) {
        if let Self::Files(files) = self {
            files.pass_over(unwanted);
        }
    }

    /// Waits until there may be more; perhaps there is not.
    pub(crate) fn wait(&mut self) -> Result<()> {
        match self {
            Self::Files(files) => files.wait(),
            Self::Server(server) => server.wait(),
        }
    }

    /// The event that was read last.
    pub(crate) fn event(&self) -> Option<RawEvent<'_>> {
        match self {
            Self::Files(files) => files.event(),
            Self::Server(server) => server.event(),
        }
    }

    /// Whether the event was given out before and comes again for what it tells of later ones.
    pub(crate) fn is_repeated(&self) -> bool {
        match self {
            Self::Files(_) => false,
            Self::Server(server) => server.is_repeated(),
        }
    }

    /// Whether the event is of a compressed file, whose offsets are those of what is in it.
    pub(crate) fn is_compressed(&self) -> bool {
        matches!(self, Self::Files(files) if files.is_compressed())
    }

    /// Which of a store's timelines the event is of, from 1 on; 0 if it is not of a store.
    pub(crate) fn timeline(&self) -> usize {
        match self {
            Self::Files(files) => files.timeline(),
            Self::Server(_) => 0,
        }
    }

    /// Whether the event is of the first, and of the last file.
    pub(crate) fn is_first_and_last(&self) -> (bool, bool) {
        match self {
            Self::Files(files) => (files.is_first(), files.is_last() && !files.follows()),
            Self::Server(server) => server.is_first_and_last(),
        }
    }
}
