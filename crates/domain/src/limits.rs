//! Every limit of what may be written, in one place. Lengths are in characters (Unicode scalar values), not bytes,
//! where nothing else is said.
//!
//! They bound strict writing alone. Reading has no limits: what an older or newer version stored comes back.

use std::ops::RangeInclusive;

/// The body of a request, in **bytes**.
pub const BODY_BYTES: usize = 1_048_576;
/// Objects and arrays within one another in a request body; the body's own object counts as one.
pub const NESTING: usize = 64;

/// An ICP's `name`; it has at least one character.
pub const NAME: usize = 255;
/// An ICP's `description`.
pub const DESCRIPTION: usize = 10_000;
/// Users of one ICP.
pub const USERS: usize = 10_000;
/// A user id; it has at least one character and no white space.
pub const USER_ID: usize = 255;
/// A user id in **bytes**, for records taken over leniently: an index entry of PostgreSQL holds no more than about
/// 2,700 bytes.
pub const USER_ID_BYTES: usize = 1_024;
/// Leads in each generated list.
pub const LEADS_PER_LIST: RangeInclusive<i64> = 1..=10_000;

/// Elements of `leadProviderCriteria`.
pub const LEAD_PROVIDER_CRITERIA: usize = 100;
/// Elements of `customFilterCriteria`.
pub const CUSTOM_FILTERS: usize = 100;
/// Conditions in `crmFilters.filters`.
pub const CRM_CONDITIONS: usize = 1_000;

/// A custom filter's `provider`, `field`, and a CRM condition's `path` and `mode`.
pub const SHORT_TEXT: usize = 255;
/// Prompts, `textSearch` and `query`.
pub const LONG_TEXT: usize = 20_000;
/// Elements of `includeSearchStrings` and of `excludeSearchStrings`.
pub const SEARCH_STRINGS: usize = 1_000;
/// One search string.
pub const SEARCH_STRING: usize = 1_000;
/// A regular expression. The engine that judges it also refuses groups nested deeper than 256; with both, none takes more
/// than milliseconds or a few mebibytes.
pub const REGEX: usize = 1_000;

/// `maxPeoplePerCompany`.
pub const PEOPLE_PER_COMPANY: RangeInclusive<i64> = 1..=2_147_483_647;
/// `maxPercentFromCRM`.
pub const PERCENT_FROM_CRM: RangeInclusive<i64> = 0..=100;
/// `minDaysUntilReuse`.
pub const DAYS_UNTIL_REUSE: RangeInclusive<i64> = 0..=2_147_483_647;

/// Faults reported for one body; what comes after them is found when these are mended.
pub const FAULTS: usize = 1_000;
/// The bytes of all pointers reported for one body, so that a small body cannot ask for a huge answer. A single pointer
/// that is longer is cut to the nearest value around the fault.
pub const FAULT_POINTER_BYTES: usize = 262_144;
