//! Dumps of any kind, compared event for event and byte for byte.

use super::PATIENCE;
use binlogd_client::wire::dump::{BinlogDump, BinlogDumpGtid, DumpFlags};
use binlogd_client::{ClientError, ConnectOptions, Connection, DumpOptions};
use binlogd_event::{EventHeader, EventKind, GtidSet};
use testkit::Endpoint;

/// Where a reader starts.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) file: String,
    pub(crate) position: u64,
    pub(crate) has: Option<String>,
    pub(crate) flags: DumpFlags,
    /// What the session says before.
    pub(crate) says: String,
}

/// All events of a dump that does not wait, and the error that ended it, if one did.
pub(crate) async fn dump(from: &Endpoint, ask: &Ask) -> Dump {
    dump_until(from, ask, DumpFlags::NON_BLOCKING, |_| false).await
}

/// The events of a dump up to one that `is_last`.
async fn dump_until(
    from: &Endpoint,
    ask: &Ask,
    flags: DumpFlags,
    is_last: impl Fn(&EventHeader) -> bool,
) -> (Vec<Vec<u8>>, Option<String>) {
    let options = ConnectOptions::new(&from.host)
        .port(from.port)
        .user(&from.user)
        .password(from.password.as_str());
    let mut connection = Connection::connect(&options).await.unwrap();
    if !ask.says.is_empty() {
        connection.execute(&ask.says).await.unwrap();
    }
    let flags = ask.flags | flags;
    let (server_id, file) = (4242, ask.file.as_bytes());
    let options = DumpOptions::default();
    let stream = match &ask.has {
        Some(set) => {
            let gtid_set = set.parse::<GtidSet>().unwrap().to_bytes();
            let (position, gtid_set) = (ask.position, gtid_set.as_slice());
            let command = BinlogDumpGtid { flags, server_id, file, position, gtid_set };
            connection.dump_gtid(&command, &options).await
        }
        None => {
            let position = u32::try_from(ask.position).unwrap();
            let command = BinlogDump { position, flags, server_id, file };
            connection.dump(&command, &options).await
        }
    };
    let mut stream = stream.unwrap();
    let mut events = Vec::new();
    loop {
        let mut event = Vec::new();
        let coming = tokio::time::timeout(PATIENCE, stream.next_event(&mut event)).await;
        match coming
            .unwrap_or_else(|_| panic!("nothing more came from {from:?}: {ask:?}, {events:?}"))
        {
            Ok(Some(_)) => {
                let header = EventHeader::parse(&event).unwrap();
                events.push(event);
                if is_last(&header) {
                    return (events, None);
                }
            }
            Ok(None) => return (events, None),
            Err(ClientError::Server { error, .. }) => return (events, Some(error.to_string())),
            Err(error) => return (events, Some(error.to_string())),
        }
    }
}

/// Blanks the server id of events that the server made for the reader, and so their checksum.
fn normalised(mut event: Vec<u8>) -> Vec<u8> {
    let header = EventHeader::parse(&event).unwrap();
    if header.is_artificial() && header.kind == EventKind::GTID_LIST && event.len() > 29 {
        // MariaDB lists domains in the order of a hash table.
        let entries = 23..event.len() - 4;
        let mut sorted: Vec<_> = event[entries.clone()].chunks(16).map(<[u8]>::to_vec).collect();
        sorted.sort();
        event[entries].copy_from_slice(&sorted.concat());
    }
    if header.is_artificial() && header.kind != EventKind::FORMAT_DESCRIPTION {
        event[5..9].fill(0);
        let crc = event.len() - 4;
        // Names of files end with digits.
        let carries_one = !event[crc..].iter().all(u8::is_ascii_digit);
        if carries_one {
            event[crc..].fill(0);
        }
    }
    event
}

/// Asserts that one server answers as the other does.
pub(crate) async fn assert_same(primary: &Endpoint, ours: &Endpoint, ask: &Ask) {
    assert_all_same(primary, ours, std::slice::from_ref(ask)).await;
}

/// Asserts that one server answers each of these as the other does.
pub(crate) async fn assert_all_same(primary: &Endpoint, ours: &Endpoint, asks: &[Ask]) {
    let mut differ = Vec::new();
    for ask in asks {
        differ.extend(difference(dump(primary, ask).await, dump(ours, ask).await, ask));
    }
    assert!(differ.is_empty(), "{} of {}:\n{}", differ.len(), asks.len(), differ.join("\n"));
}

/// What a server answers to each of these, to be compared with another one's answers later.
pub(crate) async fn answers(of: &Endpoint, asks: &[Ask]) -> Vec<Dump> {
    let mut answers = Vec::new();
    for ask in asks {
        answers.push(dump(of, ask).await);
    }
    answers
}

/// Asserts that a server answers each of these as another one did.
pub(crate) async fn assert_answers(theirs: &[Dump], ours: &Endpoint, asks: &[Ask]) {
    let mut differ = Vec::new();
    for (ask, theirs) in asks.iter().zip(theirs) {
        differ.extend(difference(theirs.clone(), dump(ours, ask).await, ask));
    }
    assert!(differ.is_empty(), "{} of {}:\n{}", differ.len(), asks.len(), differ.join("\n"));
}

/// Asserts that a reader that has to wait is sent what the primary sends, and heartbeats before that.
pub(crate) async fn assert_same_after_waiting(primary: &Endpoint, ours: &Endpoint, ask: &Ask) {
    let wait = DumpFlags::default();
    let mut theirs = dump_until(primary, ask, wait, |header| header.kind.is_heartbeat()).await;
    let end = EventHeader::parse(theirs.0.last().unwrap()).unwrap().log_pos;
    let is_end = |header: &EventHeader| header.kind.is_heartbeat() && header.log_pos == end;
    let mut ours = dump_until(ours, ask, wait, is_end).await;
    let is_kept = |event: &Vec<u8>| {
        let header = EventHeader::parse(event).unwrap();
        !header.kind.is_heartbeat() || is_end(&header)
    };
    let sent = ours.0.len();
    ours.0.retain(is_kept);
    assert!(ours.0.len() < sent, "no heartbeat while it waited: {ours:?}");
    theirs.0.retain(is_kept);
    if let Some(differs) = difference(theirs, ours, ask) {
        panic!("{differs}");
    }
}

/// Asserts that both send the same up to the first heartbeat behind the end, and in the same form.
pub(crate) async fn assert_same_heartbeats(primary: &Endpoint, ours: &Endpoint, asks: &[Ask]) {
    let wait = DumpFlags::default();
    let is_heartbeat = |header: &EventHeader| header.kind.is_heartbeat();
    for ask in asks {
        let theirs = dump_until(primary, ask, wait, is_heartbeat).await;
        let ours = dump_until(ours, ask, wait, is_heartbeat).await;
        assert!(theirs.1.is_none(), "{theirs:?}");
        if let Some(differs) = difference(theirs, ours, ask) {
            panic!("{differs}");
        }
    }
}

/// Events, and the error that ended them.
pub(crate) type Dump = (Vec<Vec<u8>>, Option<String>);

fn difference((theirs, their_error): Dump, (ours, our_error): Dump, ask: &Ask) -> Option<String> {
    let theirs: Vec<_> = theirs.into_iter().map(normalised).collect();
    let ours: Vec<_> = ours.into_iter().map(normalised).collect();
    assert!(ours.len() >= 2 || our_error.is_some(), "{ask:?}");
    let differs = (0..ours.len().max(theirs.len())).find(|&n| ours.get(n) != theirs.get(n));
    if let Some(n) = differs {
        let show = |event: Option<&Vec<u8>>| {
            event.map(|e| (EventHeader::parse(e).unwrap(), e[19..e.len().min(80)].to_vec()))
        };
        let (a, b) = (show(ours.get(n)), show(theirs.get(n)));
        return Some(format!(
            "{ask:?}: event {n}:\n ours   {a:?}\n theirs {b:?}\n{our_error:?} {their_error:?}"
        ));
    }
    let first = |error: &Option<String>| {
        error.as_ref().map(|text| text.split(';').next().unwrap().to_owned())
    };
    (first(&our_error) != first(&their_error))
        .then(|| format!("{ask:?}:\n ours   {our_error:?}\n theirs {their_error:?}"))
}
