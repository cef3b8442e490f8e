//! The URL by which a measured binlogd reaches its primary.

use anyhow::{Context, Result, bail};
use testkit::Server;

/// A URL for `primary`, with or without TLS.
///
/// An older binlogd may not know each parameter of a URL, so it has none that lets a password be sent without TLS.
/// Instead a login over the same account comes first: the primary then has the password in its cache, and
/// asks later logins for a scramble only.
///
/// # Errors
/// If the login fails.
pub(super) fn url(primary: &Server, tls: bool) -> Result<String> {
    let to = primary.endpoint();
    let login = primary.prefix().mysql_to(&to).args(["--execute", "do 0"]).output();
    let login = login.context("run the client")?;
    if !login.status.success() {
        bail!("{}", String::from_utf8_lossy(&login.stderr).trim());
    }
    let ssl_mode = if tls { "REQUIRED" } else { "DISABLED" };
    Ok(format!("mysql://{}:{}@{}:{}/?ssl-mode={ssl_mode}", to.user, to.password, to.host, to.port))
}
