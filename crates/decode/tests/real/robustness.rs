//! Damaged bytes: an error that says where, or other values; never a panic, never much memory.

use binlogd_decode::{Body, DecodeError, Decoder, Event, Events, Flaw, Limits, Value, ValueError};
use binlogd_event::body::Body as Plain;
use binlogd_event::{EventHeader, EventKind};
use testkit::Flavour;

use crate::model;

/// Longer events are much like shorter ones of their type.
const EVENT_MAX: usize = 400;
/// Events of each type that are damaged.
const EVENTS_OF_A_TYPE: usize = 12;
/// No damage makes more of one event than its bytes and what compression can do.
const OUTPUT_MAX: usize = 1 << 20;
/// Of a long event each byte may be written twice as an escape of six, twice as two digits, and as it is.
const OUTPUT_RATIO_MAX: usize = 6 + 6 + 2 + 2 + 1;

/// Decodes and writes all that is in an event.
fn exhaust(event: Event<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    match event.body {
        Body::Rows(rows) => {
            for row in rows {
                let row = row?;
                for image in [row.before, row.after].into_iter().flatten() {
                    for item in image {
                        let (column, value) = item?;
                        let at = |error| image.error(column, error);
                        value.write_text(out).map_err(at)?;
                        value.write_json(out).map_err(at)?;
                        match value.write_sql(out) {
                            // MySQL 5.6 does not tell.
                            Err(ValueError::UnknownSign { .. }) => {}
                            written => written.map_err(at)?,
                        }
                        if let Value::Geometry(geometry) = value {
                            geometry.write_wkt(out).map_err(at)?;
                        }
                    }
                    image.write_json(out)?;
                }
            }
        }
        Body::Other(Plain::Query(query)) => query.status_vars.iter().for_each(drop),
        Body::Other(Plain::PreviousGtids(set)) => drop(set.set()),
        Body::Other(Plain::GtidList(list)) => list.iter().for_each(drop),
        Body::Other(Plain::TransactionContext(context)) => {
            assert!(context.write_set.iter().count() <= context.write_set.count() as usize);
        }
        _ => {}
    }
    Ok(())
}

/// The event with each bit flipped, and cut short everywhere with and without a size that says so.
fn mutants(event: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let flipped = (0..event.len() * 8).map(|bit| {
        let mut mutant = event.to_vec();
        mutant[bit / 8] ^= 1 << (bit % 8);
        mutant
    });
    let cut = (0..event.len()).flat_map(|len| {
        let mut mutant = event[..len].to_vec();
        let honest = mutant.clone();
        if let Some(size) = mutant.get_mut(9..13) {
            size.copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
        }
        [honest, mutant]
    });
    flipped.chain(cut)
}

/// Counts mutants that failed and that did not.
fn damage(flavour: Flavour) -> [usize; 2] {
    let mut counts = [0; 2];
    let mut seen = [0; 256];
    let mut out = Vec::new();
    for (_, bytes) in &model::of(flavour).files {
        let mut decoder = Decoder::new();
        let events: Vec<_> = Events::new(bytes).map(|(at, e)| (at, e.unwrap())).collect();
        for (index, &(offset, event)) in events.iter().enumerate() {
            let kind = EventHeader::parse(event).unwrap().kind;
            seen[usize::from(kind.0)] += 1;
            let wanted = event.len() <= EVENT_MAX && seen[usize::from(kind.0)] <= EVENTS_OF_A_TYPE;
            for mutant in mutants(event).take(if wanted { usize::MAX } else { 0 }) {
                out.clear();
                // Rows need the tables before them; nothing else that is damaged may be remembered.
                let is_rows = kind.is_rows()
                    && kind != EventKind::TABLE_MAP
                    && mutant.get(4) == Some(&kind.0);
                let mut fresh = match decoder.format() {
                    Some(format) => Decoder::new().with_format(format.clone()),
                    None => Decoder::new(),
                };
                let decoder = if is_rows { &mut decoder } else { &mut fresh };
                let result = decoder.walk(offset, &mutant, |event| exhaust(event, &mut out));
                counts[usize::from(result.is_ok())] += 1;
                if let Err(error) = result {
                    assert_eq!(error.place().offset, offset, "{error}");
                } else if !is_rows && let Some((at, rows)) = events.get(index + 1) {
                    // Good rows by a damaged table map.
                    let _ = decoder.walk(*at, rows, |event| exhaust(event, &mut out));
                }
                let rows_len = events.get(index + 1).map_or(0, |(_, rows)| rows.len());
                let limit = OUTPUT_MAX.max(rows_len * OUTPUT_RATIO_MAX);
                assert!(out.len() < limit, "{kind} at {offset}: {} bytes", out.len());
            }
            out.clear();
            decoder.walk(offset, event, |event| exhaust(event, &mut out)).unwrap();
        }
    }
    counts
}

/// The flaws that a decoder with these limits finds in a server's files.
fn flaws(flavour: Flavour, limits: Limits) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (_, bytes) in &model::of(flavour).files {
        let mut decoder = Decoder::with_limits(limits);
        for (offset, event) in Events::new(bytes) {
            let result = decoder.walk(offset, event.unwrap(), |_| Ok::<(), DecodeError>(()));
            flaws.extend(result.err().map(|error| error.flaw().clone()));
        }
    }
    flaws
}

#[test]
fn limits_on_decompression_and_tables_hold() {
    assert_eq!(flaws(Flavour::Mysql97, Limits::default()), []);
    let limits = Limits { payload_max: 1000, ..Limits::default() };
    let too_large = Flaw::TooLarge { limit: 1000, name: "payload_max" };
    assert!(flaws(Flavour::Mysql97, limits).contains(&too_large));
    let limits = Limits { inflated_event_max: 1000, ..Limits::default() };
    let too_large = Flaw::TooLarge { limit: 1000, name: "inflated_event_max" };
    assert!(flaws(Flavour::Mysql97, limits).contains(&too_large));
    // Tables of earlier statements make room: only several in one statement are too many.
    let limits = Limits { tables_max: 1, ..Limits::default() };
    assert!(flaws(Flavour::Mysql97, limits).len() < 5);
    let limits = Limits { tables_max: 0, ..Limits::default() };
    assert!(flaws(Flavour::Mysql97, limits).contains(&Flaw::TooManyTables { limit: 0 }));
}

#[test]
fn no_damage_to_events_of_mysql_9_7_does_harm() {
    let [failed, decoded] = damage(Flavour::Mysql97);
    assert!(failed > 10_000 && decoded > 10_000, "{failed} failed, {decoded} decoded");
}

mod on_mysql_5_6 {
    use super::*;

    #[test]
    fn no_damage_to_events_of_mysql_5_6_does_harm() {
        let [failed, decoded] = damage(Flavour::Mysql56);
        assert!(failed > 10_000 && decoded > 10_000, "{failed} failed, {decoded} decoded");
    }
}

mod on_mariadb {
    use super::*;

    #[test]
    fn limits_on_decompression_hold() {
        assert_eq!(flaws(Flavour::Mariadb118, Limits::default()), []);
        let limits = Limits { inflated_event_max: 1000, ..Limits::default() };
        let too_large = Flaw::TooLarge { limit: 1000, name: "inflated_event_max" };
        assert!(flaws(Flavour::Mariadb118, limits).contains(&too_large));
    }

    #[test]
    fn no_damage_to_events_of_mariadb_11_8_does_harm() {
        let [failed, decoded] = damage(Flavour::Mariadb118);
        assert!(failed > 10_000 && decoded > 10_000, "{failed} failed, {decoded} decoded");
    }

    #[test]
    fn no_damage_to_events_of_mariadb_10_11_does_harm() {
        let [failed, decoded] = damage(Flavour::Mariadb1011);
        assert!(failed > 10_000 && decoded > 10_000, "{failed} failed, {decoded} decoded");
    }
}
