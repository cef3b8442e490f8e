//! Running the host's programs (apt-get, dpkg-deb, npm, tar, cp) with errors that say which.

use std::process::Command;

use anyhow::{Context, Result, bail};

/// Runs `command` and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command.output().with_context(|| format!("run {}", shown(command)))?;
    if !out.status.success() {
        let errors = String::from_utf8_lossy(&out.stderr);
        bail!("{} failed ({}): {}", shown(command), out.status, errors.trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// The program's name and arguments, for messages.
fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// Fails unless every one of `programs` can be run.
pub(crate) fn require(programs: &[&str], why: &str) -> Result<()> {
    for program in programs {
        if Command::new(program).arg("--version").output().is_err() {
            bail!("{why} needs {program}, which is not on the PATH");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_carries_its_standard_error() {
        let error = output(Command::new("sh").args(["-c", "echo no space >&2; exit 3"]));
        let text = format!("{:#}", error.unwrap_err());
        assert!(text.contains("sh -c") && text.contains("no space"), "{text}");
    }

    #[test]
    fn a_missing_program_is_named_with_its_purpose() {
        let text = require(&["no-such-program-here"], "fetching").unwrap_err().to_string();
        assert!(text.contains("no-such-program-here") && text.contains("fetching"), "{text}");
    }
}
