use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, in whole milliseconds of UTC, in the years 0000 to 9999.
///
/// A timestamp is written as `2024-01-15T10:30:00.000Z`, always with three decimals and `Z`. Any RFC 3339 time in these
/// years can be parsed: other offsets are converted to UTC, finer fractions are truncated, and a leap second
/// (`23:59:60` in UTC) becomes the next second.
///
/// ```
/// use icp_domain::Timestamp;
///
/// let time: Timestamp = "2024-01-15T12:30:00.123987+02:00".parse()?;
/// assert_eq!(time.to_string(), "2024-01-15T10:30:00.123Z");
/// # Ok::<(), icp_domain::InvalidTimestamp>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The first time: the start of the year 0000.
    pub const MIN: Self = Self::constant(-62_167_219_200_000);
    /// The last time: the end of the year 9999.
    pub const MAX: Self = Self::constant(253_402_300_799_999);
    /// 1970-01-01T00:00:00.000Z.
    pub const UNIX_EPOCH: Self = Self::constant(0);

    const fn constant(milliseconds: i64) -> Self {
        match DateTime::from_timestamp_millis(milliseconds) {
            Some(time) => Self(time),
            None => Self(DateTime::UNIX_EPOCH),
        }
    }

    /// Returns the time that is this many milliseconds after 1970-01-01T00:00:00Z. `None` outside the years 0000 to
    /// 9999.
    pub fn from_unix_millis(milliseconds: i64) -> Option<Self> {
        DateTime::from_timestamp_millis(milliseconds).and_then(|time| time.try_into().ok())
    }

    /// Returns the milliseconds since 1970-01-01T00:00:00Z, negative before it.
    pub fn unix_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Returns the time a millisecond later, or [`Timestamp::MAX`] if there is none.
    #[must_use]
    pub fn next(self) -> Self {
        Self::from_unix_millis(self.unix_millis() + 1).unwrap_or(Self::MAX)
    }

    /// Parses an RFC 3339 text. Rounds fractions of a millisecond up, whereas [`FromStr`] truncates them. A timestamp
    /// is at or after the exact time of the text if and only if the timestamp is at or after the result. The exception
    /// is a text after [`Timestamp::MAX`], for which the result is [`Timestamp::MAX`].
    ///
    /// # Errors
    ///
    /// [`InvalidTimestamp`] if the text is invalid.
    ///
    /// ```
    /// use icp_domain::Timestamp;
    ///
    /// let time = Timestamp::parse_and_round_up("2024-01-15T10:30:00.1230001Z")?;
    /// assert_eq!(time.to_string(), "2024-01-15T10:30:00.124Z");
    /// # Ok::<(), icp_domain::InvalidTimestamp>(())
    /// ```
    pub fn parse_and_round_up(text: &str) -> Result<Self, InvalidTimestamp> {
        let exact = parse(text)?;
        let truncated = Self::try_from(exact)?;
        let is_exact = exact.timestamp_subsec_nanos().is_multiple_of(1_000_000);
        Ok(if is_exact { truncated } else { truncated.next() })
    }

    /// Returns the time as chrono's type.
    pub fn as_datetime(self) -> DateTime<Utc> {
        self.0
    }
}

impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(time: DateTime<Utc>) -> Result<Self, InvalidTimestamp> {
        // chrono's leap seconds have the milliseconds of the next second.
        let time = DateTime::from_timestamp_millis(time.timestamp_millis()).ok_or(InvalidTimestamp)?;
        if (0..=9999).contains(&time.year()) { Ok(Self(time)) } else { Err(InvalidTimestamp) }
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        parse(text)?.try_into()
    }
}

fn parse(text: &str) -> Result<DateTime<Utc>, InvalidTimestamp> {
    // chrono also accepts U+2212 as the minus of an offset, and white space between date and time.
    if !text.is_ascii() || !matches!(text.as_bytes().get(10), Some(b'T' | b't')) {
        return Err(InvalidTimestamp);
    }
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidTimestamp)?.to_utc();
    // Leap seconds occur only at the end of a UTC day.
    let is_leap_second = time.timestamp_subsec_nanos() >= 1_000_000_000;
    if is_leap_second && (time.hour(), time.minute()) != (23, 59) {
        return Err(InvalidTimestamp);
    }
    Ok(time)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m-%dT%H:%M:%S%.3fZ").fmt(formatter)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is not an RFC 3339 time in the years 0000 to 9999.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 time such as 2024-01-15T10:30:00.000Z, in the years 0000 to 9999")]
pub struct InvalidTimestamp;
