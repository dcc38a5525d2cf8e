use icp_domain::json::Json;

use crate::reason::Reason;

/// How far two clocks may be apart. Session tokens live for 60 s, so that more would be a second life.
const SKEW_MS: i64 = 5_000;
/// The last second that an ECMAScript date reaches (in either direction), which is where Clerk's verifier
/// ends.
const MAX_SECONDS: f64 = 8.64e12;

/// A token's times, in seconds since 1970 (docs/contract/clerk-tokens.md, 2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) expires: i64,
    pub(crate) not_before: Option<i64>,
    pub(crate) issued: Option<i64>,
}

impl Times {
    pub(crate) fn read(
        exp: Option<Json<'_>>,
        nbf: Option<Json<'_>>,
        iat: Option<Json<'_>>,
    ) -> Result<Self, Reason> {
        Ok(Self {
            expires: exp.and_then(seconds).ok_or(Reason::MalformedTime)?,
            not_before: optional(nbf)?,
            issued: optional(iat)?,
        })
    }

    /// Judged at each use: a token that counted a moment ago may have expired since.
    pub(crate) fn check(&self, now_ms: i64) -> Result<(), Reason> {
        let in_future = |seconds: i64| seconds * 1000 > now_ms.saturating_add(SKEW_MS);
        if self.expires * 1000 <= now_ms.saturating_sub(SKEW_MS) {
            Err(Reason::Expired)
        } else if self.not_before.is_some_and(in_future) {
            Err(Reason::NotYetValid)
        } else if self.issued.is_some_and(in_future) {
            Err(Reason::IssuedInFuture)
        } else {
            Ok(())
        }
    }
}

fn optional(claim: Option<Json<'_>>) -> Result<Option<i64>, Reason> {
    claim.map(|value| seconds(value).ok_or(Reason::MalformedTime)).transpose()
}

/// Whole seconds, cut toward zero. The bound keeps every product with 1000 far inside 64 bits.
fn seconds(value: Json<'_>) -> Option<i64> {
    let seconds = value.number()?.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53 fits")]
    (seconds.abs() <= MAX_SECONDS).then_some(seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<i64> {
        seconds(Json::parse(text).unwrap())
    }

    #[test]
    fn numbers_in_every_spelling() {
        for (text, expected) in [
            ("1700000000", 1_700_000_000),
            ("1.7e9", 1_700_000_000),
            ("1.9999", 1),
            ("-1.9999", -1),
            ("-0.5", 0),
            ("-0", 0),
            ("1e-400", 0),
            ("8.64e12", 8_640_000_000_000),
            ("8640000000000.9", 8_640_000_000_000),
            ("-8640000000000", -8_640_000_000_000),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_out_of_range() {
        for text in [
            "8640000000001",
            "-8640000000001",
            "1e13",
            "1e400",
            "-1e400",
            "99999999999999999999999999",
            "null",
            "true",
            "\"1\"",
            "[1]",
            "{}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn skew_is_five_seconds_to_the_millisecond() {
        let times = |expires, not_before, issued| Times { expires, not_before, issued };
        let now = 1_000_000_i64;
        assert_eq!(times(995, None, None).check(now), Err(Reason::Expired));
        assert_eq!(times(995, None, None).check(now - 1), Ok(()));
        assert_eq!(times(2000, Some(1005), None).check(now), Ok(()));
        assert_eq!(times(2000, Some(1005), None).check(now - 1), Err(Reason::NotYetValid));
        assert_eq!(times(2000, None, Some(1005)).check(now), Ok(()));
        assert_eq!(times(2000, None, Some(1005)).check(now - 1), Err(Reason::IssuedInFuture));
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let edge = 8_640_000_000_000;
        for now in [i64::MIN, 0, i64::MAX] {
            let _ = Times { expires: edge, not_before: Some(-edge), issued: Some(edge) }.check(now);
        }
    }
}
