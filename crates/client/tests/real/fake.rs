//! A server of our own wire crate, for what no real server does on demand.

use std::time::Duration;

use binlogd_client::wire::auth::{
    self, AccountKinds, AuthError, Credential, Outcome, ServerAuth, ServerAuthOptions,
    access_denied,
};
use binlogd_client::wire::command::Command;
use binlogd_client::wire::dump::{BinlogDump, DumpFlags, EventEncoder};
use binlogd_client::wire::handshake::{
    AuthSwitchRequest, ClientReply, Greeting, HandshakeResponse, Scramble,
};
use binlogd_client::wire::packet::{PacketReceiver, PacketWriter};
use binlogd_client::wire::response::OkPacket;
use binlogd_client::wire::{Capabilities, ErrorCode, ServerError, StatusFlags, WireError, charset};
use binlogd_client::{
    AnswerLimits, ClientError, ConnectOptions, Connection, DumpOptions, Exceeded,
};
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
        self.take_charset().await;
        self.begin_command();
        self.receive().await
    }

    /// Answers what a client says first of all.
    pub(crate) async fn take_charset(&mut self) {
        self.begin_command();
        assert_eq!(self.receive().await, b"\x03SET NAMES utf8mb4");
        self.ok().await;
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
            kinds: AccountKinds::of([&credential]),
            credential,
            scramble: SCRAMBLE,
            secure: false,
            rsa_key: None,
        });
        let mut reply = auth.start(auth_plugin, auth_response, greeted_plugin);
        loop {
            if let Some(payload) = &reply.payload {
                fake.send(payload).await;
            }
            match reply.outcome {
                Outcome::Continue => reply = auth.on_payload(&fake.receive().await),
                Outcome::Accepted => {
                    fake.ok().await;
                    break fake.take_charset().await;
                }
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

/// The head of a result set of two columns.
async fn send_columns(fake: &mut Fake) {
    fake.send(b"\x02").await;
    for name in ["a", "b"] {
        let column = binlogd_client::wire::resultset::ColumnDefinition::text(name);
        fake.send_built(|out| column.encode(out)).await;
    }
    fake.send(b"\xfe\0\0\x02\0").await;
}

/// Sends until the client has closed the connection.
async fn send_for_ever(fake: &mut Fake, payloads: &[&[u8]]) {
    loop {
        let mut out = Vec::new();
        let mut packets = PacketWriter::new(fake.receiver.decoder().sequence());
        while out.len() < 1 << 20 {
            payloads.iter().for_each(|payload| packets.write(&mut out, payload));
        }
        fake.receiver.decoder().set_sequence(packets.sequence());
        if fake.stream.write_all(&out).await.is_err() {
            return;
        }
    }
}

/// A connection to a server whose answer to the first command has these payloads after its columns, again
/// and again.
async fn endless(
    payloads: &'static [&'static [u8]],
    limits: AnswerLimits,
) -> (Connection, JoinHandle<()>) {
    let (options, task) = serve(move |mut fake| async move {
        fake.let_in_and_receive_command().await;
        send_columns(&mut fake).await;
        send_for_ever(&mut fake, payloads).await;
    })
    .await;
    (Connection::connect(&options.answer_limits(limits)).await.unwrap(), task)
}

const ROW: &[u8] = b"\x01x\x01y";

#[tokio::test]
async fn an_endless_answer_ends_at_its_limits() {
    let limits = AnswerLimits { rows: 1000, ..AnswerLimits::default() };
    let (mut connection, task) = endless(&[ROW], limits).await;
    let error = connection.query_all("show binary logs").await.unwrap_err();
    let ClientError::AnswerTooLong { limit: Exceeded::Rows(1000), .. } = &error else {
        panic!("{error}")
    };
    assert!(error.to_string().contains("more than 1000 rows"), "{error}");
    assert!(matches!(connection.ping().await, Err(ClientError::Unusable { .. })));
    drop(connection);
    task.await.unwrap();

    // Also what nobody wants to read.
    let (mut connection, task) = endless(&[ROW], limits).await;
    connection.query_first("show binary logs").await.unwrap().unwrap();
    let error = connection.ping().await.unwrap_err();
    assert!(matches!(error, ClientError::AnswerTooLong { .. }), "{error}");
    drop(connection);
    task.await.unwrap();
}

#[tokio::test]
async fn an_answer_has_a_limit_of_memory_by_default() {
    let long = vec![b'x'; 1 << 20];
    let row = [b"\x01x\xfd\0\0\x10".as_slice(), &long].concat().leak();
    let payloads: &[&[u8]] = vec![&*row].leak();
    let (mut connection, task) = endless(payloads, AnswerLimits::default()).await;
    let error = connection.query_all("show global variables").await.unwrap_err();
    let limit = AnswerLimits::default().bytes;
    let exceeded = matches!(
        error, ClientError::AnswerTooLong { limit: Exceeded::Bytes(bytes), .. } if bytes == limit
    );
    assert!(exceeded, "{error}");
    drop(connection);
    task.await.unwrap();
}

#[tokio::test]
async fn result_sets_without_end_are_one_answer() {
    // The end of the rows, which says that more sets follow: OK packets that say the same.
    const MORE: &[u8] = b"\xfe\0\0\x0a\0";
    const OK_AND_MORE: &[u8] = b"\0\0\0\x0a\0\0\0";
    let limits = AnswerLimits { bytes: 1 << 16, ..AnswerLimits::default() };
    let (options, task) = serve(|mut fake| async move {
        fake.let_in_and_receive_command().await;
        send_columns(&mut fake).await;
        fake.send(MORE).await;
        send_for_ever(&mut fake, &[OK_AND_MORE]).await;
    })
    .await;
    let options = options.answer_limits(limits).max_payload_len(1 << 10);
    let mut connection = Connection::connect(&options).await.unwrap();
    let error = connection.execute("set @a = 1").await.unwrap_err();
    let exceeded =
        matches!(error, ClientError::AnswerTooLong { limit: Exceeded::Bytes(0x10000), .. });
    assert!(exceeded, "{error}");
    drop(connection);
    task.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_not_waited_for_for_ever() {
    let (options, _task) = serve(|mut fake| async move {
        fake.let_in_and_receive_command().await;
        send_columns(&mut fake).await;
        fake.send(ROW).await;
        let _ = fake.stream.read(&mut [0; 100]).await;
    })
    .await;
    let limits = AnswerLimits { time: Duration::from_millis(300), ..AnswerLimits::default() };
    let mut connection = Connection::connect(&options.answer_limits(limits)).await.unwrap();
    let error = connection.query_all("show binary logs").await.unwrap_err();
    assert!(matches!(error, ClientError::AnswerTooLate { .. }), "{error}");
    assert!(error.to_string().contains("within 0.3 s"), "{error}");
}

#[tokio::test]
async fn a_login_without_end_is_given_up() {
    // caching_sha2_password: the proof is right, again and again.
    let (options, task) = serve(|mut fake| async move {
        fake.greet(CAPABILITIES, auth::CACHING_SHA2_PASSWORD).await;
        fake.receive().await;
        send_for_ever(&mut fake, &[b"\x01\x03"]).await;
    })
    .await;
    let options = options.connect_timeout(Duration::from_secs(60));
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(matches!(error, ClientError::Auth { .. }), "{error}");
    task.await.unwrap();
}

#[tokio::test]
async fn a_proxy_that_ignores_character_sets_is_noticed() {
    let (options, _task) = serve(|mut fake| async move {
        fake.let_in_and_receive_command().await;
        fake.send(b"\x01").await;
        let column = binlogd_client::wire::resultset::ColumnDefinition::text("@@c");
        fake.send_built(|out| column.encode(out)).await;
        fake.send(b"\xfe\0\0\x02\0").await;
        fake.send(b"\x03gbk").await;
        fake.send(b"\xfe\0\0\x02\0").await;
    })
    .await;
    let mut connection = Connection::connect(&options).await.unwrap();
    let error = connection.verify_charset("utf8mb4").await.unwrap_err();
    assert!(
        error.to_string().contains("reads statements as gbk although utf8mb4 was set"),
        "{error}"
    );
}
