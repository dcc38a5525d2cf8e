//! Criteria and filters.

use serde_json::{Map, Value, json};

use super::{COMPONENTS, Side, integer, nullable, text};
use crate::criteria::{CustomFilter, MaxPeoplePerCompany, MaxPercentFromCrm, MinDaysUntilReuse};
use crate::limits;

pub(super) fn add(components: &mut Map<String, Value>, side: Side) {
    components.insert("LeadProviderFilters".to_owned(), lead_provider_filters());
    components.insert(side.name("LeadProviderCriterion"), lead_provider_criterion(side));
    let kinds = custom_filters(side);
    components.insert(side.name("CustomFilter"), custom_filter(side, &kinds));
    if side == Side::Answer {
        components.insert("UnknownFilter".to_owned(), unknown_filter());
    }
    components.extend(kinds.into_iter().map(|kind| (side.name(kind.component), kind.schema)));
    components.insert(side.name("CrmFilters"), crm_filters(side));
    components.insert(side.name("CrmCondition"), crm_condition(side));
}

fn lead_provider_criterion(side: Side) -> Value {
    let mut search_type = side.open_enum(&["person", "company"], "What is searched for.");
    if let Value::Object(search_type) = &mut search_type {
        search_type.insert("default".to_owned(), json!("person"));
    }
    let members = json!({
        "provider": side.open_enum(&["baseProvider"], "Where leads are searched."),
        "type": search_type,
        "filters": {"$ref": format!("{COMPONENTS}LeadProviderFilters")},
    });
    side.object("One search to run at a lead provider.", &members, &["type"])
}

/// The same on both sides: nobody looks into it.
fn lead_provider_filters() -> Value {
    json!({
        "type": "object", "additionalProperties": true,
        "description": "The search itself. It belongs to the provider: any JSON may stand in it, and comes back as it was sent.",
        "examples": [{"job_title": ["CTO", "VP of Engineering"], "location": ["Germany"]}],
    })
}

struct Kind {
    name: &'static str,
    component: &'static str,
    schema: Value,
}

fn custom_filter(side: Side, kinds: &[Kind]) -> Value {
    let reference = |kind: &Kind| format!("{COMPONENTS}{}", side.name(kind.component));
    let mapping: Map<String, Value> =
        kinds.iter().map(|kind| (kind.name.to_owned(), json!(reference(kind)))).collect();
    json!({
        "description": "A filter that is applied after the provider's search, told from others by `type`.",
        "oneOf": kinds.iter().map(|kind| json!({"$ref": reference(kind)})).collect::<Vec<_>>(),
        "discriminator": {"propertyName": "type", "mapping": mapping},
    })
}

/// What a list of filters holds. The types that are known stand under a name of their own, which leaves programs a union
/// to tell apart by `type`.
pub(super) fn filters_of_list(side: Side) -> Value {
    let known = side.reference("CustomFilter");
    match side {
        Side::Answer => json!({"oneOf": [known, {"$ref": format!("{COMPONENTS}UnknownFilter")}]}),
        Side::Request => known,
    }
}

/// Without it, a generated client would fail to read a whole list for one filter of a newer version.
fn unknown_filter() -> Value {
    json!({
        "type": "object", "required": ["type"], "additionalProperties": true,
        "description": "A filter of a type that is not described here: a newer version wrote it. Ignore it.",
        "properties": {"type": {"type": "string", "not": {"enum": CustomFilter::TYPE_NAMES}}},
    })
}

/// Every filter type, in the order of the enumeration.
fn custom_filters(side: Side) -> Vec<Kind> {
    CustomFilter::TYPE_NAMES.iter().filter_map(|name| kind(side, name)).collect()
}

fn kind(side: Side, name: &'static str) -> Option<Kind> {
    let prompt = |description| text(description, 0, limits::LONG_TEXT);
    let provider = |example| {
        let mut provider = text("Who does it: any name.", 1, limits::SHORT_TEXT);
        if let Value::Object(provider) = &mut provider {
            provider.insert("examples".to_owned(), json!([example]));
        }
        provider
    };
    let (component, description, mut members, optional): (_, _, Value, &[&str]) = match name {
        "website" => (
            "WebsiteFilter",
            "Judges a company by its website.",
            json!({"provider": provider("browserUse"), "prompt": prompt("What to judge.")}),
            &[],
        ),
        "webscraping" => (
            "WebscrapingFilter",
            "Reads pages of a company's website.",
            json!({
                "provider": provider("firecrawl"),
                "extractionPrompt": prompt("What to extract."),
                "pageFindingPrompt": prompt("Which pages to look for."),
                "includeSearchStrings": search_strings("Pages that hold one of these are taken."),
                "excludeSearchStrings": search_strings("Pages that hold one of these are not."),
            }),
            &[],
        ),
        "ai" => (
            "AiFilter",
            "Has a model judge a lead.",
            json!({
                "entityType": side.open_enum(&["company", "person"], "What is judged."),
                "prompt": prompt("What to judge."),
            }),
            &[],
        ),
        "maxPeoplePerCompany" => number(
            "MaxPeoplePerCompanyFilter",
            "Bounds the leads of one company.",
            &integer("The most leads.", &limits::PEOPLE_PER_COMPANY, MaxPeoplePerCompany::DEFAULT),
        ),
        "maxPercentFromCRM" => number(
            "MaxPercentFromCrmFilter",
            "Bounds the share of leads that the CRM has already.",
            &integer("The most percent.", &limits::PERCENT_FROM_CRM, MaxPercentFromCrm::DEFAULT),
        ),
        "minDaysUntilReuse" => number(
            "MinDaysUntilReuseFilter",
            "Lets a lead rest before it is used again.",
            &integer("The least days.", &limits::DAYS_UNTIL_REUSE, MinDaysUntilReuse::DEFAULT),
        ),
        "matchFieldWithRegex" => (
            "MatchFieldWithRegexFilter",
            "Keeps leads whose field matches a pattern.",
            json!({
                "field": text("A path such as `firstName` or `company.headcount`.", 1, limits::SHORT_TEXT),
                "regex": text("An ECMAScript regular expression.", 0, limits::REGEX),
            }),
            &[],
        ),
        _ => return None,
    };
    if let Value::Object(members) = &mut members {
        members.insert("type".to_owned(), json!({"const": name, "type": "string"}));
    }
    Some(Kind { name, component, schema: side.object(description, &members, optional) })
}

fn number(
    component: &'static str,
    description: &'static str,
    value: &Value,
) -> (&'static str, &'static str, Value, &'static [&'static str]) {
    (component, description, json!({"value": value}), &["value"])
}

fn search_strings(description: &str) -> Value {
    json!({
        "type": "array", "maxItems": limits::SEARCH_STRINGS, "description": description,
        "items": {"type": "string", "maxLength": limits::SEARCH_STRING},
    })
}

fn crm_filters(side: Side) -> Value {
    let optional_text = |description| nullable(text(description, 0, limits::LONG_TEXT));
    let members = json!({
        "provider": side.open_enum(&["bullhorn"], "Which CRM."),
        "textSearch": optional_text("Free text for the occupation field, such as `Head OR Leit* OR Direktor`."),
        "filters": {
            "type": "array", "maxItems": limits::CRM_CONDITIONS, "items": side.reference("CrmCondition"),
            "description": "Conditions, all of which must hold.",
        },
        "query": optional_text("The query of earlier versions, still accepted."),
    });
    // Absent and null are different things in these, in answers, too.
    absent_in_answers(
        side.object("What is drawn from a CRM.", &members, &["textSearch", "query"]),
        &["textSearch", "query"],
    )
}

fn crm_condition(side: Side) -> Value {
    let members = json!({
        "path": text("Which field, such as `address.countryID`.", 1, limits::SHORT_TEXT),
        "mode": text("How it is compared, such as `equals`: the CRM's word.", 1, limits::SHORT_TEXT),
        "value": {"description": "What it is compared with: any JSON."},
        "exclude": {"type": "boolean", "description": "Whether records that match are left out instead of kept."},
    });
    absent_in_answers(
        side.object("One condition on a record of the CRM.", &members, &["value", "exclude"]),
        &["value", "exclude"],
    )
}

fn absent_in_answers(mut object: Value, names: &[&str]) -> Value {
    if let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|required| !names.iter().any(|name| required == name));
    }
    object
}
