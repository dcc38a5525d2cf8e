//! The members of an ICP that its users write, each read in one way wherever it stands.

use crate::criteria::{CrmFilters, CustomFilter, LeadProviderCriterion};
use crate::decode::Decoder;
use crate::json::Json;
use crate::part::Part;
use crate::{Timestamp, limits};

pub(crate) fn name(decoder: &mut Decoder, json: Json<'_>) -> Option<String> {
    decoder.filled_text(json, limits::NAME)
}

#[expect(clippy::option_option, reason = "could it be read, and is it null")]
pub(crate) fn description(decoder: &mut Decoder, json: Json<'_>) -> Option<Option<String>> {
    decoder.nullable(json, |decoder, json| decoder.text(json, limits::DESCRIPTION))
}

pub(crate) fn lead_provider_criteria(
    decoder: &mut Decoder,
    json: Json<'_>,
) -> Option<Vec<Part<LeadProviderCriterion>>> {
    decoder.parts(json, limits::LEAD_PROVIDER_CRITERIA)
}

pub(crate) fn custom_filters(decoder: &mut Decoder, json: Json<'_>) -> Option<Vec<Part<CustomFilter>>> {
    decoder.parts(json, limits::CUSTOM_FILTERS)
}

#[expect(clippy::option_option, reason = "could it be read, and is it null")]
pub(crate) fn crm_filters(decoder: &mut Decoder, json: Json<'_>) -> Option<Option<Part<CrmFilters>>> {
    decoder.nullable(json, Decoder::part)
}

pub(crate) fn leads_per_list(decoder: &mut Decoder, json: Json<'_>) -> Option<i64> {
    decoder.integer(json, &limits::LEADS_PER_LIST)
}

#[expect(clippy::option_option, reason = "could it be read, and is it null")]
pub(crate) fn active_until(decoder: &mut Decoder, json: Json<'_>) -> Option<Option<Timestamp>> {
    decoder.nullable(json, Decoder::timestamp)
}
