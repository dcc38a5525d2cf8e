//! The fields of each custom filter.

use serde::Serialize;

use crate::decode::{Decoder, Fields};
use crate::extra::ExtraMembers;
use crate::fault::FaultCode;
use crate::json::Json;
use crate::limits;
use crate::open_enum::open_enum;

/// Judges a company by its website.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WebsiteFilter {
    /// Who looks at the website, such as `browserUse`: any name.
    pub provider: String,
    /// What to judge.
    pub prompt: String,
    /// What this version does not know.
    #[serde(flatten)]
    pub extra: ExtraMembers,
}

/// Reads pages of a company's website.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebscrapingFilter {
    /// Who reads, such as `firecrawl`: any name.
    pub provider: String,
    /// What to extract.
    pub extraction_prompt: String,
    /// Which pages to look for.
    pub page_finding_prompt: String,
    /// Pages that hold one of these are taken.
    pub include_search_strings: Vec<String>,
    /// Pages that hold one of these are not.
    pub exclude_search_strings: Vec<String>,
    /// What this version does not know.
    #[serde(flatten)]
    pub extra: ExtraMembers,
}

open_enum! {
    /// What a model judges.
    EntityType {
        /// `"company"`
        Company = "company",
        /// `"person"`
        Person = "person",
    }
}

/// Has a model judge a lead.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AiFilter {
    /// The company or the person.
    pub entity_type: EntityType,
    /// What to judge.
    pub prompt: String,
    /// What this version does not know.
    #[serde(flatten)]
    pub extra: ExtraMembers,
}

/// Keeps leads whose field matches a pattern.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MatchFieldWithRegex {
    /// A path such as `firstName` or `company.headcount`.
    pub field: String,
    /// An ECMAScript regular expression.
    pub regex: String,
    /// What this version does not know.
    #[serde(flatten)]
    pub extra: ExtraMembers,
}

impl WebsiteFilter {
    pub(super) fn decode_fields(decoder: &mut Decoder, fields: &mut Fields<'_>) -> Option<Self> {
        let provider = decoder.required(fields, "provider", short_text);
        let prompt = decoder.required(fields, "prompt", long_text);
        let extra = decoder.extra(fields);
        Some(Self { provider: provider?, prompt: prompt?, extra })
    }
}

impl WebscrapingFilter {
    pub(super) fn decode_fields(decoder: &mut Decoder, fields: &mut Fields<'_>) -> Option<Self> {
        let provider = decoder.required(fields, "provider", short_text);
        let extraction_prompt = decoder.required(fields, "extractionPrompt", long_text);
        let page_finding_prompt = decoder.required(fields, "pageFindingPrompt", long_text);
        let include = decoder.required(fields, "includeSearchStrings", search_strings);
        let exclude = decoder.required(fields, "excludeSearchStrings", search_strings);
        let extra = decoder.extra(fields);
        Some(Self {
            provider: provider?,
            extraction_prompt: extraction_prompt?,
            page_finding_prompt: page_finding_prompt?,
            include_search_strings: include?,
            exclude_search_strings: exclude?,
            extra,
        })
    }
}

impl AiFilter {
    pub(super) fn decode_fields(decoder: &mut Decoder, fields: &mut Fields<'_>) -> Option<Self> {
        let entity_type = decoder.required(fields, "entityType", Decoder::open);
        let prompt = decoder.required(fields, "prompt", long_text);
        let extra = decoder.extra(fields);
        Some(Self { entity_type: entity_type?, prompt: prompt?, extra })
    }
}

impl MatchFieldWithRegex {
    pub(super) fn decode_fields(decoder: &mut Decoder, fields: &mut Fields<'_>) -> Option<Self> {
        let field = decoder.required(fields, "field", short_text);
        let regex = decoder.required(fields, "regex", regular_expression);
        let extra = decoder.extra(fields);
        Some(Self { field: field?, regex: regex?, extra })
    }
}

/// Defines a filter that is one number with a default.
macro_rules! number_filter {
    ($(#[$meta:meta])* $filter:ident, $range:path, default $default:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct $filter {
            /// The number.
            pub value: i64,
            /// What this version does not know.
            #[serde(flatten)]
            pub extra: ExtraMembers,
        }

        impl $filter {
            /// What a missing `value` means.
            pub const DEFAULT: i64 = $default;

            pub(super) fn decode_fields(decoder: &mut Decoder, fields: &mut Fields<'_>) -> Option<Self> {
                let read = |decoder: &mut Decoder, json: Json<'_>| decoder.integer(json, &$range);
                let value = decoder.or_else(fields, "value", || Self::DEFAULT, read);
                let extra = decoder.extra(fields);
                Some(Self { value: value?, extra })
            }
        }

        impl Default for $filter {
            fn default() -> Self {
                Self { value: Self::DEFAULT, extra: ExtraMembers::default() }
            }
        }
    };
}

number_filter! {
    /// The most leads of one company.
    MaxPeoplePerCompany, limits::PEOPLE_PER_COMPANY, default 1
}
number_filter! {
    /// The most percent of leads that come from the CRM.
    MaxPercentFromCrm, limits::PERCENT_FROM_CRM, default 100
}
number_filter! {
    /// The days before a lead may be used again.
    MinDaysUntilReuse, limits::DAYS_UNTIL_REUSE, default 365
}

fn short_text(decoder: &mut Decoder, json: Json<'_>) -> Option<String> {
    decoder.filled_text(json, limits::SHORT_TEXT)
}

fn long_text(decoder: &mut Decoder, json: Json<'_>) -> Option<String> {
    decoder.text(json, limits::LONG_TEXT)
}

fn search_strings(decoder: &mut Decoder, json: Json<'_>) -> Option<Vec<String>> {
    decoder.array(json, limits::SEARCH_STRINGS, |decoder, json| decoder.text(json, limits::SEARCH_STRING))
}

fn regular_expression(decoder: &mut Decoder, json: Json<'_>) -> Option<String> {
    let regex = decoder.text(json, limits::REGEX)?;
    if decoder.is_strict() && regress::Regex::new(&regex).is_err() {
        return decoder.fault(FaultCode::InvalidValue, "must be an ECMAScript regular expression");
    }
    Some(regex)
}
