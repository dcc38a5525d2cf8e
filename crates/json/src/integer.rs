//! Parses integers in every notation that JSON allows.

/// The reason why a JSON value is not an `i64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInteger {
    /// The value is not a number.
    #[error("not a number")]
    OtherKind,
    /// The number has a fraction.
    #[error("not an integer")]
    Fraction,
    /// The number is an integer outside the range of an `i64`.
    #[error("an integer of more than 64 bits")]
    TooLarge,
}

/// Parses a JSON number exactly. A parser that converted to a double first would return 0 for `1e-400`, and 1 for
/// `1.00000000000000000001`.
pub(super) fn parse(number: &str) -> Result<i64, NotInteger> {
    if let Ok(integer) = number.parse() {
        return Ok(integer);
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => (-1, digits.trim_start_matches('0')),
        None => (1, digits.trim_start_matches('0')),
    };
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let zeros = length(digits) - length(significant);
    let zeros = power(exponent).saturating_sub(length(fraction)).saturating_add(zeros);
    if zeros < 0 {
        return Err(NotInteger::Fraction);
    }
    // An i64 has at most 19 digits, and every number of 19 digits fits into an i128.
    if length(significant).saturating_add(zeros) > 19 {
        return Err(NotInteger::TooLarge);
    }
    let scale = u32::try_from(zeros).ok().and_then(|zeros| 10_i128.checked_pow(zeros));
    let magnitude =
        significant.parse::<i128>().ok().zip(scale).and_then(|(digits, scale)| digits.checked_mul(scale));
    magnitude.and_then(|magnitude| i64::try_from(sign * magnitude).ok()).ok_or(NotInteger::TooLarge)
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// Parses an exponent. An exponent of more than 64 bits saturates: the mantissa is too short to compensate for it.
fn power(exponent: &str) -> i64 {
    let end = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
    exponent.parse().unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::{NotInteger::*, parse};

    #[test]
    fn integer_is_equal_in_every_notation() {
        for text in ["10", "10.0", "1e1", "1E+1", "100e-1", "0.01e3", "10.000e0", "1000000e-5", "0.1e0002"] {
            assert_eq!(parse(text), Ok(10), "{text}");
        }
        for text in ["0", "-0", "0.0", "-0e5", "0e99999999999999999999", "0.000e-99999999999999999999"] {
            assert_eq!(parse(text), Ok(0), "{text}");
        }
        assert_eq!(parse("-25e-1"), Err(Fraction));
        assert_eq!(parse("-250e-1"), Ok(-25));
    }

    #[test]
    fn digits_are_kept() {
        assert_eq!(parse("9007199254740993.0"), Ok(9_007_199_254_740_993));
        assert_eq!(parse("9223372036854775807.0"), Ok(i64::MAX));
        assert_eq!(parse("-9223372036854775808.0"), Ok(i64::MIN));
        assert_eq!(parse("9.223372036854775807e18"), Ok(i64::MAX));
    }

    #[test]
    fn number_with_fraction_is_refused() {
        for text in [
            "1.5",
            "1e-400",
            "1.00000000000000000001",
            "-0.1",
            "9007199254740991.4",
            "1e-99999999999999999999",
        ] {
            assert_eq!(parse(text), Err(Fraction), "{text}");
        }
    }

    #[test]
    fn integer_beyond_64_bits_is_too_large() {
        for text in
            ["9223372036854775808", "-9223372036854775809", "1e19", "1e400", "-1e99999999999999999999"]
        {
            assert_eq!(parse(text), Err(TooLarge), "{text}");
        }
    }
}
