//! The query of the list.

use std::borrow::Cow;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

use icp_domain::{FaultCode, Timestamp, fold_name, limits};
use icp_ports::{Direction, Sort};
use url::form_urlencoded;

use crate::http::problem::{ApiError, ParameterFault};
use crate::icps::ListRequest;

const LIMIT: RangeInclusive<NonZeroUsize> = NonZeroUsize::MIN..=NonZeroUsize::new(1_000).unwrap();

/// What the list is asked for, and how.
#[derive(Debug)]
pub(in crate::http) struct ListParameters {
    pub(in crate::http) request: ListRequest,
    /// As they were sent, without the cursor.
    sent: Vec<(&'static str, String)>,
}

impl ListParameters {
    /// Reads a query. What it does not know changes nothing; what it knows must make sense.
    pub(super) fn of(query: &str) -> Result<Self, ApiError> {
        Self::of_pairs(form_urlencoded::parse(query.as_bytes()))
    }

    /// The same, when it has been taken apart.
    pub(in crate::http) fn of_pairs<'a>(
        pairs: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, ApiError> {
        let mut reader = Reader::default();
        for (name, value) in pairs {
            reader.read(&name, value);
        }
        if reader.faults.is_empty() {
            Ok(Self { request: reader.request, sent: reader.sent })
        } else {
            Err(ApiError::InvalidParameters(reader.faults))
        }
    }

    /// The query that leads to the next page.
    pub(super) fn with_cursor(&self, cursor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.sent).append_pair("cursor", cursor).finish()
    }
}

/// What the list knows.
pub(in crate::http) const NAMES: [&str; 8] =
    ["active", "updatedSince", "name", "provider", "sort", "order", "limit", "cursor"];

#[derive(Default)]
struct Reader {
    request: ListRequest,
    sent: Vec<(&'static str, String)>,
    seen: HashSet<&'static str>,
    faults: Vec<ParameterFault>,
}

impl Reader {
    fn read(&mut self, name: &str, value: Cow<'_, str>) {
        let Some(name) = NAMES.into_iter().find(|known| *known == name) else { return };
        if !self.seen.insert(name) {
            return self.fault(name, FaultCode::Duplicate, "must be sent once");
        }
        match name {
            "active" => self.request.active = self.choose(name, &value, &[("true", true), ("false", false)]),
            "updatedSince" => self.request.updated_since = self.time(name, &value),
            "name" => {
                let name = self.text(name, &value, limits::NAME);
                self.request.name = name.map(|text| fold_name(&text));
            }
            "provider" => self.request.provider = self.text(name, &value, limits::SHORT_TEXT),
            "sort" => {
                let sorts =
                    [("createdAt", Sort::CreatedAt), ("updatedAt", Sort::UpdatedAt), ("name", Sort::Name)];
                self.request.sort = self.choose(name, &value, &sorts).unwrap_or_default();
            }
            "order" => {
                let directions = [("asc", Direction::Ascending), ("desc", Direction::Descending)];
                self.request.direction = self.choose(name, &value, &directions).unwrap_or_default();
            }
            "limit" => self.request.limit = self.limit(name, &value),
            _ => return self.request.cursor = Some(value.into_owned()),
        }
        self.sent.push((name, value.into_owned()));
    }

    fn fault(&mut self, parameter: &'static str, code: FaultCode, detail: impl Into<Cow<'static, str>>) {
        self.faults.push(ParameterFault::new(parameter, code, detail));
    }

    fn choose<T: Copy>(&mut self, name: &'static str, value: &str, choices: &[(&str, T)]) -> Option<T> {
        let chosen = choices.iter().find(|(choice, _)| *choice == value).map(|(_, chosen)| *chosen);
        if chosen.is_none() {
            let choices: Vec<_> = choices.iter().map(|(choice, _)| format!("\"{choice}\"")).collect();
            self.fault(name, FaultCode::InvalidValue, format!("must be {}", choices.join(" or ")));
        }
        chosen
    }

    fn time(&mut self, name: &'static str, value: &str) -> Option<Timestamp> {
        // A plus that was not escaped has become a blank, which no time has.
        let time = value.replace(' ', "+").parse().ok();
        if time.is_none() {
            let detail =
                "must be an RFC 3339 time such as 2024-01-15T10:30:00.000Z, in the years 0000 to 9999";
            self.fault(name, FaultCode::InvalidValue, detail);
        }
        time
    }

    fn text(&mut self, name: &'static str, value: &str, max: usize) -> Option<String> {
        if value.is_empty() || value.contains('\0') {
            self.fault(name, FaultCode::InvalidValue, "must not be empty, and not hold U+0000");
        } else if value.chars().count() > max {
            self.fault(name, FaultCode::TooLong, format!("must have at most {max} characters"));
        } else {
            return Some(value.to_owned());
        }
        None
    }

    fn limit(&mut self, name: &'static str, value: &str) -> Option<NonZeroUsize> {
        let detail = || format!("must be an integer from {} to {}", LIMIT.start(), LIMIT.end());
        let digits = value.strip_prefix('-').unwrap_or(value);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.fault(name, FaultCode::InvalidType, detail());
            return None;
        }
        let limit = value.parse().ok().filter(|limit| LIMIT.contains(limit));
        if limit.is_none() {
            self.fault(name, FaultCode::OutOfRange, detail());
        }
        limit
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use icp_domain::FaultCode::{Duplicate, InvalidType, InvalidValue, OutOfRange, TooLong};
    use icp_ports::{Direction, Sort};

    use super::ListParameters;
    use crate::http::problem::ApiError;
    use crate::icps::ListRequest;

    fn request(query: &str) -> ListRequest {
        ListParameters::of(query).expect("it makes sense").request
    }

    #[test]
    fn what_is_not_known_changes_nothing() {
        for query in ["", "x=1", "userId=user_eve&Limit=3", "%00", "a=%zz&&&=", "limit%00=3"] {
            assert_eq!(request(query), ListRequest::default(), "{query}");
        }
    }

    #[test]
    fn every_parameter_is_read() {
        let query = "active=false&updatedSince=2024-01-15T11:30:00%2B01:00&name=%C3%96M%20a&provider=bullhorn\
                     &sort=updatedAt&order=desc&limit=1000&cursor=abc";
        let expected = ListRequest {
            active: Some(false),
            updated_since: "2024-01-15T10:30:00Z".parse().ok(),
            name: Some("öm a".to_owned()),
            provider: Some("bullhorn".to_owned()),
            sort: Sort::UpdatedAt,
            direction: Direction::Descending,
            limit: NonZeroUsize::new(1_000),
            cursor: Some("abc".to_owned()),
        };
        assert_eq!(request(query), expected);
        assert_eq!(request("updatedSince=2024-01-15T11:30:00+01:00").updated_since, expected.updated_since);
        assert_eq!(request("name=ΟΔΟΣ+Straße").name.as_deref(), Some("οδοσ straße"));
    }

    #[test]
    fn the_next_page_is_asked_for_as_this_one_was() {
        let parameters = ListParameters::of("name=a%26b&x=1&cursor=old&limit=2").expect("it makes sense");
        assert_eq!(parameters.with_cursor("new"), "name=a%26b&limit=2&cursor=new");
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let long = "x".repeat(256);
        let query = format!(
            "active=yes&updatedSince=today&name=&provider={long}&sort=id&order=up&limit=0&limit=5&cursor=a&cursor=b"
        );
        let Err(ApiError::InvalidParameters(faults)) = ListParameters::of(&query) else {
            panic!("it has faults")
        };
        let found: Vec<_> = faults.iter().map(|fault| (fault.parameter, fault.code)).collect();
        let expected = [
            ("active", InvalidValue),
            ("updatedSince", InvalidValue),
            ("name", InvalidValue),
            ("provider", TooLong),
            ("sort", InvalidValue),
            ("order", InvalidValue),
            ("limit", OutOfRange),
            ("limit", Duplicate),
            ("cursor", Duplicate),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_limit_is_an_integer_within_its_range() {
        for (value, code) in [
            ("0", OutOfRange),
            ("1001", OutOfRange),
            ("-1", OutOfRange),
            ("99999999999999999999", OutOfRange),
            ("", InvalidType),
            ("-", InvalidType),
            ("ten", InvalidType),
            ("1.0", InvalidType),
            ("+1", InvalidType),
        ] {
            // A plus has to be escaped in a query.
            let query = format!("limit={}", value.replace('+', "%2B"));
            match ListParameters::of(&query) {
                Err(ApiError::InvalidParameters(faults)) => {
                    assert_eq!(faults.first().map(|fault| fault.code), Some(code), "{value}");
                }
                other => panic!("{value}: {other:?}"),
            }
        }
    }
}
