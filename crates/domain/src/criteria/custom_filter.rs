use serde::Serialize;

use super::filters::{
    AiFilter, MatchFieldWithRegex, MaxPeoplePerCompany, MaxPercentFromCrm, MinDaysUntilReuse,
    WebscrapingFilter, WebsiteFilter,
};
use crate::decode::{Decode, Decoder, Fields, impl_deserialize};
use crate::fault::FaultCode;
use crate::json::Json;

/// Defines the enumeration, its names on the wire and its decoding from one list.
macro_rules! custom_filters {
    ($($(#[$meta:meta])* $variant:ident($filter:ident) = $name:literal,)+) => {
        /// A filter that is applied after the provider's search, told from others by `type`.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "type")]
        pub enum CustomFilter {
            $($(#[$meta])* #[serde(rename = $name)] $variant($filter),)+
        }

        impl CustomFilter {
            /// The name of this filter's `type` on the wire.
            pub fn type_name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }

            /// The names of all types that this version knows.
            pub const TYPE_NAMES: &'static [&'static str] = &[$($name),+];

            fn decode_type(decoder: &mut Decoder, type_name: &str, fields: &mut Fields<'_>) -> Option<Self> {
                match type_name {
                    $($name => $filter::decode_fields(decoder, fields).map(Self::$variant),)+
                    _ => decoder.within_member("type", |decoder| {
                        let names = Self::TYPE_NAMES.join("\", \"");
                        decoder.fault(FaultCode::InvalidValue, format!("must be one of \"{names}\""))
                    }),
                }
            }
        }
    };
}

// To add a filter type: its struct in `filters.rs`, a line here, an example in the tests.
custom_filters! {
    /// Judges a company by its website.
    Website(WebsiteFilter) = "website",
    /// Reads pages of a company's website.
    Webscraping(WebscrapingFilter) = "webscraping",
    /// Has a model judge a lead.
    Ai(AiFilter) = "ai",
    /// Bounds the leads of one company.
    MaxPeoplePerCompany(MaxPeoplePerCompany) = "maxPeoplePerCompany",
    /// Bounds the share of leads that the CRM has already.
    MaxPercentFromCrm(MaxPercentFromCrm) = "maxPercentFromCRM",
    /// Lets a lead rest before it is used again.
    MinDaysUntilReuse(MinDaysUntilReuse) = "minDaysUntilReuse",
    /// Keeps leads whose field matches a pattern.
    MatchFieldWithRegex(MatchFieldWithRegex) = "matchFieldWithRegex",
}

impl_deserialize!(CustomFilter);

impl Decode for CustomFilter {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self> {
        let fields = &mut decoder.object(json)?;
        let type_name = decoder.required(fields, "type", |decoder, json| decoder.text(json, usize::MAX))?;
        Self::decode_type(decoder, &type_name, fields)
    }
}
