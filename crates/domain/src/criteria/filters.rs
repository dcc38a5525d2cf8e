//! Declares the custom filters. `custom_filter.rs` lists them.

use crate::decode::format::{filled_text, integer, list, open, regex, text};
use crate::decode::{Field, Format, record};
use crate::limits::{self, LONG_TEXT, SEARCH_STRING, SEARCH_STRINGS, SHORT_TEXT};
use crate::open_enum::open_enum;
use crate::unknown_fields::UnknownFields;

record! {
    /// Evaluates a website with a prompt.
    WebsiteFilter {
        /// Name of the service that visits the website, such as `browserUse`. Any name is valid.
        provider: String = Field::provider_name("provider", filled_text(SHORT_TEXT));
        /// The question, in natural language.
        prompt: String = Field::required("prompt", text(LONG_TEXT));
    }
}

record! {
    /// Extracts information from the pages of a website.
    WebscrapingFilter {
        /// Name of the service that reads the pages, such as `firecrawl`. Any name is valid.
        provider: String = Field::provider_name("provider", filled_text(SHORT_TEXT));
        /// The information to extract, in natural language.
        extraction_prompt: String = Field::required("extractionPrompt", text(LONG_TEXT));
        /// The pages to look for, in natural language.
        page_finding_prompt: String = Field::required("pageFindingPrompt", text(LONG_TEXT));
        /// Pages that contain one of these strings are included.
        include_search_strings: Vec<String> = Field::required("includeSearchStrings", search_strings());
        /// Pages that contain one of these strings are excluded.
        exclude_search_strings: Vec<String> = Field::required("excludeSearchStrings", search_strings());
    }
}

fn search_strings() -> impl Format<Value = Vec<String>> {
    list(text(SEARCH_STRING), SEARCH_STRINGS)
}

open_enum! {
    /// The entity that a language model evaluates.
    EntityType {
        /// `"company"`
        Company = "company",
        /// `"person"`
        Person = "person",
    }
}

record! {
    /// Lets a language model evaluate a lead.
    AiFilter {
        /// The entity that is evaluated.
        entity_type: EntityType = Field::required("entityType", open::<EntityType>());
        /// The question, in natural language.
        prompt: String = Field::required("prompt", text(LONG_TEXT));
    }
}

record! {
    /// Keeps the leads whose field matches a regular expression.
    MatchFieldWithRegex {
        /// Path of the field, such as `firstName`. Dots separate the names of nested fields.
        field: String = Field::required("field", filled_text(SHORT_TEXT));
        /// An ECMAScript regular expression without flags. Without the flag `u`, `\p{Lu}` matches the literal text
        /// `p{Lu}`.
        regex: String = Field::required("regex", regex());
    }
}

record! {
    /// Limits the number of leads per company.
    MaxPeoplePerCompany {
        /// Maximum number of leads.
        value: i64 = Field::with_default("value", integer(limits::PEOPLE_PER_COMPANY), Self::DEFAULT);
    }
}

record! {
    /// Limits the share of leads that the CRM already has.
    MaxPercentFromCrm {
        /// Maximum percentage of leads.
        value: i64 = Field::with_default("value", integer(limits::PERCENT_FROM_CRM), Self::DEFAULT);
    }
}

record! {
    /// Sets a minimum number of days before a lead is used again.
    MinDaysUntilReuse {
        /// Minimum number of days.
        value: i64 = Field::with_default("value", integer(limits::DAYS_UNTIL_REUSE), Self::DEFAULT);
    }
}

/// Implements the constructor and the default of filters whose only field is a number.
macro_rules! number_filters {
    ($($filter:ident default $default:literal,)+) => {$(
        impl $filter {
            /// The default of `value`.
            pub const DEFAULT: i64 = $default;

            /// Creates the filter.
            pub fn new(value: i64) -> Self {
                Self { value, unknown_fields: UnknownFields::default() }
            }
        }

        impl Default for $filter {
            fn default() -> Self {
                Self::new(Self::DEFAULT)
            }
        }
    )+};
}

number_filters! {
    MaxPeoplePerCompany default 1,
    MaxPercentFromCrm default 100,
    MinDaysUntilReuse default 365,
}
