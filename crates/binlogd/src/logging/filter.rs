//! Which lines are logged: what `RUST_LOG` says, if it can be meant.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// What is logged unless `RUST_LOG` says otherwise.
const DEFAULT: &str = "info";

/// The crates that log, by the beginnings of their names.
const CRATES: [&str; 5] = ["binlogd", "rustls", "tokio", "mio", "h2"];

/// The filter that `RUST_LOG` asks for; the default and a complaint where it cannot be meant.
pub(super) fn from_environment() -> (EnvFilter, Option<String>) {
    match std::env::var_os("RUST_LOG").filter(|text| !text.is_empty()) {
        None => (EnvFilter::new(DEFAULT), None),
        Some(text) => parse(&text.to_string_lossy()),
    }
}

fn parse(text: &str) -> (EnvFilter, Option<String>) {
    // Errors are hidden only where `off` says so: a filter for one crate is not about the others' errors.
    let parsed = match unknown_name(text) {
        Some(name) => Err(format!("'{name}' is neither a level nor a part of binlogd")),
        None => EnvFilter::try_new(format!("error,{text}")).map_err(|error| error.to_string()),
    };
    match parsed {
        Ok(filter) => (filter, None),
        Err(what) => {
            let complaint = format!(
                "RUST_LOG is '{text}': {what}. Logging with '{DEFAULT}'; write a level (error, warn, info, \
                 debug, trace) or a list such as info,binlogd_server=debug"
            );
            (EnvFilter::new(DEFAULT), Some(complaint))
        }
    }
}

/// A word that a typo may have made of a level: taken as a crate's name it would hide everything.
fn unknown_name(text: &str) -> Option<&str> {
    text.split(',').map(str::trim).find_map(|directive| {
        let end = directive.find(['=', '[']).unwrap_or(directive.len());
        let (name, rest) = directive.split_at(end);
        let is_level = rest.is_empty() && name.parse::<LevelFilter>().is_ok();
        let is_crate = CRATES.iter().any(|known| name.starts_with(known));
        (!name.is_empty() && !is_level && !is_crate).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_reported_and_hides_nothing() {
        for typo in
            ["inof", "info,wran", "binlogd=inof", "binlgod_server=debug", "info=", "info;warn"]
        {
            let (filter, complaint) = parse(typo);
            assert_eq!(filter.to_string(), DEFAULT, "{typo}");
            let complaint = complaint.unwrap_or_else(|| panic!("{typo} is taken"));
            assert!(complaint.contains(typo) && complaint.contains("info,binlogd_"), "{complaint}");
        }
    }

    #[test]
    fn what_can_be_meant_is_taken_and_errors_stay_visible() {
        for good in [
            "debug",
            "WARN",
            "off",
            "3",
            "info,binlogd_store=trace",
            "binlogd_server::follow=debug",
            "[downstream{stream=a}]=debug",
            "rustls=warn, debug",
        ] {
            assert_eq!(parse(good).1, None, "{good}");
        }
        // A filter for one crate is not about the errors of the others.
        assert_eq!(
            parse("binlogd_server=debug").0.to_string(),
            EnvFilter::new("error,binlogd_server=debug").to_string()
        );
        assert_eq!(parse("off").0.to_string(), "off");
    }
}
