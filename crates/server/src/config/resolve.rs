//! From what a file says to a [`Config`]: every rule between keys, and the secrets behind them.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use binlogd_client::ConnectOptions;
use binlogd_wire::auth::ed25519;
use toml::Spanned;

use super::error::Place;
use super::file::{ConfigFile, StreamSection, TlsSection, UserSection, line_of};
use super::passthrough::PassthroughSection;
use super::{
    AuthPlugin, Choose, Config, ConfigError, Credential, Limits, ListenAddr, OnFork,
    PassthroughConfig, Report, Rights, Secret, SemiSync, StartAt, StreamConfig, TlsConfig,
    TlsIdentity, UpstreamConfig, UpstreamUrl, UserConfig, is_certifiable,
};

/// The longest name of a stream or a user, in characters; MySQL's limit for accounts is 32.
const NAME_LEN_MAX: usize = 64;

pub(super) struct Resolver<'a> {
    /// The file's name and text; `None` for the command line.
    source: Option<(&'a Path, &'a str)>,
    /// Where relative paths start.
    base: &'a Path,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

/// A key and where its value stands.
#[derive(Clone, Copy)]
struct At {
    key: &'static str,
    offset: usize,
}

fn at<T>(key: &'static str, value: &Spanned<T>) -> At {
    At { key, offset: value.span().start }
}

impl<'a> Resolver<'a> {
    pub(super) fn of_file(
        name: &'a Path,
        text: &'a str,
        base: &'a Path,
        environment: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Self { source: Some((name, text)), base, environment }
    }

    pub(super) fn of_flags(environment: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { source: None, base: Path::new(""), environment }
    }

    pub(super) fn config(&self, file: ConfigFile) -> Result<Config, ConfigError> {
        let limits = match file.limits {
            None => Limits::default(),
            Some(section) => {
                let offset = section.span().start;
                let resolved = section.into_inner().resolve();
                resolved.map_err(|(key, message)| self.invalid(At { key, offset }, message))?
            }
        };
        if file.streams.is_empty() {
            let at = At { key: "stream", offset: 0 };
            return Err(self.invalid(at, "at least one [[stream]] is needed"));
        }
        let mut names = HashSet::new();
        let mut addresses = HashSet::new();
        let mut streams = Vec::with_capacity(file.streams.len());
        for section in file.streams {
            let section = section.into_inner();
            let name_at = at("stream.name", &section.name);
            let listen_at: Vec<_> =
                section.listen.iter().map(|text| at("stream.listen", text)).collect();
            let stream = self.stream(section)?;
            if !names.insert(stream.name.clone()) {
                let message = format!("there are two streams named {:?}", stream.name);
                return Err(self.invalid(name_at, message));
            }
            for (address, at) in stream.listen.iter().zip(listen_at) {
                let any_port = matches!(address, ListenAddr::Tcp { port: 0, .. });
                if !any_port && !addresses.insert(address.clone()) {
                    return Err(self.invalid(at, format!("{address} is listened on twice")));
                }
            }
            streams.push(stream);
        }
        Ok(Config { data_dir: self.path(&file.data_dir), limits, streams })
    }

    fn stream(&self, section: StreamSection) -> Result<StreamConfig, ConfigError> {
        let name = self.stream_name(&section.name)?;
        let upstreams = self.upstreams(&section)?;
        let choose = self.choice(
            "stream.choose",
            section.choose.as_ref(),
            &[("writable", Choose::Writable), ("first", Choose::First)],
        )?;
        let on_fork = self.choice(
            "stream.on_fork",
            section.on_fork.as_ref(),
            &[("halt", OnFork::Halt), ("new-timeline", OnFork::NewTimeline)],
        )?;
        let semi_sync = self.choice(
            "stream.semi_sync",
            section.semi_sync.as_ref(),
            &[("on", SemiSync::On), ("off", SemiSync::Off), ("auto", SemiSync::Auto)],
        )?;
        let server_id = match &section.server_id {
            None => None,
            Some(id) => Some(NonZeroU32::new(*id.get_ref()).ok_or_else(|| {
                self.invalid(at("stream.server_id", id), "0 is no server id; take 1 or more")
            })?),
        };
        let start = match &section.start {
            None => StartAt::Earliest,
            Some(start) => StartAt::parse(start.get_ref())
                .map_err(|message| self.invalid(at("stream.start", start), message))?,
        };
        let retention = section.retention.resolve();
        let retention =
            retention.map_err(|(key, offset, what)| self.invalid(At { key, offset }, what))?;
        let ack = section.ack.resolve();
        let ack = ack.map_err(|(key, offset, what)| self.invalid(At { key, offset }, what))?;
        let passthrough = match &section.passthrough {
            None => None,
            Some(given) => Some(self.passthrough(given)?),
        };
        let mut listen = Vec::new();
        for text in &section.listen {
            let address: Result<ListenAddr, String> = text.get_ref().parse();
            let address =
                address.map_err(|message| self.invalid(at("stream.listen", text), message))?;
            listen.push(match address {
                ListenAddr::Unix(path) => ListenAddr::Unix(self.path(&path)),
                tcp @ ListenAddr::Tcp { .. } => tcp,
            });
        }
        let needs_cert = section.users.iter().find(|user| user.get_ref().require_client_cert);
        let needs_cert = needs_cert.map(|user| at("stream.user.require_client_cert", user));
        let users = self.users(section.users, passthrough.is_some())?;
        if let (false, true, Some(first)) =
            (listen.is_empty(), users.is_empty(), section.listen.first())
        {
            let message = "nobody could log in: add a [[stream.user]]";
            return Err(self.invalid(at("stream.listen", first), message));
        }
        let report = self.report(section.report_host.as_ref(), section.report_port, &listen)?;
        let tls = self.tls(section.tls)?;
        if let (Some(at), None) = (needs_cert, &tls.client_ca) {
            let message = "nobody could show one: set client_ca in [stream.tls]";
            return Err(self.invalid(at, message));
        }
        Ok(StreamConfig {
            name,
            upstreams,
            choose: choose.unwrap_or(Choose::Writable),
            on_fork: on_fork.unwrap_or(OnFork::Halt),
            server_id,
            report,
            start,
            semi_sync: semi_sync.unwrap_or(SemiSync::Auto),
            retention,
            ack,
            listen,
            users,
            passthrough,
            tls,
        })
    }

    /// The value that a word stands for; `None` if none is given.
    fn choice<T: Copy>(
        &self,
        key: &'static str,
        given: Option<&Spanned<String>>,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, ConfigError> {
        let Some(given) = given else { return Ok(None) };
        let chosen = choices.iter().find(|(word, _)| word == given.get_ref());
        chosen.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.invalid(at(key, given), format!("write {}", one_of(&words)))
        })
    }

    fn stream_name(&self, name: &Spanned<String>) -> Result<String, ConfigError> {
        let text = name.get_ref();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_dir = !text.starts_with('.') && text.chars().all(allowed);
        if text.is_empty() || text.len() > NAME_LEN_MAX || !is_dir {
            let message = format!(
                "{text:?} cannot be a directory's name: take up to {NAME_LEN_MAX} letters, digits, \
                 '.', '_' and '-', no '.' in front"
            );
            return Err(self.invalid(at("stream.name", name), message));
        }
        Ok(text.clone())
    }

    /// The primary and those that may take its place. A password beside the URLs is for all.
    fn upstreams(&self, section: &StreamSection) -> Result<Vec<UpstreamConfig>, ConfigError> {
        let standbys =
            section.standby_upstreams.iter().map(|url| ("stream.standby_upstreams", url));
        std::iter::once(("stream.upstream", &section.upstream))
            .chain(standbys)
            .map(|(key, url)| self.upstream(section, key, url))
            .collect()
    }

    fn upstream(
        &self,
        section: &StreamSection,
        key: &'static str,
        url: &Spanned<String>,
    ) -> Result<UpstreamConfig, ConfigError> {
        let here = at(key, url);
        let text = url.get_ref();
        ConnectOptions::from_url(text).map_err(|error| self.invalid(here, error.to_string()))?;
        let url = UpstreamUrl::new(text.as_str());
        let password = match (&section.password_file, &section.password_env) {
            (Some(_), Some(env)) => {
                let message = "give password_file or password_env, not both";
                return Err(self.invalid(at("stream.password_env", env), message));
            }
            (Some(file), None) => Some(self.secret_file("stream.password_file", file)?),
            (None, Some(env)) => Some(self.secret_env("stream.password_env", env)?),
            (None, None) => None,
        };
        if password.is_some() && url.has_password() {
            return Err(self.invalid(here, "the password is here and in a file or variable"));
        }
        Ok(UpstreamConfig { url, password })
    }

    fn users(
        &self,
        sections: Vec<Spanned<UserSection>>,
        passes_through: bool,
    ) -> Result<Vec<UserConfig>, ConfigError> {
        let mut names = HashSet::new();
        let mut users = Vec::with_capacity(sections.len());
        for section in sections {
            let name_at = at("stream.user.name", &section.get_ref().name);
            let user = self.user(&section)?;
            if user.rights.query && !passes_through {
                let message = "the right \"query\" needs a section [stream.passthrough]";
                return Err(self.invalid(At { key: "stream.user.rights", ..name_at }, message));
            }
            if !names.insert(user.name.clone()) {
                let message = format!("there are two users named {:?}", user.name);
                return Err(self.invalid(name_at, message));
            }
            users.push(user);
        }
        Ok(users)
    }

    fn user(&self, section: &Spanned<UserSection>) -> Result<UserConfig, ConfigError> {
        let user = section.get_ref();
        let name = user.name.get_ref();
        if name.is_empty() || name.len() > NAME_LEN_MAX || name.contains('\0') {
            let message = format!("a user's name has 1 to {NAME_LEN_MAX} characters");
            return Err(self.invalid(at("stream.user.name", &user.name), message));
        }
        let credential = self.credential(section)?;
        let plugins =
            [AuthPlugin::MysqlNativePassword, AuthPlugin::CachingSha2Password, AuthPlugin::Ed25519];
        let plugins = plugins.map(|plugin| (plugin.name(), plugin));
        let plugin = self.choice("stream.user.plugin", user.plugin.as_ref(), &plugins)?;
        let plugin = match &user.auth_string {
            Some(hash) => Some(self.plugin_of_hash(hash, plugin)?),
            None => plugin,
        };
        let mut rights = Rights::default();
        match &user.rights {
            None => rights.replicate = true,
            Some(list) => {
                for right in list {
                    match right.get_ref().as_str() {
                        "replicate" => rights.replicate = true,
                        "monitor" => rights.monitor = true,
                        "admin" => rights.admin = true,
                        "query" => rights.query = true,
                        _ => {
                            let message =
                                "rights are \"replicate\", \"monitor\", \"admin\" and \"query\"";
                            return Err(self.invalid(at("stream.user.rights", right), message));
                        }
                    }
                }
            }
        }
        let connections_max = match &user.connections_max {
            Some(none) if *none.get_ref() == 0 => {
                let message = "0 would keep the account out; leave it out for no limit of its own";
                return Err(self.invalid(at("stream.user.connections_max", none), message));
            }
            max => max.as_ref().map(|max| *max.get_ref()),
        };
        Ok(UserConfig {
            name: name.clone(),
            credential,
            plugin,
            rights,
            require_tls: user.require_tls,
            require_client_cert: user.require_client_cert,
            connections_max,
        })
    }

    fn passthrough(&self, section: &PassthroughSection) -> Result<PassthroughConfig, ConfigError> {
        let limits = section.limits();
        let (sessions_max, idle_timeout, statement_timeout) =
            limits.map_err(|(key, offset, what)| self.invalid(At { key, offset }, what))?;
        let upstream = match &section.upstream {
            None => None,
            Some(url) => {
                let here = at("stream.passthrough.upstream", url);
                ConnectOptions::from_url(url.get_ref())
                    .map_err(|error| self.invalid(here, error.to_string()))?;
                let url = UpstreamUrl::new(url.get_ref().as_str());
                if url.has_password() {
                    let message = "write the account as user and password beside the URL";
                    return Err(self.invalid(here, message));
                }
                Some(url)
            }
        };
        let user_at = at("stream.passthrough.user", &section.user);
        let mut given = Vec::new();
        if let Some(password) = &section.password {
            given.push(Secret::new(password.get_ref().as_str()));
        }
        if let Some(file) = &section.password_file {
            given.push(self.secret_file("stream.passthrough.password_file", file)?);
        }
        if let Some(env) = &section.password_env {
            given.push(self.secret_env("stream.passthrough.password_env", env)?);
        }
        let Some(password) = given.pop().filter(|_| given.is_empty()) else {
            let message = "give one of password, password_file and password_env";
            return Err(self.invalid(user_at, message));
        };
        let user = section.user.get_ref().clone();
        Ok(PassthroughConfig {
            upstream,
            user,
            password,
            sessions_max,
            idle_timeout,
            statement_timeout,
        })
    }

    fn credential(&self, section: &Spanned<UserSection>) -> Result<Credential, ConfigError> {
        let user = section.get_ref();
        let mut given = Vec::new();
        if let Some(password) = &user.password {
            given.push(Credential::Password(Secret::new(password.get_ref().as_str())));
        }
        if let Some(file) = &user.password_file {
            given.push(Credential::Password(self.secret_file("stream.user.password_file", file)?));
        }
        if let Some(env) = &user.password_env {
            given.push(Credential::Password(self.secret_env("stream.user.password_env", env)?));
        }
        if let Some(hash) = &user.auth_string {
            given.push(Credential::AuthString(Secret::new(hash.get_ref().as_str())));
        }
        match given.pop() {
            Some(credential) if given.is_empty() => Ok(credential),
            _ => {
                let message = "give one of password, password_file, password_env and auth_string";
                Err(self.invalid(at("stream.user.name", &user.name), message))
            }
        }
    }

    /// The plugin that made a hash, which must be the one named, if one is.
    fn plugin_of_hash(
        &self,
        hash: &Spanned<String>,
        named: Option<AuthPlugin>,
    ) -> Result<AuthPlugin, ConfigError> {
        let text = hash.get_ref();
        let made_by = if is_native_hash(text) {
            AuthPlugin::MysqlNativePassword
        } else if text.starts_with("$A$") || text.starts_with("0x244124") {
            AuthPlugin::CachingSha2Password
        } else if ed25519::PublicKey::from_stored(text.as_bytes()).is_some() {
            AuthPlugin::Ed25519
        } else {
            let message = "this is no hash as mysql.user has it: *40 hexadecimal digits, $A$…, or \
                           0x244124… in hex, or ed25519's 43 characters of base64";
            return Err(self.invalid(at("stream.user.auth_string", hash), message));
        };
        if named.is_some_and(|named| named != made_by) {
            let message = format!("this is a hash of {}", made_by.name());
            return Err(self.invalid(at("stream.user.auth_string", hash), message));
        }
        Ok(made_by)
    }

    fn report(
        &self,
        host: Option<&Spanned<String>>,
        port: Option<u16>,
        listen: &[ListenAddr],
    ) -> Result<Report, ConfigError> {
        if let Some(host) = host.filter(|host| !is_certifiable(host.get_ref())) {
            let message = "expected a host name or an IP address, like binlogd.example.com";
            return Err(self.invalid(at("stream.report_host", host), message));
        }
        let listened_on = listen.iter().find_map(|address| match address {
            ListenAddr::Tcp { port, .. } => Some(*port),
            ListenAddr::Unix(_) => None,
        });
        Ok(Report {
            host: host.map(|host| host.get_ref().clone()).unwrap_or_default(),
            port: port.or(listened_on).unwrap_or_default(),
        })
    }

    fn tls(&self, section: Option<Spanned<TlsSection>>) -> Result<TlsConfig, ConfigError> {
        let Some(section) = section else { return Ok(TlsConfig::default()) };
        let here = at("stream.tls", &section);
        let section = section.into_inner();
        let identity = match (section.cert, section.key) {
            (Some(cert), Some(key)) => {
                Some(TlsIdentity { cert: self.path(&cert), key: self.path(&key) })
            }
            (None, None) => None,
            _ => return Err(self.invalid(here, "cert and key belong together")),
        };
        if let (Some(name), Some(_)) = (section.names.first(), &identity) {
            let message = "names are for the certificate that binlogd makes for itself: leave out cert \
                           and key, or the names";
            return Err(self.invalid(at("stream.tls.names", name), message));
        }
        if let Some(name) = section.names.iter().find(|name| !is_certifiable(name.get_ref())) {
            let message = "expected a host name or an IP address, like db1.example.com";
            return Err(self.invalid(at("stream.tls.names", name), message));
        }
        if let (Some(how), None) = (&section.client_cert, &section.client_ca) {
            let message = "there is no client_ca to check certificates against";
            return Err(self.invalid(at("stream.tls.client_cert", how), message));
        }
        let client_cert_required = self
            .choice(
                "stream.tls.client_cert",
                section.client_cert.as_ref(),
                &[("required", true), ("optional", false)],
            )?
            .unwrap_or(section.client_ca.is_some());
        Ok(TlsConfig {
            identity,
            names: section.names.into_iter().map(Spanned::into_inner).collect(),
            required: section.required || client_cert_required,
            client_ca: section.client_ca.map(|path| self.path(&path)),
            client_cert_required,
        })
    }

    /// A file's content without the line end behind it.
    fn secret_file(
        &self,
        key: &'static str,
        path: &Spanned<PathBuf>,
    ) -> Result<Secret, ConfigError> {
        let file = self.path(path.get_ref());
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                let secret = text.strip_suffix('\n').unwrap_or(&text);
                Ok(Secret::new(secret.strip_suffix('\r').unwrap_or(secret)))
            }
            Err(error) => {
                let message = format!("cannot read {}: {error}", file.display());
                Err(self.invalid(at(key, path), message))
            }
        }
    }

    fn secret_env(&self, key: &'static str, name: &Spanned<String>) -> Result<Secret, ConfigError> {
        match (self.environment)(name.get_ref()) {
            Some(secret) => Ok(Secret::new(secret)),
            None => {
                let message = format!("the environment has no variable {:?}", name.get_ref());
                Err(self.invalid(at(key, name), message))
            }
        }
    }

    fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    fn invalid(&self, at: At, message: impl Into<String>) -> ConfigError {
        let place = match self.source {
            None => Place { file: None, line: 0 },
            Some((name, text)) => {
                Place { file: Some(name.to_owned()), line: line_of(text, at.offset) }
            }
        };
        ConfigError::Invalid { place, key: at.key, message: message.into() }
    }
}

/// `a, b or c`
fn one_of(words: &[String]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// `*` and the 40 hexadecimal digits of a double SHA-1.
fn is_native_hash(text: &str) -> bool {
    let digits = text.strip_prefix('*').unwrap_or_default();
    digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}
