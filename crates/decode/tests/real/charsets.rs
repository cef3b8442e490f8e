//! Text in every character set becomes what the server makes of it.

use std::fmt::Write as _;

use binlogd_decode::Charset;
use testkit::Flavour;

use crate::model;

/// Of the codes of two bytes, every so many is tried.
const STEP: usize = 5;

/// All codes of one byte, or some of two.
fn codes(len_max: usize) -> Vec<String> {
    match len_max {
        1 => (0..=0xff).map(|code| format!("{code:02x}")).collect(),
        _ => (0x8130..=0xfefe).step_by(STEP).map(|code| format!("{code:04x}")).collect(),
    }
}

#[tokio::test]
async fn mysql_9_7_has_the_same_characters() {
    let mut connection = model::connect(&model::of(Flavour::Mysql97).server).await;
    connection.execute("set sql_mode = '', sql_log_bin = 0").await.unwrap();
    let list = "select character_set_name, maxlen from information_schema.character_sets \
                where character_set_name not in ('binary', 'ascii', 'ucs2') and character_set_name not like 'utf%'";
    let sets = connection.query_all(list).await.unwrap();
    assert_eq!(sets.len(), 33);
    let mut compared = 0;
    for row in sets {
        let name = row.text(0).unwrap().into_owned();
        let charset = Charset::of_name(&name).unwrap();
        let len_max: usize = row.text(1).unwrap().parse().unwrap();
        let mut insert = String::from("insert into columns_.codes values ");
        for (index, code) in codes(len_max).iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(insert, "{comma}(x'{code}', convert(x'{code}' using {name}))").unwrap();
        }
        let create = format!(
            "create temporary table columns_.codes (b varbinary(2), c varchar(2) character set {name})"
        );
        connection.execute(&create).await.unwrap();
        connection.execute(&insert).await.unwrap();
        // What is not well-formed was changed on the way in; what is no character becomes `?`.
        let select = "select b, convert(c using utf8mb4) from columns_.codes where hex(b) = hex(c) \
                      and convert(c using utf8mb4) not in ('?', _utf8mb4 x'efbfbd')";
        for row in connection.query_all(select).await.unwrap() {
            let (bytes, theirs) = (row.get(0).unwrap(), row.text(1).unwrap());
            let mut ours = Vec::new();
            if charset.to_utf8(bytes, &mut ours).is_ok() {
                let ours = String::from_utf8(ours).unwrap();
                let private = ('\u{e000}'..='\u{f8ff}').contains(&theirs.chars().next().unwrap());
                assert!(ours == theirs || private, "{name} {bytes:02x?}: {ours:?} {theirs:?}");
                compared += 1;
            } else {
                assert!(len_max > 1, "{name} {bytes:02x?} is {theirs}");
            }
        }
        connection.execute("drop temporary table columns_.codes").await.unwrap();
    }
    assert!(compared > 25_000, "{compared}");
}
