//! Asking a server things, through its own client program.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

use super::Server;

impl Server {
    /// Runs statements and returns what they answer: rows as lines, columns separated by tabs,
    /// nothing escaped, no column names, without the last line end. NULL is the text `NULL`.
    ///
    /// # Errors
    /// At the first statement that fails, with the client's message (`ERROR 1146 (42S02) …`).
    pub fn sql(&self, statements: &str) -> Result<String> {
        let output = self.run_client(&["--skip-column-names", "--batch", "--raw"], statements)?;
        Ok(output.strip_suffix('\n').unwrap_or(&output).to_owned())
    }

    /// Runs the statements of a file, going on after errors if `force`; returns the answers.
    ///
    /// # Errors
    /// As [`sql`](Self::sql), but with `force` only if the client cannot connect or start.
    pub fn sql_file(&self, file: &Path, force: bool) -> Result<String> {
        let mut client = self.client();
        client.args(["--skip-column-names", "--batch", "--raw"]);
        if force {
            client.arg("--force");
        }
        client.stdin(File::open(file).with_context(|| format!("open {}", file.display()))?);
        let out = client.output().context("run the client")?;
        if !out.status.success() && !force {
            bail!("{}: {}", file.display(), String::from_utf8_lossy(&out.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// The rows that one statement answers, as text. NULL is the text `NULL`.
    ///
    /// # Errors
    /// If the statement fails.
    pub fn query_rows(&self, statement: &str) -> Result<Vec<Vec<String>>> {
        let output = self.run_client(&["--skip-column-names", "--batch"], statement)?;
        Ok(rows(&output))
    }

    /// The rows that one statement answers, each as a map from column name to text.
    ///
    /// # Errors
    /// If the statement fails.
    pub fn query_maps(&self, statement: &str) -> Result<Vec<BTreeMap<String, String>>> {
        let output = self.run_client(&["--column-names", "--batch"], statement)?;
        let mut rows = rows(&output).into_iter();
        let Some(names) = rows.next() else { return Ok(Vec::new()) };
        Ok(rows.map(|row| names.iter().cloned().zip(row).collect()).collect())
    }

    /// A global status variable's value, or an empty string if there is none of that name.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn status_var(&self, name: &str) -> Result<String> {
        self.named_value("show global status", name)
    }

    /// A global system variable's value, or an empty string if there is none of that name.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn variable(&self, name: &str) -> Result<String> {
        self.named_value("show global variables", name)
    }

    fn named_value(&self, show: &str, name: &str) -> Result<String> {
        let rows = self.query_rows(&format!("{show} where variable_name = '{name}'"))?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().nth(1)).unwrap_or_default())
    }

    /// The checksum of every base table in a schema, to compare servers by.
    ///
    /// # Errors
    /// If the schema cannot be read.
    pub fn checksum_tables(&self, schema: &str) -> Result<BTreeMap<String, String>> {
        let names = self.query_rows(&format!(
            "select table_name from information_schema.tables \
             where table_schema = '{schema}' and table_type = 'BASE TABLE' order by table_name"
        ))?;
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let tables: Vec<String> = names
            .iter()
            .flatten()
            .map(|t| format!("`{schema}`.`{}`", t.replace('`', "``")))
            .collect();
        let sums = self.query_rows(&format!("checksum table {}", tables.join(", ")))?;
        sums.into_iter()
            .map(|row| match <[String; 2]>::try_from(row) {
                Ok([table, sum]) => Ok((table, sum)),
                Err(row) => bail!("checksum table answers {row:?}"),
            })
            .collect()
    }

    /// Feeds `input` to the client and returns its standard output.
    fn run_client<S: AsRef<OsStr>>(&self, args: &[S], input: &str) -> Result<String> {
        if self.process.is_none() {
            bail!("server {} does not run", self.port());
        }
        let mut client = self.client();
        client.args(args);
        feed(&mut client, input)
    }
}

/// Runs a client with statements on its standard input, which unlike an argument has no limit.
fn feed(client: &mut Command, input: &str) -> Result<String> {
    let mut child = client
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start the client")?;
    let stdin = child.stdin.take();
    // Written aside: answers can fill their pipe before all statements are taken.
    let out = thread::scope(|scope| {
        scope.spawn(move || {
            // A client that gives up at an error closes its end; its message says why.
            stdin.map(|mut pipe| pipe.write_all(input.as_bytes()))
        });
        child.wait_with_output()
    })
    .context("run the client")?;
    if !out.status.success() {
        let message = String::from_utf8_lossy(&out.stderr);
        bail!("{}", message.trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Splits the client's batch output, in which tabs and line ends inside a value are escaped.
fn rows(output: &str) -> Vec<Vec<String>> {
    output.lines().map(|line| line.split('\t').map(unescape).collect()).collect()
}

fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_and_line_ends_inside_values_survive() {
        let output = "a\\tb\tc\\nd\nback\\\\slash\tzero\\0\n";
        assert_eq!(rows(output), [["a\tb", "c\nd"], ["back\\slash", "zero\0"]]);
    }

    #[test]
    fn empty_columns_are_kept() {
        assert_eq!(rows("\t\n"), [["", ""]]);
        assert!(rows("").is_empty());
    }
}
