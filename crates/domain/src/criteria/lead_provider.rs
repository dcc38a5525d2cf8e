use serde::Serialize;

use crate::decode::{Decode, Decoder, impl_deserialize};
use crate::extra::ExtraMembers;
use crate::fault::FaultCode;
use crate::json::{Json, JsonText, Kind};
use crate::open_enum::open_enum;

open_enum! {
    /// Where leads are searched.
    LeadProvider {
        /// `"baseProvider"`, today the only one.
        BaseProvider = "baseProvider",
    }
}

open_enum! {
    /// What is searched for.
    SearchType {
        /// `"person"`: also what a criterion without a type means.
        Person = "person",
        /// `"company"`
        Company = "company",
    }
}

/// One search to run at a lead provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeadProviderCriterion {
    /// Where.
    pub provider: LeadProvider,
    /// For whom. Legacy records leave it out, which means [`SearchType::Person`].
    #[serde(rename = "type")]
    pub search_type: SearchType,
    /// The search itself. It belongs to the provider: an object with any JSON inside, kept as it was written.
    pub filters: JsonText,
    /// What this version does not know.
    #[serde(flatten)]
    pub extra: ExtraMembers,
}

impl_deserialize!(LeadProviderCriterion);

impl Decode for LeadProviderCriterion {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self> {
        let fields = &mut decoder.object(json)?;
        let provider = decoder.required(fields, "provider", Decoder::open);
        let search_type = decoder.or_else(fields, "type", || SearchType::Person, Decoder::open);
        let filters = decoder.required(fields, "filters", any_object);
        let extra = decoder.extra(fields);
        Some(Self { provider: provider?, search_type: search_type?, filters: filters?, extra })
    }
}

fn any_object(decoder: &mut Decoder, json: Json<'_>) -> Option<JsonText> {
    if json.kind() == Kind::Object {
        Some(json.to_owned())
    } else {
        decoder.fault(FaultCode::InvalidType, "must be an object")
    }
}
