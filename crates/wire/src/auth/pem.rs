//! PEM, as far as public keys need it.

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LINE_LEN: usize = 64;

/// The DER bytes in a PEM public key; `None` if there is none.
pub(super) fn decode(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    let body: Vec<u8> = body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let unpadded = body.strip_suffix(b"==").or(body.strip_suffix(b"=")).unwrap_or(&body);
    if !body.len().is_multiple_of(4) || unpadded.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(body.len() / 4 * 3);
    for chunk in unpadded.chunks(4) {
        let mut bits = 0;
        for character in chunk {
            let value = ALPHABET.iter().position(|a| a == character)?;
            bits = bits << 6 | u32::try_from(value).ok()?;
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(&bytes[..chunk.len() - 1]);
    }
    Some(out)
}

/// A PEM public key of DER bytes.
pub(super) fn encode(der: &[u8]) -> String {
    let mut body = String::new();
    for chunk in der.chunks(3) {
        let mut bytes = [0; 4];
        bytes[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(bytes);
        for i in 0..4 {
            let value = (bits >> (18 - 6 * i)).to_le_bytes()[0] & 63;
            body.push(if i <= chunk.len() {
                char::from(ALPHABET[usize::from(value)])
            } else {
                '='
            });
        }
    }
    let mut pem = format!("{BEGIN}\n");
    for line in body.as_bytes().chunks(LINE_LEN) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem + END + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_its_specification() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            let pem = encode(bytes.as_bytes());
            assert_eq!(pem.lines().filter(|l| !l.starts_with('-')).collect::<String>(), text);
            assert_eq!(decode(&pem).unwrap(), bytes.as_bytes());
        }
        let long: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&long)).unwrap(), long);
        assert!(encode(&long).lines().all(|l| l.len() <= LINE_LEN));
    }

    #[test]
    fn what_is_no_pem_is_refused() {
        for body in ["Z", "Zg", "Zg=", "Z===", "Zm9v!", "Z$9v"] {
            assert_eq!(decode(&format!("{BEGIN}\n{body}\n{END}\n")), None, "{body}");
        }
        assert_eq!(decode("Zm9v"), None);
        assert_eq!(decode(&format!("{BEGIN}\nZm9v")), None);
    }
}
