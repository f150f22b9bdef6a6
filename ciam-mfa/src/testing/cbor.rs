//! As much CBOR (RFC 8949) as an attestation takes: written, not read.

/// A map of `pairs` that follow.
pub(super) fn map(out: &mut Vec<u8>, pairs: usize) {
    head(out, 5, pairs);
}

/// A text.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    head(out, 3, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// A string of bytes.
pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, 2, bytes.len());
    out.extend_from_slice(bytes);
}

/// A number from -256 to 255.
pub(super) fn number(out: &mut Vec<u8>, number: i16) {
    let (major, size) = if number < 0 { (1, -1 - number) } else { (0, number) };
    head(out, major, size.unsigned_abs().into());
}

/// The major type and the argument, in its shortest form (§4.2.1).
fn head(out: &mut Vec<u8>, major: u8, argument: usize) {
    let major = major << 5;
    match (u8::try_from(argument), u16::try_from(argument)) {
        (Ok(small @ 0..24), _) => out.push(major | small),
        (Ok(byte), _) => out.extend_from_slice(&[major | 24, byte]),
        (_, Ok(word)) => {
            out.push(major | 25);
            out.extend_from_slice(&word.to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&(argument as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of RFC 8949 appendix A.
    #[test]
    fn heads_are_the_shortest() {
        let written = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            out
        };
        for (value, encoded) in [(0, vec![0x00]), (23, vec![0x17]), (24, vec![0x18, 0x18]), (100, vec![0x18, 0x64])] {
            assert_eq!(written(&|out| number(out, value)), encoded, "{value}");
        }
        for (value, encoded) in [(-1, vec![0x20]), (-10, vec![0x29]), (-100, vec![0x38, 0x63])] {
            assert_eq!(written(&|out| number(out, value)), encoded, "{value}");
        }
        assert_eq!(written(&|out| text(out, "IETF")), [0x64, 0x49, 0x45, 0x54, 0x46]);
        assert_eq!(written(&|out| bytes(out, &[1, 2, 3, 4])), [0x44, 1, 2, 3, 4]);
        assert_eq!(written(&|out| map(out, 5)), [0xa5]);
        assert_eq!(written(&|out| bytes(out, &[0; 300]))[..3], [0x59, 0x01, 0x2c]);
    }
}
