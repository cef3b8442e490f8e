//! What a file may say, and what is said about what it may not.

use std::time::Duration;

use super::*;

const MINIMAL: &str = r#"
data_dir = "data"
[[stream]]
name = "a"
upstream = "mysql://repl:pw@db:3306"
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    let environment = |name: &str| (name == "PASSWORD").then(|| "from env".to_owned());
    Config::parse(text, Path::new("binlogd.toml"), Path::new("/etc/binlogd"), &environment)
}

fn error(text: &str) -> String {
    match parse(text) {
        Ok(config) => panic!("taken: {config:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_example_is_valid_and_shows_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/binlogd.example.toml");
    let config = Config::load(&path).unwrap();
    assert_eq!(config.limits, Limits::default());
    let stream = &config.streams[0];
    assert_eq!(stream.listen.len(), 2);
    assert_eq!(stream.users.len(), 2);
    assert_eq!(stream.users[1].plugin, Some(AuthPlugin::MysqlNativePassword));
    assert_eq!(
        stream.users[1].rights,
        Rights { replicate: true, admin: true, ..Rights::default() }
    );

    // The lines that are commented out must be right as well.
    let text = std::fs::read_to_string(&path).unwrap();
    let kept = text.replace("# [stream.retention]\n", "[stream.retention]\n");
    let kept = kept.replace("# max_age =", "max_age =").replace("# max_bytes =", "max_bytes =");
    let kept = kept.replace("# reader_hold_max =", "reader_hold_max =");
    let retention = parse(&kept).unwrap().streams[0].retention;
    assert_eq!(retention.max_age, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!(retention.max_bytes, Some(500 << 30));
    assert_eq!(retention.reader_hold_max, RetentionConfig::default().reader_hold_max);

    let tls = text.replace("# [stream.tls]\n", "[stream.tls]\n").replace("# cert =", "cert =");
    let tls = tls.replace("# key =", "key =").replace("# client_ca =", "client_ca =");
    let tls = parse(&tls).unwrap().streams[0].tls.clone();
    assert_eq!(tls.client_ca, Some("/etc/binlogd/client-ca.pem".into()));
    assert_eq!(tls.identity.unwrap().key, Path::new("/etc/binlogd/server-key.pem"));
}

#[test]
fn what_is_not_said_has_a_default() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.data_dir, Path::new("/etc/binlogd/data"));
    let stream = &config.streams[0];
    assert_eq!((&stream.start, stream.semi_sync), (&StartAt::Earliest, SemiSync::Auto));
    assert_eq!((stream.server_id, stream.listen.len()), (None, 0));
    assert_eq!(stream.tls, TlsConfig::default());
    assert_eq!(stream.retention, RetentionConfig::default());
    assert!(stream.retention.keeps_all());
    assert_eq!(stream.upstreams[0].url.expose(), "mysql://repl:pw@db:3306");
}

#[test]
fn errors_name_file_line_and_key() {
    let with = |more: &str| format!("{MINIMAL}{more}\n");
    let with_user = |more: &str| format!("{MINIMAL}[[stream.user]]\nname = 'u'\n{more}\n");
    let second = |more: &str| format!("{MINIMAL}[[stream]]\n{more}\n");
    let cases = [
        ("data_dir = 'x'".to_owned(), "binlogd.toml:1: stream: at least one [[stream]]"),
        ("data_dir = ".to_owned(), "binlogd.toml:1: "),
        (with("lissten = []"), "binlogd.toml:6: unknown field `lissten`"),
        (with("server_id = 0"), "binlogd.toml:6: stream.server_id: 0 is no server id"),
        (with("server_id = 'x'"), "binlogd.toml:6: "),
        (with("server_id = -1"), "binlogd.toml:6: "),
        (with("start = ''"), "binlogd.toml:6: stream.start: write"),
        (
            with("semi_sync = 'yes'"),
            "binlogd.toml:6: stream.semi_sync: write \"on\", \"off\" or \"auto\"",
        ),
        (with("listen = [\n'127.0.0.1'\n]"), "binlogd.toml:7: stream.listen: \"127.0.0.1\" has no"),
        (with("listen = ['a:1']"), "binlogd.toml:6: stream.listen: nobody could log in"),
        (with("password_env = 'NOPE'"), "binlogd.toml:6: stream.password_env: the environment"),
        (
            with("password_env = 'PASSWORD'"),
            "binlogd.toml:5: stream.upstream: the password is here",
        ),
        (with("password_file = 'nope'"), "stream.password_file: cannot read /etc/binlogd/nope"),
        (with_user(""), "binlogd.toml:7: stream.user.name: give one of"),
        (with_user("password=''\nauth_string=''"), "binlogd.toml:7: stream.user.name: give one of"),
        (with_user("auth_string='x'"), "binlogd.toml:8: stream.user.auth_string: this is no hash"),
        (
            with_user("auth_string='$A$005$x'\nplugin='mysql_native_password'"),
            "binlogd.toml:8: stream.user.auth_string: this is a hash of caching_sha2_password",
        ),
        (
            with_user(
                "auth_string='ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY'\nplugin='caching_sha2_password'",
            ),
            "binlogd.toml:8: stream.user.auth_string: this is a hash of ed25519",
        ),
        (
            with_user("password=''\nplugin='x'"),
            "binlogd.toml:9: stream.user.plugin: write \"mysql_native_password\", \"caching_sha2_password\" or \"ed25519\"",
        ),
        (with_user("password=''\nrights=['x']"), "binlogd.toml:9: stream.user.rights: rights are"),
        (
            with_user("password=''\n[[stream.user]]\nname='u'\npassword=''"),
            "binlogd.toml:10: stream.user.name: there are two users named \"u\"",
        ),
        (
            with(&format!("report_host = '{}'", "a".repeat(254))),
            "stream.report_host: expected a host name or an IP address",
        ),
        (with("report_host = 'a b'"), "stream.report_host: expected a host name or an IP address"),
        (with("[stream.tls]\ncert = 'x'"), "stream.tls: cert and key belong together"),
        (
            with("[stream.tls]\ncert = 'x'\nkey = 'y'\nnames = ['db1']"),
            "stream.tls.names: names are for the certificate that binlogd makes for itself",
        ),
        (
            with("[stream.tls]\nnames = ['db1', 'a_b']"),
            "stream.tls.names: expected a host name or an IP address",
        ),
        (
            with("[stream.retention]\nmax_age = '30'"),
            "binlogd.toml:7: stream.retention.max_age: \"30\" is no duration",
        ),
        (
            with("[stream.retention]\nmax_age = '0s'"),
            "binlogd.toml:7: stream.retention.max_age: nothing would be kept",
        ),
        (
            with("[stream.retention]\nmax_bytes = '1X'"),
            "binlogd.toml:7: stream.retention.max_bytes: \"1X\" is no size",
        ),
        (with("[stream.retention]\nmax_size = '1G'"), "binlogd.toml:7: unknown field `max_size`"),
        (second("name='a'\nupstream='mysql://b'"), "binlogd.toml:7: stream.name: there are two"),
        (second("name='../x'\nupstream='mysql://b'"), "binlogd.toml:7: stream.name: \"../x\""),
        (
            second("name='b'\nupstream='http://b'"),
            "binlogd.toml:8: stream.upstream: not a mysql:// URL",
        ),
        (
            second("name='b'\nupstream='mysql://u:secret@h/?x=1'"),
            "binlogd.toml:8: stream.upstream: ",
        ),
        (with("[limits]\nwait_timeout_s = 0"), "limits.wait_timeout_s: must be at least 1"),
        (with("[limits]\nwait_timeout = 0"), "binlogd.toml:7: unknown field `wait_timeout`"),
    ];
    for (text, expected) in cases {
        let error = error(&text);
        assert!(error.contains(expected), "{text}\nsays: {error}\nnot:  {expected}");
        assert!(error.starts_with("binlogd.toml:"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn an_address_serves_one_stream() {
    let stream = |name: &str, listen: &str| {
        format!(
            "[[stream]]\nname='{name}'\nupstream='mysql://h'\nlisten=[{listen}]\n\
             [[stream.user]]\nname='u'\npassword=''\n"
        )
    };
    let config = |a: &str, b: &str| format!("data_dir='d'\n{}{}", stream("a", a), stream("b", b));
    assert!(error(&config("'h:1','h:1'", "")).contains("h:1 is listened on twice"));
    assert!(error(&config("'h:1'", "'unix:s','h:1'")).contains("h:1 is listened on twice"));
    assert!(error(&config("'unix:s'", "'unix:/etc/binlogd/s'")).contains("twice"));
    parse(&config("'h:0', 'h:1'", "'h:0', 'h:2'")).unwrap();
}

#[test]
fn passwords_come_from_files_and_variables_and_are_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("pw"), "from file\r\n").unwrap();
    let text = "data_dir='d'\n[[stream]]\nname='a'\nupstream='mysql://u@h'\npassword_file='pw'\n\
                [[stream.user]]\nname='u'\npassword_file='pw'\n\
                [[stream.user]]\nname='v'\npassword_env='PASSWORD'\n";
    let environment = |_: &str| Some("from env".to_owned());
    let config = Config::parse(text, Path::new("x"), dir.path(), &environment).unwrap();
    let stream = &config.streams[0];
    assert_eq!(stream.upstreams[0].password.as_ref().unwrap().expose(), "from file");
    assert_eq!(stream.users[0].credential, Credential::Password(Secret::new("from file")));
    assert_eq!(stream.users[1].credential, Credential::Password(Secret::new("from env")));
    let shown = format!("{config:?}");
    assert!(!shown.contains("from"), "{shown}");
}

#[test]
fn flags_make_the_same_configuration_as_a_file() {
    let flags = SingleStream {
        data_dir: "d".into(),
        upstream: "mysql://u:p@h".into(),
        standby_upstreams: Vec::new(),
        on_fork: None,
        password_file: None,
        server_id: Some(7),
        start: Some("current".into()),
        semi_sync: Some("off".into()),
        retention: RetentionFlags { max_bytes: Some("2GiB".into()), ..RetentionFlags::default() },
        listen: vec!["127.0.0.1:3307".into(), "unix:s".into()],
        users: vec!["app:p:w".into()],
        admins: vec!["dba:pw".into()],
        tls: None,
    };
    let config = Config::single_stream(flags.clone()).unwrap();
    let stream = &config.streams[0];
    assert_eq!(stream.name, "default");
    assert_eq!(stream.server_id.map(NonZeroU32::get), Some(7));
    assert_eq!((&stream.start, stream.semi_sync), (&StartAt::Current, SemiSync::Off));
    assert_eq!((stream.retention.max_bytes, stream.retention.max_age), (Some(2 << 30), None));
    assert_eq!(stream.listen[1], ListenAddr::Unix("s".into()));
    assert_eq!(stream.users[0].credential, Credential::Password(Secret::new("p:w")));
    assert_eq!(stream.users[0].rights, Rights { replicate: true, ..Rights::default() });
    assert_eq!(stream.users[1].name, "dba");
    let all = Rights { replicate: true, admin: true, ..Rights::default() };
    assert_eq!(stream.users[1].rights, all);

    let wrong = SingleStream { users: vec!["app".into()], ..flags.clone() };
    let error = Config::single_stream(wrong).unwrap_err().to_string();
    assert_eq!(error, "command line: user: write name:password");
    let wrong = SingleStream { semi_sync: Some("maybe".into()), ..flags };
    let error = Config::single_stream(wrong).unwrap_err().to_string();
    assert!(error.starts_with("command line: stream.semi_sync: "), "{error}");
}

#[test]
fn an_error_about_a_wrong_type_shows_the_right_form_and_no_secret() {
    for (line, said) in [
        (
            "listen = '0.0.0.0:3307'",
            "binlogd.toml:6: listen is a string; write listen = [\"0.0.0.0:3307\"]",
        ),
        (
            "user = 'app:s3cret'",
            "binlogd.toml:6: user is a string; write a section of its own for each, [[stream.user]]",
        ),
        ("server_id = 'x'", "binlogd.toml:6: server_id is a string; write server_id = 1000"),
        ("start = 7", "binlogd.toml:6: start is an integer; write start = \"…\""),
    ] {
        assert_eq!(error(&format!("{MINIMAL}{line}\n")), said);
    }
    let said = error(&format!("{MINIMAL}[[stream.user]]\nname = 'a'\npassword = 12345\n"));
    assert_eq!(said, "binlogd.toml:8: password is an integer; write password = \"…\"");
}
