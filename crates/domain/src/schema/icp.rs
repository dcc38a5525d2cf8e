//! The ICP, and the bodies that write it.

use serde_json::{Map, Value, json};

use super::{Side, filters, integer, nullable, text};
use crate::{Icp, limits};

const NEW: &str = "What creates an ICP. Its creator is among its users, whether they are listed or not.";
const PATCH: &str = "What changes an ICP. A member that is absent stays as it is; null clears `description`, `crmFilters` \
     or `activeUntil`; arrays and objects are replaced whole. `id`, `createdAt` and `updatedAt` may be sent back as they \
     were read.";

pub(super) fn add(components: &mut Map<String, Value>) {
    let answer = all(Side::Answer);
    components.insert("Icp".to_owned(), Side::Answer.object("An Ideal Customer Profile.", &answer, &[]));

    let mut new = all(Side::Request);
    if let Value::Object(new) = &mut new {
        new.retain(|name, _| !["id", "createdAt", "updatedAt"].contains(&name.as_str()));
    }
    let mut new = Side::Request.object(NEW, &new, &[]);
    set_required(&mut new, json!(["name", "leadProviderCriteria"]));
    components.insert("NewIcp".to_owned(), new);

    let mut patch = Side::Request.object(PATCH, &all(Side::Request), &[]);
    set_required(&mut patch, json!([]));
    components.insert("IcpPatch".to_owned(), without_defaults(patch));
}

fn set_required(object: &mut Value, required: Value) {
    if let Value::Object(object) = object {
        object.insert("required".to_owned(), required);
    }
}

/// What is left out of a patch has no default.
fn without_defaults(mut object: Value) -> Value {
    if let Some(members) = object.get_mut("properties").and_then(Value::as_object_mut) {
        for member in members.values_mut().filter_map(Value::as_object_mut) {
            member.remove("default");
        }
    }
    object
}

/// Every member of an ICP.
fn all(side: Side) -> Value {
    json!({
        "id": {"type": "string", "format": "uuid", "description": "The identifier."},
        "name": text("The display name.", 1, limits::NAME),
        "description": nullable(text("What it is about.", 0, limits::DESCRIPTION)),
        "createdAt": time("When it was created."),
        "updatedAt": time("When it was last changed. It moves on with every change."),
        "leadProviderCriteria": {
            "type": "array", "maxItems": limits::LEAD_PROVIDER_CRITERIA,
            "items": side.reference("LeadProviderCriterion"), "description": "Searches to run at lead providers.",
        },
        "customFilterCriteria": {
            "type": "array", "maxItems": limits::CUSTOM_FILTERS, "items": filters::filters_of_list(side), "default": [],
            "description": "Filters that are applied after the provider's search.",
        },
        "crmFilters": nullable(side.reference("CrmFilters")),
        "userIds": {
            "type": "array", "maxItems": limits::USERS, "uniqueItems": side == Side::Request,
            "items": user_id(side), "description": "The Clerk ids of the users with access.",
        },
        "leadsPerList": integer(
            "Leads in each generated list.", &limits::LEADS_PER_LIST, Icp::DEFAULT_LEADS_PER_LIST,
        ),
        "activeUntil": nullable(time("When it expires; never when null. An expired ICP stays visible.")),
    })
}

/// Ids that are read outlive the rules by which they were made.
fn user_id(side: Side) -> Value {
    match side {
        Side::Answer => json!({"type": "string", "minLength": 1, "examples": ["user_2abc"]}),
        Side::Request => json!({
            "type": "string", "minLength": 1, "maxLength": limits::USER_ID, "pattern": r"^\S+$",
            "examples": ["user_2abc"],
        }),
    }
}

fn time(description: &str) -> Value {
    json!({
        "type": "string", "format": "date-time", "examples": ["2024-01-15T10:30:00.000Z"], "description": description,
    })
}
