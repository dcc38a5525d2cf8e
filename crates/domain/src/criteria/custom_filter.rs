use serde::Serialize;

use super::filters::{
    AiFilter, MatchFieldWithRegex, MaxPeoplePerCompany, MaxPercentFromCrm, MinDaysUntilReuse,
    WebscrapingFilter, WebsiteFilter,
};
use crate::decode::{Decode, Decoder, Fields, Record, impl_deserialize};
use crate::json::Json;
use crate::violation::ViolationCode;

/// Declares the enumeration of filters. Each line has a filter's variant, its struct (see `filters.rs`), and its `type`
/// in JSON.
macro_rules! custom_filters {
    ($($(#[doc = $doc:literal])+ $variant:ident($filter:ident) = $name:literal,)+) => {
        /// A filter that is applied after the searches at lead providers (`leadProviderCriteria`). Its `type`
        /// determines the variant.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "type")]
        #[non_exhaustive]
        pub enum CustomFilter {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant($filter),)+
        }

        impl CustomFilter {
            /// The `type` of every filter that this version knows.
            pub const TYPE_NAMES: &'static [&'static str] = &[$($name),+];

            fn decode_type(
                decoder: &mut Decoder,
                type_name: &str,
                json: Json<'_>,
                fields: &mut Fields<'_>,
            ) -> Option<Self> {
                match type_name {
                    $($name => $filter::decode_fields(decoder, fields).map(Self::$variant),)+
                    _ => decoder.within_member("type", Some(json), |decoder| {
                        let names = Self::TYPE_NAMES.join("\", \"");
                        decoder.wrong_value(ViolationCode::InvalidValue, json, &format!("one of \"{names}\""))
                    }),
                }
            }

            /// Returns the `provider` of the filter, or `None` if filters of its type have no such field.
            pub(crate) fn provider(&self) -> Option<&str> {
                match self {
                    $(Self::$variant(filter) => filter.provider(),)+
                }
            }

            /// Returns the schema name of each filter, its `type`, and a function that describes its fields.
            pub(crate) fn declarations() -> Vec<crate::schema::FilterDeclaration> {
                vec![$((concat!(stringify!($variant), "Filter"), $name, $filter::describe),)+]
            }
        }

        $(impl From<$filter> for CustomFilter {
            fn from(filter: $filter) -> Self {
                Self::$variant(filter)
            }
        })+
    };
}

// To add a filter: declare its struct in `filters.rs`, add a line here, and add an example at the same
// position in `FULL` (`tests/contract/support.rs`).
custom_filters! {
    /// Evaluates a website with a prompt.
    Website(WebsiteFilter) = "website",
    /// Extracts information from the pages of a website.
    Webscraping(WebscrapingFilter) = "webscraping",
    /// Lets a language model evaluate a lead.
    Ai(AiFilter) = "ai",
    /// Limits the number of leads per company.
    MaxPeoplePerCompany(MaxPeoplePerCompany) = "maxPeoplePerCompany",
    /// Limits the share of leads that the CRM already has.
    MaxPercentFromCrm(MaxPercentFromCrm) = "maxPercentFromCRM",
    /// Sets a minimum number of days before a lead is used again.
    MinDaysUntilReuse(MinDaysUntilReuse) = "minDaysUntilReuse",
    /// Keeps the leads whose field matches a regular expression.
    MatchFieldWithRegex(MatchFieldWithRegex) = "matchFieldWithRegex",
}

impl_deserialize!(CustomFilter);

impl Decode for CustomFilter {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self> {
        let fields = &mut decoder.object(json)?;
        let read = |decoder: &mut Decoder, json| decoder.string(json).map(|name| (name, json));
        let (type_name, json) = decoder.required_member(fields, "type", read)?;
        Self::decode_type(decoder, &type_name, json, fields)
    }
}
