use crate::reason::Reason;

/// What the `Authorization` header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Authorization<'a> {
    Bearer(&'a [u8]),
    /// No header, or another scheme's.
    NotBearer,
}

/// RFC 6750, section 2.1: the scheme in any case (RFC 9110, section 11.1), one blank, the token.
pub(super) fn read<'a>(lines: &[&'a [u8]]) -> Result<Authorization<'a>, Reason> {
    let line = match lines {
        [] | [b""] => return Ok(Authorization::NotBearer),
        [line] => *line,
        // Two readers could pick one each.
        _ => return Err(Reason::MalformedAuthorization),
    };
    let mut words = line.splitn(2, |byte| *byte == b' ');
    let scheme = words.next().filter(|scheme| is_scheme(scheme));
    // A bare token has no blank. Clerk takes one; here it is refused like a scheme that is none.
    let (Some(scheme), Some(rest)) = (scheme, words.next()) else {
        return Err(Reason::MalformedAuthorization);
    };
    let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer");
    // A second blank would begin a second word.
    let first_allowed = if is_bearer { b'!' } else { b' ' };
    if !are_within(rest, first_allowed) || (is_bearer && rest.is_empty()) {
        return Err(Reason::MalformedAuthorization);
    }
    Ok(if is_bearer { Authorization::Bearer(rest) } else { Authorization::NotBearer })
}

/// Whether all bytes are printable ASCII, from the given one on. It looks at all of them whatever it finds,
/// which
/// lets the compiler take many at once: this is on the way of every request.
fn are_within(bytes: &[u8], first_allowed: u8) -> bool {
    bytes.iter().fold(true, |so_far, byte| so_far & (first_allowed..=b'~').contains(byte))
}

fn is_scheme(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|byte| is_scheme_character(*byte))
}

/// RFC 9110, section 5.6.2.
fn is_scheme_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_line_with_one_token() {
        for line in ["Bearer abc", "bearer abc", "BEARER abc", "bEaReR abc"] {
            assert_eq!(read(&[line.as_bytes()]), Ok(Authorization::Bearer(b"abc")), "{line}");
        }
    }

    #[test]
    fn none_and_other_schemes_leave_it_to_the_cookie() {
        let lines: [&[&[u8]]; 4] = [&[], &[b""], &[b"Basic dTpw"], &[b"Digest a=1, b=2"]];
        for lines in lines {
            assert_eq!(read(lines), Ok(Authorization::NotBearer), "{lines:?}");
        }
    }

    #[test]
    fn all_else_is_refused() {
        let lines: [&[&[u8]]; 22] = [
            &[b"abc"],
            &[b"aaaa.bbbb.cccc"],
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"Bearer  abc"],
            &[b"Bearer abc "],
            &[b" Bearer abc"],
            &[b"Bearer abc def"],
            &[b"Bearer abc, Bearer abc"],
            &[b"Bearer\tabc"],
            &[b"Bearer abc\t"],
            &[b"Bearer abc\xff"],
            &[b"Bearer \xe2\x82\xac"],
            &[b"Bearer abc\x7f"],
            &[b"Bearer abc\n"],
            &[b"B\x00earer abc"],
            &[b"Bearer: abc"],
            &[b"Basic"],
            &[b"Basic \xff"],
            &[b" "],
            &[b"Bearer abc", b"Bearer abc"],
            &[b"Basic dTpw", b"Bearer abc"],
        ];
        for lines in lines {
            assert_eq!(read(lines), Err(Reason::MalformedAuthorization), "{lines:?}");
        }
        assert_eq!(read(&[b"Bearer abc", b""]), Err(Reason::MalformedAuthorization));
    }
}
