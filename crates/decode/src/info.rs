//! The Info column of `SHOW BINLOG EVENTS`, with what it takes a decoder to say.

use binlogd_event::body::{Body, UserVarType};
use binlogd_event::{EventHeader, EventKind, FormatDescription};

use crate::Decimal;

/// What a value is shown as that [`binlogd_event::info`] cannot read.
const UNREAD: &[u8] = b"=???";

/// What an event, without its checksum and maybe cut short, says in the column Info of MySQL's
/// `SHOW BINLOG EVENTS`: [`binlogd_event::info`], and the values of exact numbers.
#[must_use]
pub fn info(header: &EventHeader, event: &[u8], format: &FormatDescription) -> Vec<u8> {
    let mut text = binlogd_event::info(header, event, format);
    if header.kind == EventKind::USER_VAR
        && text.ends_with(UNREAD)
        && let Ok(Body::UserVar(var)) = Body::parse(header, event, format)
        && let Some(value) = var.value.filter(|value| value.kind == UserVarType::DECIMAL)
        && let Ok(number) = Decimal::from_user_var(value.bytes)
    {
        let mut digits = Vec::new();
        if number.write(&mut digits).is_ok() {
            text.truncate(text.len() + 1 - UNREAD.len());
            text.append(&mut digits);
        }
    }
    text
}
