use serde::Serialize;

use crate::decode::{Decode, Decoder, impl_deserialize};
use crate::extra::ExtraMembers;
use crate::json::{Json, JsonText};
use crate::limits;
use crate::open_enum::open_enum;
use crate::part::Part;

open_enum! {
    /// Which CRM.
    CrmProvider {
        /// `"bullhorn"`, today the only one.
        Bullhorn = "bullhorn",
    }
}

/// What is drawn from a CRM. Of `text_search` and `query`, the outer `Option` says whether the member is there and the
/// inner one whether it is `null`: the two are different things, and both survive.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CrmFilters {
    /// Which CRM.
    pub provider: CrmProvider,
    /// Free text for the occupation field, such as `Head OR Leit* OR Direktor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_search: Option<Option<String>>,
    /// Conditions, all of which must hold.
    pub filters: Vec<Part<CrmCondition>>,
    /// The query of earlier versions, still accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Option<String>>,
    /// What this version does not know.
    #[serde(flatten)]
    pub extra: ExtraMembers,
}

/// One condition on a record of the CRM.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrmCondition {
    /// Which field, such as `address.countryID`.
    pub path: String,
    /// How it is compared, such as `equals`: the CRM's word.
    pub mode: String,
    /// What it is compared with: any JSON, kept as it was written. Absent and `null` are different things.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<JsonText>,
    /// Whether records that match are left out instead of kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude: Option<bool>,
    /// What this version does not know.
    #[serde(flatten)]
    pub extra: ExtraMembers,
}

impl_deserialize!(CrmFilters, CrmCondition);

impl Decode for CrmFilters {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self> {
        let fields = &mut decoder.object(json)?;
        let provider = decoder.required(fields, "provider", Decoder::open);
        let text_search = decoder.optional(fields, "textSearch", nullable_text);
        let filters =
            decoder.required(fields, "filters", |decoder, json| decoder.parts(json, limits::CRM_CONDITIONS));
        let query = decoder.optional(fields, "query", nullable_text);
        let extra = decoder.extra(fields);
        Some(Self { provider: provider?, text_search: text_search?, filters: filters?, query: query?, extra })
    }
}

impl Decode for CrmCondition {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self> {
        let fields = &mut decoder.object(json)?;
        let path = decoder.required(fields, "path", short_text);
        let mode = decoder.required(fields, "mode", short_text);
        let value = decoder.optional(fields, "value", |_, json| Some(json.to_owned()));
        let exclude = decoder.optional(fields, "exclude", Decoder::boolean);
        let extra = decoder.extra(fields);
        Some(Self { path: path?, mode: mode?, value: value?, exclude: exclude?, extra })
    }
}

fn short_text(decoder: &mut Decoder, json: Json<'_>) -> Option<String> {
    decoder.filled_text(json, limits::SHORT_TEXT)
}

#[expect(clippy::option_option, reason = "could it be read, and is it null")]
fn nullable_text(decoder: &mut Decoder, json: Json<'_>) -> Option<Option<String>> {
    decoder.nullable(json, |decoder, json| decoder.text(json, limits::LONG_TEXT))
}
