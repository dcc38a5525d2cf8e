/// The cookies of a request.
///
/// Bytes, not text: what stands in somebody else's cookie must not cost ours. Values are taken as they are,
/// as RFC 6265, section 5.4, sends them: quotes are part of them, and nothing is unescaped.
#[derive(Clone, Copy)]
pub(super) struct Jar<'lines, 'a>(pub(super) &'lines [&'a [u8]]);

impl<'a> Jar<'_, 'a> {
    /// The first cookie of that name; an empty one is none.
    pub(super) fn get(self, name: &str) -> Option<&'a [u8]> {
        let mut pairs = self.0.iter().flat_map(|line| line.split(|byte| *byte == b';'));
        let value = pairs.find_map(|pair| value_of(pair, name.as_bytes()))?;
        (!value.is_empty()).then_some(value)
    }
}

fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    let (found, value) = pair.split_at_checked(equals)?;
    (found.trim_ascii() == name).then(|| value.get(1..).unwrap_or_default().trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get<'a>(lines: &'a [&'a [u8]]) -> Option<&'a [u8]> {
        Jar(lines).get("a")
    }

    #[test]
    fn the_first_of_a_name_counts() {
        assert_eq!(get(&[b"a=1"]), Some(&b"1"[..]));
        assert_eq!(get(&[b"b=0; a=1; a=2"]), Some(&b"1"[..]));
        assert_eq!(get(&[b"b=0", b"a=1", b"a=2"]), Some(&b"1"[..]));
        assert_eq!(get(&[b"b=0;a = 1 ;c"]), Some(&b"1"[..]));
        assert_eq!(get(&[b"a=; a=1"]), None, "the first is empty");
    }

    #[test]
    fn values_are_as_they_are() {
        assert_eq!(get(&[b"a=\"1\""]), Some(&b"\"1\""[..]));
        assert_eq!(get(&[b"a=b=c"]), Some(&b"b=c"[..]));
        assert_eq!(get(&[b"a=%31"]), Some(&b"%31"[..]));
        assert_eq!(get(&[b"x=\xff\xfe; \xc3; a=1"]), Some(&b"1"[..]));
    }

    #[test]
    fn names_are_whole_and_in_their_case() {
        for line in [&b"A=1"[..], b"aa=1", b"b=a=1", b"a", b"", b";;", b"=1", b"\"a\"=1", b"b=\"; a\"=1"] {
            assert_eq!(get(&[line]), None, "{}", line.escape_ascii());
        }
    }
}
