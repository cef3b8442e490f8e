//! `mysql://user:password@host:port/database?option=value`.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::ConnectOptions;
use crate::error::ClientError;
use binlogd_wire::compress::ZSTD_LEVEL_MAX;

/// The options that a URL can have.
const KEYS: [&str; 12] = [
    "ssl-mode",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "socket",
    "connect-timeout",
    "max-allowed-packet",
    "get-server-public-key",
    "server-public-key-path",
    "enable-cleartext-plugin",
    "compression",
    "zstd-compression-level",
];

impl ConnectOptions {
    /// Parses `mysql://user:password@host:port/database?option=value&…`, of which all but the
    /// scheme may be missing; `mariadb://` is the same. User, password, database and values may be
    /// percent-encoded. Options: `ssl-mode`, `ssl-ca`, `ssl-cert`, `ssl-key`, `socket`,
    /// `connect-timeout` (seconds), `max-allowed-packet` (bytes), `get-server-public-key`,
    /// `server-public-key-path`, `enable-cleartext-plugin`, `compression` (`zlib`, `zstd`,
    /// `uncompressed`, or several, the best first), `zstd-compression-level` (1 to 22).
    ///
    /// # Errors
    /// It is no such URL, an option is not known, or its value is wrong. The error does not show
    /// the password.
    pub fn from_url(url: &str) -> Result<Self, ClientError> {
        check_form(url)?;
        let parsed = Url::parse(url).map_err(|error| not_a_url(&error.to_string()))?;
        let mut options = Self::default();
        match parsed.host() {
            Some(Host::Ipv6(address)) => options.host = address.to_string(),
            Some(Host::Ipv4(address)) => options.host = address.to_string(),
            Some(Host::Domain(name)) if !name.is_empty() => options.host = decode("host", name)?,
            _ => {}
        }
        options.port = parsed.port().unwrap_or(options.port);
        if !parsed.username().is_empty() {
            options.user = decode("user", parsed.username())?;
        }
        if let Some(password) = parsed.password() {
            options.password = decode("password", password)?.into();
        }
        let database = parsed.path().trim_start_matches('/');
        if !database.is_empty() {
            options.database = Some(decode("database", database)?);
        }
        for (key, value) in parsed.query_pairs() {
            options.set(&key, &value)?;
        }
        Ok(options)
    }

    /// Sets one of a URL's options by name.
    ///
    /// # Errors
    /// It is not known, or its value is wrong.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ClientError> {
        let path = || Some(PathBuf::from(value));
        match key {
            "ssl-mode" => self.tls.mode = value.parse()?,
            "ssl-ca" => self.tls.ca = path(),
            "ssl-cert" => self.tls.cert = path(),
            "ssl-key" => self.tls.key = path(),
            "socket" => self.socket = path(),
            "connect-timeout" => {
                let seconds = number(key, value)?;
                self.connect_timeout = Duration::from_secs(seconds);
            }
            "max-allowed-packet" => {
                self.max_payload_len = usize::try_from(number(key, value)?)
                    .map_err(|_| bad(format!("{key} {value:?} is too large")))?;
            }
            "get-server-public-key" => self.auth.fetch_public_key = boolean(key, value)?,
            "server-public-key-path" => self.auth.public_key_path = path(),
            "enable-cleartext-plugin" => self.auth.allow_clear_password = boolean(key, value)?,
            "compression" => {
                self.compression = value.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            "zstd-compression-level" => {
                let level = u8::try_from(number(key, value)?).ok();
                let level = level.filter(|level| *level <= ZSTD_LEVEL_MAX);
                self.zstd_level =
                    level.ok_or_else(|| bad(format!("{key} {value:?} is more than 22")))?;
            }
            _ => {
                let known = KEYS.join(", ");
                return Err(bad(format!("unknown option {key:?}; there are {known}")));
            }
        }
        Ok(())
    }
}

/// How a URL is written.
const FORM: &str =
    "write mysql://USER:PASSWORD@HOST:PORT, such as mysql://repl@db1.example.com:3306";

fn not_a_url(why: &str) -> ClientError {
    bad(format!("not a mysql:// URL: {why}; {FORM}"))
}

/// Finds mistakes that a parser of URLs would accept, or describe badly. The wrong part may be the password,
/// so no part of the URL is shown but its scheme.
fn check_form(url: &str) -> Result<(), ClientError> {
    if url.contains('#') {
        return Err(bad("the URL contains a '#': write %23 if it belongs to the password"));
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme);
        return Err(not_a_url(match scheme {
            Some("mysql" | "mariadb") => "two slashes must follow the colon",
            _ => "it does not begin with mysql://",
        }));
    };
    if !matches!(scheme, "mysql" | "mariadb") {
        let is_name = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        return Err(not_a_url(&match is_name {
            true => format!("its scheme is {scheme:?}"),
            false => "it does not begin with mysql://".to_owned(),
        }));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let path = rest.split('?').next().unwrap_or_default();
    // After a host the path may be a file's qualified name, such as 0002@mysql-bin.000003.
    let is_qualified = path.trim_start_matches('/').split_once('@').is_some_and(|(timeline, _)| {
        timeline.len() == 4 && timeline.bytes().all(|byte| byte.is_ascii_digit())
    });
    if !authority.contains('@') && !is_qualified && rest.contains('@') {
        return Err(bad(
            "the URL's user or password contains a '/' or '?': write %2F for '/', %3F for '?'",
        ));
    }
    if path.starts_with("//") {
        return Err(not_a_url("there are two slashes after the host"));
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if !host.starts_with('[') && host.matches(':').count() > 1 {
        return Err(bad(
            "an IPv6 address in a URL stands in brackets: write mysql://USER@[2001:db8::1]:3306",
        ));
    }
    Ok(())
}

fn bad(what: impl Into<String>) -> ClientError {
    ClientError::BadOption(what.into())
}

fn decode(part: &str, encoded: &str) -> Result<String, ClientError> {
    let decoded = percent_decode_str(encoded).decode_utf8();
    decoded.map(Into::into).map_err(|_| bad(format!("the URL's {part} is not UTF-8")))
}

fn number(key: &str, value: &str) -> Result<u64, ClientError> {
    let number = value.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| bad(format!("{key} {value:?} is not a whole number above 0")))
}

fn boolean(key: &str, value: &str) -> Result<bool, ClientError> {
    match value.to_ascii_lowercase().as_str() {
        "" | "true" | "on" | "1" | "yes" => Ok(true),
        "false" | "off" | "0" | "no" => Ok(false),
        _ => Err(bad(format!("{key} {value:?} is neither true nor false"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CompressionAlgorithm::{Uncompressed, Zlib, Zstd};
    use crate::SslMode;

    fn parse(url: &str) -> ConnectOptions {
        ConnectOptions::from_url(url).unwrap()
    }

    fn error(url: &str) -> String {
        ConnectOptions::from_url(url).unwrap_err().to_string()
    }

    #[test]
    fn a_url_sets_what_it_names() {
        let options = parse(
            "mysql://re%40pl:s%3Acret%2F@db.example.com:3307/my%20db?ssl-mode=VERIFY_IDENTITY\
             &ssl-ca=/etc/ca.pem&ssl-cert=c.pem&ssl-key=k.pem&connect-timeout=3\
             &get-server-public-key=false&server-public-key-path=/p.pem&max-allowed-packet=1000\
             &compression=ZSTD,zlib,none&zstd-compression-level=9",
        );
        let expected = ConnectOptions::new("db.example.com")
            .port(3307)
            .user("re@pl")
            .password("s:cret/")
            .database("my db")
            .ssl_mode(SslMode::VerifyIdentity)
            .ssl_ca("/etc/ca.pem")
            .ssl_cert_and_key("c.pem", "k.pem")
            .connect_timeout(Duration::from_secs(3))
            .fetch_public_key(false)
            .public_key_path("/p.pem")
            .max_payload_len(1000)
            .compression([Zstd, Zlib, Uncompressed])
            .zstd_level(9);
        assert_eq!(options, expected);
    }

    #[test]
    fn nearly_everything_may_be_missing() {
        assert_eq!(parse("mysql://"), ConnectOptions::default());
        assert_eq!(parse("mysql://localhost"), ConnectOptions::default());
        assert_eq!(parse("mariadb://h/"), ConnectOptions::new("h"));
        let options = parse("mysql://root@localhost/?socket=/run/mysqld.sock");
        assert_eq!(options.address(), "/run/mysqld.sock");
    }

    #[test]
    fn addresses_of_both_kinds_are_hosts() {
        assert_eq!(parse("mysql://127.0.0.1:33060").address(), "127.0.0.1:33060");
        assert_eq!(parse("mysql://[::1]:33060").address(), "[::1]:33060");
        assert_eq!(parse("mysql://[::1]").host, "::1");
    }

    #[test]
    fn an_unknown_option_names_the_known_ones() {
        let message = error("mysql://h/?sslmode=required");
        assert!(message.starts_with("unknown option \"sslmode\"; there are ssl-mode, ssl-ca"));
        for key in KEYS {
            assert!(!error(&format!("mysql://h/?{key}x=1")).is_empty());
            let set = ConnectOptions::default().set(key, "1");
            let by_name = ["ssl-mode", "compression"];
            assert!(set.is_ok() || by_name.contains(&key), "{key} is known");
        }
    }

    #[test]
    fn wrong_values_are_errors() {
        assert!(error("mysql://h/?ssl-mode=maybe").contains("verify_identity"));
        assert!(error("mysql://h/?connect-timeout=0").contains("above 0"));
        assert!(error("mysql://h/?connect-timeout=soon").contains("\"soon\""));
        assert!(error("mysql://h/?get-server-public-key=maybe").contains("neither"));
        assert!(error("mysql://h/?compression=lz4").contains("zlib, zstd, uncompressed"));
        assert!(error("mysql://h/?zstd-compression-level=23").contains("more than 22"));
        assert!(error("http://h/").contains("\"http\""));
        assert!(
            error("mysql://h:port/").starts_with("not a mysql:// URL: invalid port number; write")
        );
        assert!(error("mysql://u:p#w@h/").contains("%23"));
        assert!(error("mysql://%ff@h/").contains("user is not UTF-8"));
    }

    #[test]
    fn errors_about_other_forms_show_the_right_one() {
        for (url, said) in [
            (
                "127.0.0.1:3306",
                "does not begin with mysql://; write mysql://USER:PASSWORD@HOST:PORT",
            ),
            ("localhost:3306", "does not begin with mysql://"),
            ("root:s3cret@h:3306", "does not begin with mysql://"),
            ("root:s3cret://@h:3306", "does not begin with mysql://"),
            ("mysql:/u@h", "two slashes must follow the colon"),
            ("mysql:u@h", "two slashes must follow the colon"),
            ("mysql:///u@h", "%2F"),
            ("mysql://u@h//db", "two slashes after the host"),
            ("postgres://u:s3cret@h", "its scheme is \"postgres\"; write mysql://"),
            ("mysql://::1:3306", "write mysql://USER@[2001:db8::1]:3306"),
            ("mysql://u:s3cret@fe80::1", "stands in brackets"),
            ("mysql://u:s3/cret@h", "write %2F for '/'"),
            ("mysql://u:3/s3cret@h", "write %2F for '/'"),
            ("mysql://u:12?s3cret@h", "%3F for '?'"),
        ] {
            let error = error(url);
            assert!(error.contains(said), "{url}: {error}");
            assert!(!error.contains("cret"), "{url}: {error}");
        }
        assert_eq!(parse("mysql://u:p@h/d?ssl-ca=/a@b").user, "u");
    }

    #[test]
    fn the_password_is_never_shown() {
        let options = parse("mysql://u:s3cret@h/");
        assert!(!format!("{options:?} {options}").contains("s3cret"));
        assert_eq!(options.to_string(), "u@h:3306");
        for url in ["mysql://u:s3cret@h:x/", "mysql://u:s3cret@h/?x=1", "http://u:s3cret@h/"] {
            assert!(!error(url).contains("s3cret"));
        }
    }
}
