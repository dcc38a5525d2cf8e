//! The limits of requests. Lengths are in characters (Unicode scalar values), unless the comment says bytes. Stored
//! ICPs may exceed these limits.

use std::ops::RangeInclusive;

/// Bytes of a request body.
pub const BODY_BYTES: usize = 1_048_576;
/// Bytes of a stored ICP. A create or a copy that would exceed this limit is refused. So is a change after which the
/// ICP would be longer than this limit and longer than before. A restore is not checked.
pub const ICP_BYTES: usize = 2 * BODY_BYTES;
/// Levels of objects and arrays in a request body, including the body.
pub const NESTING: usize = 64;

/// Characters of an ICP's `name`. At least one character must not be white space.
pub const NAME: usize = 255;
/// Characters of an ICP's `description`.
pub const DESCRIPTION: usize = 10_000;
/// Users of one ICP.
pub const USERS: usize = 10_000;
/// Characters of a user ID. An ID must not be empty or contain white space or U+0000.
pub const USER_ID: usize = 255;
/// Bytes of a user ID in a lenient import. The ID is a part of index keys, and an index entry of PostgreSQL has at most
/// about 2,700 bytes.
pub const USER_ID_BYTES: usize = 1_024;
/// Leads in each generated list.
pub const LEADS_PER_LIST: RangeInclusive<i64> = 1..=10_000;

/// Elements of `leadProviderCriteria`.
pub const LEAD_PROVIDER_CRITERIA: usize = 100;
/// Elements of `customFilterCriteria`.
pub const CUSTOM_FILTERS: usize = 100;
/// Conditions in `crmFilters.filters`.
pub const CRM_CONDITIONS: usize = 1_000;

/// Characters of a custom filter's `provider` and `field`, and of a CRM condition's `path` and `mode`.
pub const SHORT_TEXT: usize = 255;
/// Characters of prompts, `textSearch` and `query`.
pub const LONG_TEXT: usize = 20_000;
/// Elements of `includeSearchStrings` and of `excludeSearchStrings`.
pub const SEARCH_STRINGS: usize = 1_000;
/// Characters of a search string.
pub const SEARCH_STRING: usize = 1_000;
/// Characters of a regular expression. The validator also refuses groups that are nested more than 255 levels deep.
pub const REGEX: usize = 1_000;
/// Characters of all regular expressions of a body together. The validator compiles them in less than 100 milliseconds.
pub const REGEXES: usize = 100_000;
/// Characters that each `[` and each `\` adds to the count for [`REGEXES`], in an expression that ignores case
/// (`(?i:...)`). Both can begin a character class. The validator adds the other case of every character in the class,
/// which takes up to 40 microseconds.
pub const REGEX_CLASS: usize = 50;

/// Values of `maxPeoplePerCompany`.
pub const PEOPLE_PER_COMPANY: RangeInclusive<i64> = 1..=2_147_483_647;
/// Values of `maxPercentFromCRM`.
pub const PERCENT_FROM_CRM: RangeInclusive<i64> = 0..=100;
/// Values of `minDaysUntilReuse`.
pub const DAYS_UNTIL_REUSE: RangeInclusive<i64> = 0..=2_147_483_647;

/// Violations that are reported for one request. Further violations are not reported.
pub const VIOLATIONS: usize = 100;
/// Total bytes of the pointers that are reported for one body. A violation whose pointer would exceed the total is not
/// reported. Only the first violation that is found is always reported: if its pointer is longer, it becomes that of
/// the nearest enclosing value whose pointer fits.
pub const VIOLATION_POINTER_BYTES: usize = 262_144;
