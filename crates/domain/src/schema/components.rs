//! The schemas of the ICP and of the bodies that write it, by name.

use serde_json::{Map, Value, json};

use super::object::{Form, ObjectSchema};
use super::{COMPONENTS, Side};
use crate::Icp;
use crate::criteria::{CrmCondition, CrmFilters, CustomFilter, LeadProviderCriterion};
use crate::decode::Record;

const NEW_ICP_DESCRIPTION: &str = "The body that creates an ICP. The creator becomes a user of the ICP, even if \
     `userIds` does not contain the creator.";
const PATCH_DESCRIPTION: &str = "The body that changes an ICP. An absent field stays unchanged; null clears \
     `description`, `crmFilters` and `activeUntil`; arrays and objects are replaced as a whole. `id`, `createdAt` and \
     `updatedAt` may be sent back unchanged.";

/// A filter: the name of its schema, its `type`, and a function that describes its fields.
pub(crate) type FilterDeclaration = (&'static str, &'static str, fn(&mut ObjectSchema, Form));

/// A type that other schemas refer to.
pub(crate) trait Component {
    fn reference(side: Side) -> Value;
}

impl<T: Record> Component for T {
    fn reference(side: Side) -> Value {
        side.reference(T::NAME)
    }
}

impl Component for CustomFilter {
    /// Responses include `UnknownFilter`. Without it, a generated client could not read a list that contains a filter
    /// of a newer version.
    fn reference(side: Side) -> Value {
        let known = side.reference("CustomFilter");
        match side {
            Side::Response => json!({"oneOf": [known, {"$ref": format!("{COMPONENTS}UnknownFilter")}]}),
            Side::Request => known,
        }
    }
}

/// Returns all schemas by name, for the `components/schemas` of an OpenAPI document.
pub fn components() -> Map<String, Value> {
    let mut components = Map::new();
    for side in [Side::Response, Side::Request] {
        let mut add = |name, schema| components.insert(side.name(name), schema);
        add(LeadProviderCriterion::NAME, object(side, Form::Record, LeadProviderCriterion::describe));
        add(CrmFilters::NAME, object(side, Form::Record, CrmFilters::describe));
        add(CrmCondition::NAME, object(side, Form::Record, CrmCondition::describe));
        add_custom_filters(&mut components, side);
    }
    components.insert("LeadProviderFilters".to_owned(), lead_provider_filters());
    components.insert("UnknownFilter".to_owned(), unknown_filter());
    components.insert("Icp".to_owned(), object(Side::Response, Form::Record, Icp::describe));
    components.insert("NewIcp".to_owned(), body(Form::New, NEW_ICP_DESCRIPTION));
    components.insert("IcpPatch".to_owned(), body(Form::Patch, PATCH_DESCRIPTION));
    components
}

fn object(side: Side, form: Form, describe: fn(&mut ObjectSchema, Form)) -> Value {
    let mut object = ObjectSchema::new(side);
    describe(&mut object, form);
    object.finish()
}

/// Returns the schema of a request body with the fields of an ICP.
fn body(form: Form, description: &str) -> Value {
    let mut object = ObjectSchema::new(Side::Request);
    Icp::describe(&mut object, form);
    object.describe(&[description]);
    object.finish()
}

fn add_custom_filters(components: &mut Map<String, Value>, side: Side) {
    let mut references = Vec::new();
    let mut mapping = Map::new();
    for (component, type_name, describe) in CustomFilter::declarations() {
        let mut object = ObjectSchema::new(side);
        object.add_type(type_name);
        describe(&mut object, Form::Record);
        components.insert(side.name(component), object.finish());
        references.push(side.reference(component));
        mapping.insert(type_name.to_owned(), json!(format!("{COMPONENTS}{}", side.name(component))));
    }
    let any = json!({
        "description": "A filter that is applied after the provider search. Its `type` determines which one it is.",
        "oneOf": references, "discriminator": {"propertyName": "type", "mapping": mapping},
    });
    components.insert(side.name("CustomFilter"), any);
}

fn lead_provider_filters() -> Value {
    json!({
        "type": "object", "additionalProperties": true,
        "description": "The search, in the format of the provider: an object with any content, returned as it was sent.",
        "examples": [{"job_title": ["CTO", "VP of Engineering"], "location": ["Germany"]}],
    })
}

fn unknown_filter() -> Value {
    json!({
        "type": "object", "required": ["type"], "additionalProperties": true,
        "description": "A filter of a type that is not described here, which a newer version wrote. Ignore it.",
        "properties": {"type": {"type": "string", "not": {"enum": CustomFilter::TYPE_NAMES}}},
    })
}
