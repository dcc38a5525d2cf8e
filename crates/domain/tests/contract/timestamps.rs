//! Tests that times are parsed from RFC 3339, and written in UTC with milliseconds.

use icp_domain::Timestamp;
use proptest::prelude::*;

use super::support::cases;

fn read(text: &str) -> Option<String> {
    text.parse().ok().map(|time: Timestamp| time.to_string())
}

#[test]
fn times_are_written_in_utc_with_three_decimals() {
    for (text, written) in [
        ("2024-01-15T10:30:00Z", "2024-01-15T10:30:00.000Z"),
        ("2024-01-15t10:30:00z", "2024-01-15T10:30:00.000Z"),
        ("2024-01-15T10:30:00.1Z", "2024-01-15T10:30:00.100Z"),
        ("2024-01-15T10:30:00.1239999999999Z", "2024-01-15T10:30:00.123Z"),
        ("2024-01-15T10:30:00.999999999999+00:00", "2024-01-15T10:30:00.999Z"),
        ("2024-01-15T10:30:00-00:00", "2024-01-15T10:30:00.000Z"),
        ("2024-01-15T10:30:00+14:00", "2024-01-14T20:30:00.000Z"),
        ("2024-02-29T00:30:00+23:59", "2024-02-28T00:31:00.000Z"),
        ("2024-02-29T00:30:00-23:59", "2024-03-01T00:29:00.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z"),
        ("2017-01-01T00:59:60+01:00", "2017-01-01T00:00:00.000Z"),
        ("2016-12-31T15:59:60-08:00", "2017-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(read(text).as_deref(), Some(written), "{text}");
    }
}

#[test]
fn times_before_1970_are_truncated_towards_past() {
    for (text, written, milliseconds) in [
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z", -1),
        ("1969-12-31T23:59:59.0001Z", "1969-12-31T23:59:59.000Z", -1_000),
        ("0000-01-01T00:00:00.0009Z", "0000-01-01T00:00:00.000Z", -62_167_219_200_000),
    ] {
        assert_eq!(read(text).as_deref(), Some(written));
        assert_eq!(text.parse::<Timestamp>().unwrap().unix_millis(), milliseconds);
    }
}

#[test]
fn years_are_0000_to_9999() {
    assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00.000Z");
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
    assert_eq!(Timestamp::UNIX_EPOCH.to_string(), "1970-01-01T00:00:00.000Z");
    assert_eq!(read("0000-01-01T01:00:00+01:00").as_deref(), Some("0000-01-01T00:00:00.000Z"));
    assert_eq!(read("9999-12-31T22:59:59.9999-01:00").as_deref(), Some("9999-12-31T23:59:59.999Z"));
    for outside in [
        "0000-01-01T00:59:59.999+01:00",
        "9999-12-31T23:00:00-01:00",
        "9999-12-31T23:59:60Z",
        "0000-01-01T00:00:00+00:01",
    ] {
        assert_eq!(read(outside), None, "{outside}");
    }
    for edge in [Timestamp::MIN, Timestamp::MAX] {
        assert_eq!(Timestamp::from_unix_millis(edge.unix_millis()), Some(edge));
    }
    assert_eq!(Timestamp::from_unix_millis(Timestamp::MIN.unix_millis() - 1), None);
    assert_eq!(Timestamp::from_unix_millis(Timestamp::MAX.unix_millis() + 1), None);
    assert_eq!(Timestamp::from_unix_millis(i64::MIN), None);
}

const INVALID_TIMES: &[&str] = &[
    "",
    "now",
    "2024",
    "2024-01-15",
    "10:30:00Z",
    "2024-01-15T10:30Z",
    "2024-01-15T10:30:00",
    "2024-01-15T10:30:00.Z",
    "2024-13-01T00:00:00Z",
    "2024-02-30T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "2024-01-15T24:00:00Z",
    "2024-01-15T10:60:00Z",
    "2024-01-15T10:30:61Z",
    "2024-01-15T10:30:00+24:00",
    "2024-01-15T10:30:00+01:60",
    "2024-01-15T10:30:00+0100",
    "2024-01-15T10:30:00+01",
    "2024-01-15T10:30:00 Z",
    " 2024-01-15T10:30:00Z",
    "2024-01-15T10:30:00Z ",
    "2024-1-15T10:30:00Z",
    "+2024-01-15T10:30:00Z",
    "-001-01-15T10:30:00Z",
    "12024-01-15T10:30:00Z",
    "2024-01-15T10:30:00,5Z",
    "2024-W03-1T10:30:00Z",
    "2024-01-15T10:30:00\u{2212}01:00",
    "２０２４-01-15T10:30:00Z",
    "1705314600",
    "2024-01-15T10:30:00UTC",
    "2024-01-15_10:30:00Z",
    "2024-01-15 10:30:00Z",
    "2024-01-15\t10:30:00Z",
    "2024-01-15T10:30:60Z",
    "2024-01-15T23:59:60+01:00",
    "2024-01-15T00:00:60Z",
];

#[test]
fn invalid_time_is_refused() {
    for text in INVALID_TIMES {
        assert_eq!(read(text), None, "{text:?}");
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn every_time_round_trips(millis in Timestamp::MIN.unix_millis()..=Timestamp::MAX.unix_millis()) {
        let time = Timestamp::from_unix_millis(millis).unwrap();
        prop_assert_eq!(time.unix_millis(), millis);
        let text = time.to_string();
        prop_assert_eq!(text.len(), 24);
        prop_assert_eq!(text.parse::<Timestamp>().unwrap(), time);
        let json = serde_json::to_string(&time).unwrap();
        prop_assert_eq!(&json, &format!("\"{text}\""));
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
    }

    #[test]
    fn times_sort_like_their_texts(a in any::<i32>(), b in any::<i32>()) {
        let [a, b] = [a, b].map(|seconds| Timestamp::from_unix_millis(i64::from(seconds) * 20_011).unwrap());
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn offset_does_not_change_instant(seconds in -60_000_000_000_i64..250_000_000_000, minutes in -1_439_i64..=1_439, cut in "[0-9]{0,9}") {
        let utc = Timestamp::from_unix_millis(seconds * 1_000 + 123).unwrap();
        let local = Timestamp::from_unix_millis((seconds + minutes * 60) * 1_000).unwrap().to_string();
        let sign = if minutes < 0 { '-' } else { '+' };
        let offset = format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
        let text = format!("{}.123{cut}{offset}", &local[..19]);
        prop_assert_eq!(text.parse::<Timestamp>().unwrap(), utc, "{}", text);
    }

    #[test]
    fn any_text_parses_or_fails(text in "[-+:.TZtz0-9 \u{2212}]{0,40}|\\PC{0,40}") {
        if let Ok(time) = text.parse::<Timestamp>() {
            prop_assert!((Timestamp::MIN..=Timestamp::MAX).contains(&time));
        }
    }
}
