//! `binlogd hash-password`: what stands in a configuration file in place of a password.

use std::io::{BufRead, Write};

use anyhow::{Context, bail};
use binlogd_client::wire::auth::{CryptHash, ed25519, native};

/// Make the hash of a password, for auth_string in a configuration file.
///
/// The password is read from standard input, one line, so that neither ps nor a shell's history has it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = crate::help::lay_out(EXAMPLES))]
pub(crate) struct Args {
    /// For accounts of MySQL 5.6, 5.7 and MariaDB replicas, which prove their password by
    /// mysql_native_password; otherwise the hash is for caching_sha2_password
    #[arg(long)]
    native: bool,
    /// For accounts of MariaDB replicas and clients that sign, by their plugin client_ed25519
    #[arg(long, conflicts_with = "native")]
    ed25519: bool,
}

const EXAMPLES: &str = "\
Examples:
  The line for an account's [[stream.user]] section, instead of password:
    systemd-ask-password | binlogd hash-password

It prints auth_string = \"0x24412430303524…\", which is to be put there.";

/// MySQL's own limit for caching_sha2_password, in bytes.
const PASSWORD_LEN_MAX: usize = 256;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.len() > PASSWORD_LEN_MAX {
        bail!("a password of 1 to {PASSWORD_LEN_MAX} bytes is expected on standard input");
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let hash = if args.native {
        format!("*{}", hex(&native::hash(password.as_bytes())))
    } else if args.ed25519 {
        ed25519::PublicKey::of_password(password.as_bytes()).stored()
    } else {
        // The salt has bytes that no file would take.
        format!("0x{}", hex(&CryptHash::generate(password.as_bytes()).stored()))
    };
    writeln!(std::io::stdout(), "auth_string = \"{hash}\"").context("cannot write")
}
