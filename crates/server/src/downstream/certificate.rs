//! How long certificates are valid: clients that verify them refuse one that is not, and say so only to
//! their own users.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_util::sync::CancellationToken;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::upstream::now_s;

/// So long before its end a certificate is reported.
const NOTICE_S: i64 = 30 * 86_400;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(86_400);

/// Logs a warning for each certificate in `files` that is not valid or will not be for long, now and once a day.
pub(super) async fn watch(files: Vec<PathBuf>, stop: CancellationToken) {
    loop {
        for concern in files.iter().flat_map(|path| concerns(path, now_s())) {
            tracing::warn!("{concern}");
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// What is wrong with the times of the certificates in a PEM file, in seconds since 1970. A file that cannot
/// be read is found out by whoever uses it.
fn concerns(path: &Path, now_s: i64) -> Vec<String> {
    let Ok(certificates) = CertificateDer::pem_file_iter(path) else { return Vec::new() };
    let concern = |certificate: CertificateDer<'static>| {
        let (_, certificate) = parse_x509_certificate(&certificate).ok()?;
        let (subject, validity) = (certificate.subject(), certificate.validity());
        let what = if now_s < validity.not_before.timestamp() {
            format!("is not valid before {}. Is the system clock right?", validity.not_before)
        } else if now_s > validity.not_after.timestamp() {
            format!("expired on {}. Replace it and restart binlogd", validity.not_after)
        } else if now_s > validity.not_after.timestamp().saturating_sub(NOTICE_S) {
            format!("expires on {}. Replace it and restart binlogd before", validity.not_after)
        } else {
            return None;
        };
        Some(format!("{}: the certificate of '{subject}' {what}", path.display()))
    };
    certificates.flatten().filter_map(concern).collect()
}

/// Those of `names` that the first certificate in a PEM file is not for.
pub(super) fn lacking<'a>(path: &Path, names: &'a [String]) -> Vec<&'a str> {
    let chain = CertificateDer::pem_file_iter(path).ok().and_then(|mut chain| chain.next());
    let Some(Ok(certificate)) = chain else { return Vec::new() };
    let Ok((_, certificate)) = parse_x509_certificate(&certificate) else { return Vec::new() };
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let known = |name: &str| {
        let address = name.parse::<IpAddr>().ok().map(|address| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        });
        let is = |general: &GeneralName<'_>| match (general, &address) {
            (GeneralName::DNSName(dns), None) => dns.eq_ignore_ascii_case(name),
            (GeneralName::IPAddress(bytes), Some(address)) => bytes == address,
            _ => false,
        };
        alternatives.as_ref().is_some_and(|names| names.value.general_names.iter().any(is))
    };
    names.iter().map(String::as_str).filter(|name| !known(name)).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_is_reported_before_and_after_its_end() {
        let mut params = CertificateParams::new(vec!["db1".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        std::fs::write(&path, certificate.pem()).unwrap();
        let end = params.not_after.unix_timestamp();
        for (now_s, words) in [
            (params.not_before.unix_timestamp() - 1, Some("is not valid before")),
            (end - NOTICE_S, None),
            (end - NOTICE_S + 1, Some("expires on")),
            (end, Some("expires on")),
            (end + 1, Some("expired on")),
        ] {
            let found = concerns(&path, now_s);
            assert_eq!(found.len(), usize::from(words.is_some()), "{found:?}");
            assert!(words.is_none_or(|words| found[0].contains(words)), "{found:?}");
        }
        assert!(concerns(Path::new("/nowhere"), end + 1).is_empty());
    }

    #[test]
    fn names_that_a_certificate_is_not_for_are_found() {
        let for_names = ["db1.example.com", "10.1.2.3", "fe80::1"].map(str::to_owned);
        let params = CertificateParams::new(for_names.to_vec()).unwrap();
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        std::fs::write(&path, certificate.pem()).unwrap();
        assert!(lacking(&path, &for_names).is_empty());
        let others = ["DB1.example.com", "db2.example.com", "10.1.2.4"].map(str::to_owned);
        assert_eq!(lacking(&path, &others), ["db2.example.com", "10.1.2.4"]);
    }
}
