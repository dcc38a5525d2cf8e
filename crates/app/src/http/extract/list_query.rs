//! The query parameters of lists and of histories.

use std::num::NonZeroUsize;

use icp_application::{HistoryRequest, ListRequest};
use icp_domain::{Timestamp, fold_name, limits};
use icp_ports::{Direction, Sort};

use super::parameters::{Kind, Parameter, ParameterTable, Value};

/// Maximum number of ICPs or revisions in a page.
const MAX_LIMIT: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

const SORTS: [Sort; 4] = [Sort::CreatedAt, Sort::UpdatedAt, Sort::Name, Sort::ActiveUntil];
const DIRECTIONS: [Direction; 2] = [Direction::Ascending, Direction::Descending];

impl ParameterTable for ListRequest {
    const PARAMETERS: &'static [Parameter<Self>] = LIST_PARAMETERS;
}

impl ParameterTable for HistoryRequest {
    const PARAMETERS: &'static [Parameter<Self>] = HISTORY_PARAMETERS;
}

impl Value {
    fn text(self) -> Option<String> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn time(self) -> Option<Timestamp> {
        if let Self::Time(time) = self { Some(time) } else { None }
    }

    /// Returns the option at the index of a [`Value::Choice`], or the default for any other value.
    fn chosen<T: Copy + Default>(&self, options: &[T]) -> T {
        if let Self::Choice(index) = self {
            options.get(*index).copied().unwrap_or_default()
        } else {
            T::default()
        }
    }
}

/// Every parameter of the list.
pub(crate) const LIST_PARAMETERS: &[Parameter<ListRequest>] = &[
    Parameter {
        name: "active",
        kind: Kind::Flag,
        description: "`true`: ICPs that have not expired. `false`: ICPs that have expired.",
        set: |request, value| request.active = if let Value::Flag(flag) = value { Some(flag) } else { None },
    },
    Parameter {
        name: "updatedSince",
        kind: Kind::Time,
        description: "ICPs that were changed at or after this time.",
        set: |request, value| request.updated_since = value.time(),
    },
    Parameter {
        name: "expiresFrom",
        kind: Kind::Time,
        description: "ICPs whose `activeUntil` is at or after this time. ICPs without `activeUntil` do not match.",
        set: |request, value| request.expires_from = value.time(),
    },
    Parameter {
        name: "expiresBefore",
        kind: Kind::Time,
        description: "ICPs whose `activeUntil` is before this time. ICPs without `activeUntil` do not match.",
        set: |request, value| request.expires_before = value.time(),
    },
    Parameter {
        name: "name",
        kind: Kind::Text(limits::NAME),
        description: "ICPs whose name contains this text, ignoring case.",
        set: |request, value| request.name = value.text().map(|text| fold_name(&text)),
    },
    Parameter {
        name: "provider",
        kind: Kind::Text(limits::SHORT_TEXT),
        description: "ICPs with this provider in their lead provider criteria, custom filters or CRM filters.",
        set: |request, value| request.provider = value.text(),
    },
    Parameter {
        name: "sort",
        kind: Kind::Choice(&["createdAt", "updatedAt", "name", "activeUntil"]),
        description: "The sort key. ICPs with equal keys are sorted by ID. ICPs without `activeUntil` sort last in \
            both orders.",
        set: |request, value| request.sort = value.chosen(&SORTS),
    },
    Parameter {
        name: "order",
        kind: Kind::Choice(&["asc", "desc"]),
        description: "The sort direction.",
        set: |request, value| request.direction = value.chosen(&DIRECTIONS),
    },
    Parameter {
        name: "limit",
        kind: Kind::Count(MAX_LIMIT),
        description: "The maximum number of ICPs in the response. Without a limit, it contains all ICPs. The `Link` \
            header has the next page.",
        set: |request, value| {
            request.limit = if let Value::Count(count) = value { Some(count) } else { None }
        },
    },
    Parameter {
        name: "cursor",
        kind: Kind::Opaque,
        description: "The cursor from the `Link` header of the previous page.",
        set: |request, value| request.cursor = value.text(),
    },
];

/// Every parameter of a history. The list of deleted ICPs has the same parameters.
pub(crate) const HISTORY_PARAMETERS: &[Parameter<HistoryRequest>] = &[
    Parameter {
        name: "limit",
        kind: Kind::Count(MAX_LIMIT),
        description: "The maximum number of revisions in the response, 100 by default. The `Link` header has the next \
            page.",
        set: |request, value| {
            if let Value::Count(count) = value {
                request.limit = count;
            }
        },
    },
    Parameter {
        name: "cursor",
        kind: Kind::Opaque,
        description: "The cursor from the `Link` header of the previous page.",
        set: |request, value| request.cursor = value.text(),
    },
];

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use icp_application::ListRequest;
    use icp_domain::limits;
    use icp_ports::{Direction, Sort};

    use super::LIST_PARAMETERS;
    use crate::http::error::ApiError;
    use crate::http::extract::parameters::{Parsed, pairs, parse};

    fn parsed(query: &str) -> Result<Parsed<ListRequest>, ApiError> {
        parse(LIST_PARAMETERS, pairs(query), false)
    }

    fn request(query: &str) -> ListRequest {
        parsed(query).expect("must be valid").value
    }

    /// Returns the parameter and the code of each violation of a query.
    fn violations(query: &str, is_strict: bool) -> serde_json::Value {
        match parse(LIST_PARAMETERS, pairs(query), is_strict) {
            Err(ApiError::InvalidParameters(violations)) => {
                let violations = serde_json::to_value(violations).expect("must serialize");
                let name_and_code = |violation: &serde_json::Value| {
                    format!("{} {}", violation["parameter"], violation["code"]).replace('"', "")
                };
                violations.as_array().into_iter().flatten().map(name_and_code).collect()
            }
            other => panic!("{query}: {other:?}"),
        }
    }

    #[test]
    fn unknown_parameters_are_ignored_unless_strict() {
        for query in ["", "x=1", "userId=user_eve&Limit=3", "%00", "a=%zz&&&=", "limit%00=3"] {
            assert_eq!(request(query), ListRequest::default(), "{query}");
        }
        let query = "x=1&limit=3&userId=user_eve&%00=&%ff=";
        let expected = ["x", "userId", "\0", "\u{fffd}"].map(|name| format!("{name} unknown_field"));
        assert_eq!(violations(query, true)[0], expected[0]);
        assert_eq!(violations(query, true).as_array().map(Vec::len), Some(expected.len()));
    }

    #[test]
    fn text_must_be_utf8() {
        assert_eq!(
            violations("name=%FF&provider=%C3", false),
            serde_json::json!(["name malformed", "provider malformed"])
        );
        assert_eq!(request("name=a+b%2Bc%zz").name.as_deref(), Some("a b+c%zz"));
    }

    #[test]
    fn every_parameter_is_read() {
        let query = "active=false&updatedSince=2024-01-15T11:30:00%2B01:00&expiresFrom=2024-01-15T11:30:00%2B01:00\
                     &expiresBefore=2024-01-15T11:30:00%2B01:00&name=%C3%96M%20a&provider=bullhorn\
                     &sort=updatedAt&order=desc&limit=1000&cursor=abc";
        let expected = ListRequest {
            active: Some(false),
            updated_since: "2024-01-15T10:30:00Z".parse().ok(),
            expires_from: "2024-01-15T10:30:00Z".parse().ok(),
            expires_before: "2024-01-15T10:30:00Z".parse().ok(),
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
    fn next_page_has_same_parameters() {
        let parsed = parsed("name=a%26b&x=1&cursor=old&limit=2").expect("must be valid");
        assert_eq!(parsed.with_cursor("new"), "name=a%26b&limit=2&cursor=new");
    }

    #[test]
    fn all_violations_are_reported_together() {
        let long = "x".repeat(256);
        let query = format!(
            "active=yes&updatedSince=today&name=&provider={long}&sort=id&order=up&limit=0&limit=5&cursor=a&cursor=b"
        );
        let expected = serde_json::json!([
            "active invalid_value",
            "updatedSince invalid_value",
            "name invalid_value",
            "provider too_long",
            "sort invalid_value",
            "order invalid_value",
            "limit out_of_range",
            "limit duplicate",
            "cursor duplicate",
        ]);
        assert_eq!(violations(&query, false), expected);
    }

    #[test]
    fn first_hundred_violations_are_reported() {
        let reported = violations(&"name=&".repeat(10_000), false);
        assert_eq!(reported.as_array().map(Vec::len), Some(limits::VIOLATIONS));
    }

    #[test]
    fn limit_is_integer_within_range() {
        for (value, code) in [
            ("0", "out_of_range"),
            ("1001", "out_of_range"),
            ("-1", "out_of_range"),
            ("99999999999999999999", "out_of_range"),
            ("", "invalid_type"),
            ("-", "invalid_type"),
            ("ten", "invalid_type"),
            ("1.0", "invalid_type"),
            ("%2B1", "invalid_type"),
        ] {
            assert_eq!(
                violations(&format!("limit={value}"), false),
                serde_json::json!([format!("limit {code}")]),
                "{value}"
            );
        }
    }
}
