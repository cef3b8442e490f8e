//! The configuration file's shape, key by key. What values mean is in `resolve`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::ack::AckSection;
use super::error::Place;
use super::limits::LimitsSection;
use super::passthrough::PassthroughSection;
use super::retention::RetentionSection;
use super::{ConfigError, SingleStream};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    pub(super) data_dir: PathBuf,
    #[serde(default)]
    pub(super) limits: Option<Spanned<LimitsSection>>,
    #[serde(default, rename = "stream")]
    pub(super) streams: Vec<Spanned<StreamSection>>,
}

/// `[[stream]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamSection {
    pub(super) name: Spanned<String>,
    pub(super) upstream: Spanned<String>,
    #[serde(default)]
    pub(super) standby_upstreams: Vec<Spanned<String>>,
    pub(super) choose: Option<Spanned<String>>,
    pub(super) on_fork: Option<Spanned<String>>,
    pub(super) password_file: Option<Spanned<PathBuf>>,
    pub(super) password_env: Option<Spanned<String>>,
    pub(super) server_id: Option<Spanned<u32>>,
    pub(super) report_host: Option<Spanned<String>>,
    pub(super) report_port: Option<u16>,
    pub(super) start: Option<Spanned<String>>,
    pub(super) semi_sync: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) retention: RetentionSection,
    #[serde(default)]
    pub(super) ack: AckSection,
    pub(super) passthrough: Option<PassthroughSection>,
    #[serde(default)]
    pub(super) listen: Vec<Spanned<String>>,
    #[serde(default, rename = "user")]
    pub(super) users: Vec<Spanned<UserSection>>,
    pub(super) tls: Option<Spanned<TlsSection>>,
}

/// `[[stream.user]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserSection {
    pub(super) name: Spanned<String>,
    pub(super) password: Option<Spanned<String>>,
    pub(super) password_file: Option<Spanned<PathBuf>>,
    pub(super) password_env: Option<Spanned<String>>,
    pub(super) auth_string: Option<Spanned<String>>,
    pub(super) plugin: Option<Spanned<String>>,
    pub(super) rights: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) require_tls: bool,
    #[serde(default)]
    pub(super) require_client_cert: bool,
    pub(super) connections_max: Option<Spanned<usize>>,
}

/// `[stream.tls]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSection {
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    #[serde(default)]
    pub(super) names: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) required: bool,
    pub(super) client_ca: Option<PathBuf>,
    pub(super) client_cert: Option<Spanned<String>>,
}

impl ConfigFile {
    pub(super) fn parse(text: &str, name: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| line_of(text, span.start));
            let place = Place { file: Some(name.to_owned()), line };
            let key =
                text.lines().nth(line.saturating_sub(1)).and_then(|line| line.split_once('='));
            let key = key.map_or("KEY", |(key, _)| key.trim());
            ConfigError::Parse { place, message: explained(error.message(), key) }
        })
    }

    /// What a file would say that means the same as the flags.
    pub(super) fn of_flags(flags: SingleStream) -> Result<Self, ConfigError> {
        let users = flags.users.iter().map(|user| UserSection::of_flag(user, "user", None));
        let rights = ["replicate", "admin"].map(|right| unspanned(right.to_owned())).to_vec();
        let admins = flags
            .admins
            .iter()
            .map(|admin| UserSection::of_flag(admin, "admin", Some(rights.clone())));
        let users = users.chain(admins).map(|user| user.map(unspanned));
        let tls = flags.tls.map(|identity| TlsSection {
            cert: Some(identity.cert),
            key: Some(identity.key),
            ..TlsSection::default()
        });
        let stream = StreamSection {
            name: unspanned("default".to_owned()),
            upstream: unspanned(flags.upstream),
            standby_upstreams: flags.standby_upstreams.into_iter().map(unspanned).collect(),
            choose: None,
            on_fork: flags.on_fork.map(unspanned),
            password_file: flags.password_file.map(unspanned),
            password_env: None,
            server_id: flags.server_id.map(unspanned),
            report_host: None,
            report_port: None,
            start: flags.start.map(unspanned),
            semi_sync: flags.semi_sync.map(unspanned),
            retention: RetentionSection::of_flags(flags.retention),
            ack: AckSection::default(),
            passthrough: None,
            listen: flags.listen.into_iter().map(unspanned).collect(),
            users: users.collect::<Result<_, _>>()?,
            tls: tls.map(unspanned),
        };
        Ok(Self { data_dir: flags.data_dir, limits: None, streams: vec![unspanned(stream)] })
    }
}

/// The parser's message, with the form that a value of the wrong type should have. The value itself is left
/// out: it may be a password.
fn explained(message: &str, key: &str) -> String {
    let Some((found, expected)) =
        message.strip_prefix("invalid type: ").and_then(|what| what.rsplit_once(", expected "))
    else {
        return message.to_owned();
    };
    let found = found.split([' ', ',']).next().unwrap_or_default();
    let form = match expected {
        "a sequence" if key == "listen" => "listen = [\"0.0.0.0:3307\"]".to_owned(),
        "a sequence" if matches!(key, "stream" | "user") => {
            let section = if key == "user" { "stream.user" } else { key };
            format!("a section of its own for each, [[{section}]]")
        }
        "a sequence" => format!("{key} = [\"…\"]"),
        "a boolean" => format!("{key} = true or {key} = false"),
        "a string" | "path string" | "a path" => format!("{key} = \"…\""),
        number if number.starts_with(['u', 'i']) => format!("{key} = 1000"),
        _ => format!("{expected} instead"),
    };
    let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{key} is {article} {found}; write {form}")
}

impl UserSection {
    /// `name:password`
    fn of_flag(
        flag: &str,
        key: &'static str,
        rights: Option<Vec<Spanned<String>>>,
    ) -> Result<Self, ConfigError> {
        let Some((name, password)) = flag.split_once(':') else {
            return Err(ConfigError::Invalid {
                place: Place { file: None, line: 0 },
                key,
                message: "write name:password".into(),
            });
        };
        Ok(Self {
            name: unspanned(name.to_owned()),
            password: Some(unspanned(password.to_owned())),
            password_file: None,
            password_env: None,
            auth_string: None,
            plugin: None,
            rights,
            require_tls: false,
            require_client_cert: false,
            connections_max: None,
        })
    }
}

/// The line of a place in a text, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

pub(super) fn unspanned<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}
