//! A server of our own wire crate, for what no real server does on demand.

use binlogd_client::wire::auth::{
    self, AuthError, Credential, Outcome, ServerAuth, ServerAuthOptions, access_denied,
};
use binlogd_client::wire::command::Command;
use binlogd_client::wire::dump::{BinlogDump, DumpFlags, EventEncoder};
use binlogd_client::wire::handshake::{
    AuthSwitchRequest, ClientReply, Greeting, HandshakeResponse, Scramble,
};
use binlogd_client::wire::packet::{PacketReceiver, PacketWriter};
use binlogd_client::wire::response::OkPacket;
use binlogd_client::wire::{Capabilities, ErrorCode, ServerError, StatusFlags, WireError, charset};
use binlogd_client::{ClientError, ConnectOptions, Connection, DumpOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) const CAPABILITIES: Capabilities = Capabilities::PROTOCOL_41
    .with(Capabilities::LONG_PASSWORD)
    .with(Capabilities::SECURE_CONNECTION)
    .with(Capabilities::PLUGIN_AUTH)
    .with(Capabilities::PLUGIN_AUTH_LENENC_DATA);

pub(crate) const SCRAMBLE: Scramble = Scramble(*b"abcdefghijklmnopqrst");

/// One accepted connection.
pub(crate) struct Fake {
    stream: TcpStream,
    receiver: PacketReceiver,
}

impl Fake {
    pub(crate) async fn send(&mut self, payload: &[u8]) {
        let mut out = Vec::new();
        let mut packets = PacketWriter::new(self.receiver.decoder().sequence());
        packets.write(&mut out, payload);
        self.receiver.decoder().set_sequence(packets.sequence());
        self.stream.write_all(&out).await.unwrap();
    }

    pub(crate) async fn send_raw(&mut self, packets: &[u8]) {
        self.stream.write_all(packets).await.unwrap();
    }

    pub(crate) fn begin_command(&mut self) {
        self.receiver.decoder().set_sequence(0);
    }

    pub(crate) async fn send_built(&mut self, build: impl FnOnce(&mut Vec<u8>)) {
        let mut payload = Vec::new();
        build(&mut payload);
        self.send(&payload).await;
    }

    pub(crate) async fn receive(&mut self) -> Vec<u8> {
        while !self.receiver.poll().unwrap() {
            let len = self.stream.read(self.receiver.spare()).await.unwrap();
            assert!(len > 0, "the client is gone");
            self.receiver.filled(len);
        }
        self.receiver.payload().to_vec()
    }

    pub(crate) async fn greet(&mut self, capabilities: Capabilities, auth_plugin: &str) {
        let greeting = Greeting {
            server_version: "9.9.9-fake".to_owned(),
            connection_id: 7,
            scramble: SCRAMBLE,
            capabilities,
            charset: charset::UTF8MB4.to_le_bytes()[0],
            status: StatusFlags::AUTOCOMMIT,
            auth_plugin: auth_plugin.to_owned(),
        };
        self.send_built(|out| greeting.encode(out)).await;
    }

    pub(crate) async fn ok(&mut self) {
        self.send_built(|out| OkPacket::default().encode(out, CAPABILITIES)).await;
    }

    /// Greets, lets anybody in, and receives a command.
    async fn let_in_and_receive_command(&mut self) -> Vec<u8> {
        self.greet(CAPABILITIES, auth::MYSQL_NATIVE_PASSWORD).await;
        self.receive().await;
        self.ok().await;
        self.begin_command();
        self.receive().await
    }
}

/// Accepts one connection and plays `script` on it; the way there.
pub(crate) async fn serve<F, Fut>(script: F) -> (ConnectOptions, JoinHandle<()>)
where
    F: FnOnce(Fake) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        script(Fake { stream, receiver: PacketReceiver::new(1024, 1 << 20) }).await;
    });
    (ConnectOptions::new("127.0.0.1").port(port).user("repl").password("secret"), task)
}

/// Serves one login by the server's side of the authentication.
async fn serve_login(credential: Credential, greeted_plugin: &'static str) -> ConnectOptions {
    let (options, _) = serve(move |mut fake| async move {
        fake.greet(CAPABILITIES, greeted_plugin).await;
        let payload = fake.receive().await;
        let ClientReply::Handshake(HandshakeResponse { auth_plugin, auth_response, .. }) =
            ClientReply::parse(&payload).unwrap()
        else {
            panic!("no TLS was offered")
        };
        assert_eq!(auth_plugin, Some(greeted_plugin));
        let mut auth = ServerAuth::new(ServerAuthOptions {
            credential,
            scramble: SCRAMBLE,
            secure: false,
            rsa_key: None,
        });
        let mut reply = auth.start(auth_plugin, auth_response);
        loop {
            if let Some(payload) = &reply.payload {
                fake.send(payload).await;
            }
            match reply.outcome {
                Outcome::Continue => reply = auth.on_payload(&fake.receive().await),
                Outcome::Accepted => break fake.ok().await,
                Outcome::Denied => {
                    let error = access_denied("repl", "127.0.0.1", auth.used_password());
                    break fake.send_built(|out| error.encode(out)).await;
                }
            }
        }
    })
    .await;
    options
}

#[tokio::test]
async fn native_password_is_proved_also_after_a_switch() {
    let stored = || Credential::from_stored(b"*14E65567ABDB5135D0CFD9A70B3032C179A49EE7").unwrap();
    for greeted in [auth::MYSQL_NATIVE_PASSWORD, auth::CACHING_SHA2_PASSWORD] {
        let options = serve_login(stored(), greeted).await;
        let connection = Connection::connect(&options).await.unwrap();
        assert_eq!(connection.id(), 7);

        let options = serve_login(stored(), greeted).await.password("wrong");
        let error = Connection::connect(&options).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::ACCESS_DENIED));
        assert!(error.to_string().contains("'repl'@'127.0.0.1' (using password: YES)"));
    }
}

#[tokio::test]
async fn a_password_in_the_clear_is_refused_on_an_open_channel() {
    let (options, _task) = serve(|mut fake| async move {
        fake.greet(CAPABILITIES, auth::CACHING_SHA2_PASSWORD).await;
        fake.receive().await;
        let request = AuthSwitchRequest { plugin: auth::MYSQL_CLEAR_PASSWORD, data: b"" };
        fake.send_built(|out| request.encode(out)).await;
        // Nothing may come.
        assert_eq!(fake.stream.read(&mut [0; 100]).await.unwrap_or(0), 0);
    })
    .await;
    let error = Connection::connect(&options.allow_clear_password(true)).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Auth { error: AuthError::ClearPasswordRefused, .. }),
        "{error}"
    );
    _task.await.unwrap();
}

#[tokio::test]
async fn a_full_server_refuses_before_it_greets() {
    let (options, _) = serve(|mut fake| async move {
        fake.send(b"\xff\x10\x04Too many connections").await;
    })
    .await;
    let error = Connection::connect(&options).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::CON_COUNT));
    assert!(error.to_string().contains("refuses the connection: ERROR 1040"), "{error}");
}

#[tokio::test]
async fn bytes_slipped_in_before_tls_are_noticed() {
    let (options, _) = serve(|mut fake| async move {
        let mut bytes = Vec::new();
        let greeting = Greeting {
            server_version: "9.9.9-fake".to_owned(),
            connection_id: 7,
            scramble: SCRAMBLE,
            capabilities: CAPABILITIES | Capabilities::SSL,
            charset: 45,
            status: StatusFlags::AUTOCOMMIT,
            auth_plugin: auth::CACHING_SHA2_PASSWORD.to_owned(),
        };
        let mut packets = PacketWriter::new(0);
        packets.build(&mut bytes, |out| greeting.encode(out));
        packets.write(&mut bytes, b"\0\0\0\x02\0\0\0");
        fake.stream.write_all(&bytes).await.unwrap();
        let _ = fake.stream.read(&mut [0; 100]).await;
    })
    .await;
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(error.to_string().contains("Greeting before TLS: 11 bytes left over"), "{error}");
}

#[tokio::test]
async fn a_server_gone_during_the_login_is_said_so() {
    let (options, _) = serve(|mut fake| async move {
        fake.greet(CAPABILITIES, auth::CACHING_SHA2_PASSWORD).await;
        fake.receive().await;
    })
    .await;
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(error.to_string().contains("closed the connection during the login"), "{error}");
}

#[tokio::test]
async fn a_server_that_wants_a_local_file_gets_none() {
    let (options, _) = serve(|mut fake| async move {
        fake.let_in_and_receive_command().await;
        fake.send(b"\xfb/etc/passwd").await;
        let _ = fake.stream.read(&mut [0; 100]).await;
    })
    .await;
    let mut connection = Connection::connect(&options).await.unwrap();
    let error = connection.query("select 1").await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol { .. }), "{error}");
    let error = connection.ping().await.unwrap_err();
    assert!(matches!(error, ClientError::Unusable { .. }), "{error}");
}

#[tokio::test]
async fn a_row_with_too_few_values_is_an_error() {
    let (options, _) = serve(|mut fake| async move {
        fake.let_in_and_receive_command().await;
        fake.send(b"\x02").await;
        for name in ["a", "b"] {
            let column = binlogd_client::wire::resultset::ColumnDefinition::text(name);
            fake.send_built(|out| column.encode(out)).await;
        }
        fake.send(b"\xfe\0\0\x02\0").await;
        fake.send(b"\x01x").await;
        let _ = fake.stream.read(&mut [0; 100]).await;
    })
    .await;
    let mut connection = Connection::connect(&options).await.unwrap();
    let error = connection.query_all("select 1, 2").await.unwrap_err();
    assert!(error.to_string().contains("number of values"), "{error}");
}

const DUMP: BinlogDump<'_> =
    BinlogDump { position: 4, flags: DumpFlags(0), server_id: 1, file: b"binlog.000001" };

#[tokio::test]
async fn a_stream_cut_off_within_an_event_says_so() {
    for cut in [1, 4, 5, 30, 300] {
        let (options, _) = serve(move |mut fake| async move {
            let payload = fake.let_in_and_receive_command().await;
            assert_eq!(Command::parse(&payload, CAPABILITIES), Ok(Command::BinlogDump(DUMP)));
            let mut out = Vec::new();
            let mut encoder = EventEncoder::new(false);
            encoder.event(&mut out, &[1; 50], false);
            let whole = out.len();
            encoder.event(&mut out, &[2; 500], false);
            fake.stream.write_all(&out[..whole + cut]).await.unwrap();
        })
        .await;
        let connection = Connection::connect(&options).await.unwrap();
        // So small that the second event comes in parts.
        let dump_options = DumpOptions { buffer_len: 100, ..DumpOptions::default() };
        let mut stream = connection.dump(&DUMP, &dump_options).await.unwrap();
        let mut event = Vec::new();
        assert_eq!(stream.next_event(&mut event).await.unwrap(), Some(false));
        assert_eq!(event, [1; 50]);
        let error = stream.next_event(&mut event).await.unwrap_err();
        assert!(error.to_string().contains("closed the connection within an event"), "{error}");
    }
}

#[tokio::test]
async fn the_sources_error_ends_the_stream() {
    let (options, _) = serve(|mut fake| async move {
        fake.let_in_and_receive_command().await;
        let mut out = Vec::new();
        let mut encoder = EventEncoder::new(false);
        encoder.event(&mut out, &[1; 50], false);
        let error = ServerError::new(ErrorCode::SOURCE_FATAL_ERROR_READING_BINLOG, "purged");
        encoder.error(&mut out, &error);
        fake.stream.write_all(&out).await.unwrap();
    })
    .await;
    let connection = Connection::connect(&options).await.unwrap();
    let mut stream = connection.dump(&DUMP, &DumpOptions::default()).await.unwrap();
    assert!(stream.next_part().await.unwrap().unwrap().last);
    let error = stream.next_part().await.unwrap_err();
    assert!(error.to_string().ends_with("ERROR 1236 (HY000): purged"), "{error}");
}

#[tokio::test]
async fn packets_out_of_order_are_an_error() {
    let (options, _) = serve(|mut fake| async move {
        fake.let_in_and_receive_command().await;
        fake.receiver.decoder().set_sequence(9);
        fake.ok().await;
        let _ = fake.stream.read(&mut [0; 100]).await;
    })
    .await;
    let mut connection = Connection::connect(&options).await.unwrap();
    match connection.ping().await.unwrap_err() {
        ClientError::Protocol { error, .. } => {
            assert_eq!(error, WireError::OutOfOrder { expected: 1, found: 9 });
        }
        other => panic!("{other}"),
    }
}
