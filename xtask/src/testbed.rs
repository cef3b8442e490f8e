//! `cargo xtask testbed`: the real servers that tests use, by hand.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Subcommand;
use testkit::{Flavour, Server, testbed};

/// A task about real servers.
#[derive(Subcommand)]
pub(crate) enum TestbedTask {
    /// Fetch servers into the cache, if they are not there
    Fetch {
        /// Which (mysql-9.7, mysql-5.6, mariadb-11.8, mariadb-10.11, mariadb-11.4)
        #[arg(default_value = "mysql-9.7", conflicts_with = "all")]
        flavours: Vec<Flavour>,
        /// All of them
        #[arg(long)]
        all: bool,
    },
    /// What is there: versions, sizes, directories
    List {
        /// Look in DIR/FLAVOUR first
        #[arg(long, value_name = "DIR")]
        prefix: Option<PathBuf>,
    },
    /// Run a throw-away server until its standard input ends or Ctrl-C
    Run {
        /// Which
        #[arg(default_value = "mysql-9.7")]
        flavour: Flavour,
        /// Look in DIR/FLAVOUR first
        #[arg(long, value_name = "DIR")]
        prefix: Option<PathBuf>,
        /// Offer semi-synchronous replication, in both roles
        #[arg(long)]
        semi_sync: bool,
        /// More arguments for the server, after --
        #[arg(last = true)]
        args: Vec<String>,
    },
}

/// Does it.
///
/// # Errors
/// If a server cannot be fetched or run.
pub(crate) fn run(task: TestbedTask) -> Result<bool> {
    match task {
        TestbedTask::Fetch { flavours, all } => {
            let flavours = if all { Flavour::ALL.to_vec() } else { flavours };
            for flavour in flavours {
                testbed::ensure(flavour)?;
                list_one(flavour)?;
            }
        }
        TestbedTask::List { prefix } => {
            prefix.into_iter().for_each(testbed::prefer);
            for flavour in Flavour::ALL {
                list_one(flavour)?;
            }
        }
        TestbedTask::Run { flavour, prefix, semi_sync, args } => {
            prefix.into_iter().for_each(testbed::prefer);
            let mut builder = Server::builder(flavour).args(args);
            if semi_sync {
                builder = builder.semi_sync();
            }
            run_one(builder.start()?)?;
        }
    }
    Ok(true)
}

fn list_one(flavour: Flavour) -> Result<()> {
    let Some(prefix) = testbed::find(flavour)? else {
        println!("{flavour:14} not here: cargo xtask testbed fetch {flavour}");
        return Ok(());
    };
    let (size, place) = match prefix.directory().filter(|dir| dir.is_absolute()) {
        Some(dir) => (size_mib(dir)?, dir.display().to_string()),
        None => ("-".into(), "on the PATH".into()),
    };
    println!("{flavour:14} {:8} {size:>5} MiB  {place}", prefix.version().to_string());
    Ok(())
}

fn size_mib(dir: &Path) -> Result<String> {
    let out = Command::new("du").arg("-sm").arg(dir).output().context("run du")?;
    let text = String::from_utf8_lossy(&out.stdout);
    Ok(text.split_whitespace().next().unwrap_or("?").to_owned())
}

fn run_one(server: Server) -> Result<()> {
    let to = server.endpoint();
    println!("{} {} is ready", server.flavour(), server.prefix().version());
    println!("  mysql://{}:{}@{}:{}", to.user, to.password, to.host, to.port);
    println!("  as root:  {}", shown(&server.client()));
    println!("  by TCP:   MYSQL_PWD={} {}", to.password, shown(&server.prefix().mysql_to(&to)));
    println!("  binlogs:  {}", server.datadir().display());
    println!("  log:      {}", server.error_log().display());
    println!("Ctrl-C ends it and removes everything.");
    // An interrupt ends this process; its watchdog then ends the server.
    io::stdin().read_to_end(&mut Vec::new()).context("wait for the end of standard input")?;
    drop(server);
    Ok(())
}

fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
