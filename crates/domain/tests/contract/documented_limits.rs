//! Tests that the documentation states the limits of the code.

use icp_domain::limits;

const DOCUMENTATION: &str = include_str!("../../../../docs/reference/api.md");

/// Returns a number with separators of thousands, such as 10,000.
fn with_separators(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().ok().unwrap().to_string();
    let groups: Vec<_> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

fn range(range: &std::ops::RangeInclusive<i64>) -> String {
    format!("{} to {}", with_separators(*range.start()), with_separators(*range.end()))
}

#[test]
fn documentation_states_every_limit() {
    let rows = [
        ("a body", format!("{} bytes", with_separators(limits::BODY_BYTES))),
        ("objects and arrays within one another", with_separators(limits::NESTING)),
        ("`name`", format!("1 to {}", with_separators(limits::NAME))),
        ("`description`", with_separators(limits::DESCRIPTION)),
        (
            "`userIds`",
            format!(
                "{} users with the creator, each 1 to {}",
                with_separators(limits::USERS),
                limits::USER_ID
            ),
        ),
        ("`leadsPerList`", range(&limits::LEADS_PER_LIST)),
        ("`leadProviderCriteria`", format!("{} elements", limits::LEAD_PROVIDER_CRITERIA)),
        ("`customFilterCriteria`", format!("{} elements", limits::CUSTOM_FILTERS)),
        ("`crmFilters.filters`", format!("{} conditions", with_separators(limits::CRM_CONDITIONS))),
        (
            "a custom filter's `provider` and `field`; a condition's `path` and `mode`",
            with_separators(limits::SHORT_TEXT),
        ),
        ("prompts, `textSearch`, `query`", with_separators(limits::LONG_TEXT)),
        (
            "`includeSearchStrings`, `excludeSearchStrings`",
            format!(
                "{} elements in each array, and {} characters in each element",
                with_separators(limits::SEARCH_STRINGS),
                with_separators(limits::SEARCH_STRING)
            ),
        ),
        ("`regex`", with_separators(limits::REGEX)),
        (
            "all `regex` of a body together",
            format!(
                "{}; in an expression with `(?i`, each `[` and each `\\` counts as {}",
                with_separators(limits::REGEXES),
                limits::REGEX_CLASS
            ),
        ),
        ("`maxPeoplePerCompany`", range(&limits::PEOPLE_PER_COMPANY)),
        ("`maxPercentFromCRM`", range(&limits::PERCENT_FROM_CRM)),
        ("`minDaysUntilReuse`", range(&limits::DAYS_UNTIL_REUSE)),
    ];
    let violations = format!("up to the first {},", limits::VIOLATIONS);
    assert!(DOCUMENTATION.contains(&violations), "the page must contain {violations}");
    for (description, limit) in rows {
        let row = format!("| {description} | {limit}");
        let found = DOCUMENTATION.lines().find(|line| line.starts_with(&row));
        let rest = found.and_then(|line| line.strip_prefix(&row));
        assert!(
            rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit())),
            "the page must contain {row}"
        );
    }
}
