//! Real clients against a server made of our wire crate: its side of the authentication and its
//! result sets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, LazyLock};

use binlogd_client::wire::auth::{
    self, AccountKinds, Credential, CryptHash, LazyRsaKey, Outcome, ServerAuth, ServerAuthOptions,
    access_denied, native,
};
use binlogd_client::wire::command::Command;
use binlogd_client::wire::handshake::ClientReply;
use binlogd_client::wire::packet::PacketWriter;
use binlogd_client::wire::resultset::{ColumnDefinition, ResultSetWriter, RowFormat};
use binlogd_client::wire::{Capabilities, ErrorCode, ServerError, StatusFlags};
use testkit::{Flavour, testbed};

use crate::fake::{CAPABILITIES, Fake, SCRAMBLE, serve};

static RSA: LazyLock<Arc<LazyRsaKey>> = LazyLock::new(Arc::default);

/// Lets one client in whose password is right, and answers its queries with a row of three values
/// until it leaves.
async fn serve_client(mut fake: Fake, credential: Credential, has_rsa_key: bool) {
    let offered = CAPABILITIES
        | Capabilities::TRANSACTIONS
        | Capabilities::CONNECT_ATTRS
        | Capabilities::QUERY_ATTRIBUTES
        | Capabilities::DEPRECATE_EOF;
    fake.greet(offered, auth::CACHING_SHA2_PASSWORD).await;
    let payload = fake.receive().await;
    let ClientReply::Handshake(response) = ClientReply::parse(&payload).unwrap() else {
        panic!("no TLS was offered")
    };
    assert_eq!(response.user, "repl");
    let capabilities = response.capabilities & offered;
    let mut auth = ServerAuth::new(ServerAuthOptions {
        kinds: AccountKinds::of([&credential]),
        credential,
        scramble: SCRAMBLE,
        secure: false,
        rsa_key: has_rsa_key.then(|| Arc::clone(&RSA)),
    });
    let (plugin, data) = (response.auth_plugin, response.auth_response);
    let mut reply = auth.start(plugin, data, auth::CACHING_SHA2_PASSWORD);
    loop {
        if let Some(payload) = &reply.payload {
            fake.send(payload).await;
        }
        match reply.outcome {
            Outcome::Continue => reply = auth.on_payload(&fake.receive().await),
            Outcome::Accepted => break fake.ok().await,
            Outcome::Denied => {
                let error = access_denied("repl", "127.0.0.1", auth.used_password());
                return fake.send_built(|out| error.encode(out)).await;
            }
        }
    }
    loop {
        fake.begin_command();
        let payload = fake.receive().await;
        match Command::parse(&payload, capabilities).unwrap() {
            Command::Quit => return,
            Command::Query(b"select something") => {
                let mut out = Vec::new();
                let mut packets = PacketWriter::new(1);
                let columns = ["text", "nothing", "number"].map(ColumnDefinition::text);
                let status = StatusFlags::AUTOCOMMIT;
                let how = (capabilities, RowFormat::Text);
                let mut set = ResultSetWriter::begin(&mut out, &mut packets, how, status, &columns);
                set.row([Some("hello"), None, Some("7")]).unwrap();
                set.finish(status, 0);
                fake.send_raw(&out).await;
            }
            // Among them "select $$", by which MySQL's client finds out about dollar quotes.
            Command::Query(_) => {
                let error = ServerError::new(ErrorCode::PARSE, "no");
                fake.send_built(|out| error.encode(out)).await;
            }
            _ => fake.ok().await,
        }
    }
}

/// Runs a client program of `flavour` with this password on a query.
async fn run_client(
    flavour: Flavour,
    credential: Credential,
    has_rsa_key: bool,
    password: &str,
) -> Output {
    let (options, server) = serve(move |fake| serve_client(fake, credential, has_rsa_key)).await;
    let prefix = testbed::ensure(flavour).unwrap();
    let mut client = prefix.mysql();
    let address = options.address();
    let (_, port) = address.rsplit_once(':').unwrap();
    client.args(["--host=127.0.0.1", "--protocol=tcp", "--user=repl", "--batch"]);
    client.args([format!("--port={port}"), format!("--password={password}")]);
    if flavour.is_mariadb() {
        client.arg("--skip-ssl");
        if let Some(plugins) = prefix.directory().and_then(mariadb_plugins) {
            client.arg(format!("--plugin-dir={}", plugins.display()));
        }
    } else {
        client.args(["--ssl-mode=disabled", "--get-server-public-key"]);
    }
    client.args(["-e", "select something"]);
    let output = tokio::task::spawn_blocking(move || client.output().unwrap()).await.unwrap();
    server.await.unwrap();
    output
}

/// Where a fetched MariaDB client has its authentication plugins.
fn mariadb_plugins(prefix: &Path) -> Option<PathBuf> {
    let libraries = fs::read_dir(prefix.join("root/usr/lib")).ok()?.filter_map(Result::ok);
    libraries.map(|dir| dir.path().join("libmariadb3/plugin")).find(|dir| dir.is_dir())
}

async fn gets_in_with_the_right_password_only(
    flavour: Flavour,
    credential: Credential,
    has_rsa_key: bool,
) {
    let case = format!("{flavour} {credential:?} {has_rsa_key}");
    let output = run_client(flavour, credential.clone(), has_rsa_key, "secret").await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{case}: {stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(stdout, "text\tnothing\tnumber\nhello\tNULL\t7\n", "{case}");

    let output = run_client(flavour, credential, has_rsa_key, "wrong").await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("ERROR 1045 (28000)"), "{case}: {stderr}");
}

fn stored_native() -> Credential {
    let hex = native::hash(b"secret").map(|b| format!("{b:02X}")).concat();
    Credential::from_stored(format!("*{hex}").as_bytes()).unwrap()
}

fn stored_crypt() -> Credential {
    Credential::from_stored(&CryptHash::generate(b"secret").stored()).unwrap()
}

#[tokio::test]
async fn mysqls_client_is_let_in_whatever_is_stored() {
    let flavour = Flavour::Mysql97;
    gets_in_with_the_right_password_only(flavour, Credential::from_password("secret"), false).await;
    gets_in_with_the_right_password_only(flavour, stored_crypt(), true).await;
    // It has no mysql_native_password any more, and still gets in by the hash of that.
    gets_in_with_the_right_password_only(flavour, stored_native(), true).await;
}

mod on_mariadb {
    use super::*;

    #[tokio::test]
    async fn mariadbs_client_is_let_in_whatever_is_stored() {
        let flavour = Flavour::Mariadb118;
        let known = Credential::from_password("secret");
        gets_in_with_the_right_password_only(flavour, known, false).await;
        gets_in_with_the_right_password_only(flavour, stored_crypt(), true).await;
        gets_in_with_the_right_password_only(flavour, stored_native(), false).await;
    }
}
