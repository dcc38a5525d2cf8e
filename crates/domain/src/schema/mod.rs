//! JSON Schemas of the ICP and of the request bodies that write it, in the dialect 2020-12, which OpenAPI 3.1 uses.
//!
//! The schemas derive from the same declarations as the decoder. Schemas of responses have no length, range or pattern
//! limits, because stored ICPs are read leniently. Descriptions state the rules that a schema cannot express.
//!
//! ```
//! use icp_domain::schema;
//!
//! let schema = schema::json_schema("NewIcp").unwrap();
//! assert_eq!(schema["required"], serde_json::json!(["name", "leadProviderCriteria"]));
//! assert_eq!(schema["properties"]["name"]["maxLength"], 255);
//! ```

mod components;
mod object;

use serde_json::{Map, Value, json};

#[cfg(feature = "openapi")]
pub use crate::text::VISIBLE;
pub use components::components;
pub(crate) use components::{Component, FilterDeclaration};
pub(crate) use object::{Form, ObjectSchema};

/// Prefix of references between the schemas of an OpenAPI document.
const COMPONENTS: &str = "#/components/schemas/";

/// The direction of a message that a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A message from the service. Every field is present unless it is optional. Newer versions may add fields and
    /// names, which clients must ignore.
    Response,
    /// A message from a client. Fields with defaults may be absent, and only known fields may be present.
    Request,
}

impl Side {
    /// Returns the name of a component for messages in this direction.
    fn name(self, name: &str) -> String {
        match self {
            Self::Response => name.to_owned(),
            Self::Request => format!("{name}Input"),
        }
    }

    pub(crate) fn reference(self, name: &str) -> Value {
        json!({"$ref": format!("{COMPONENTS}{}", self.name(name))})
    }
}

/// Adds the limits to the schema if it describes a request.
pub(crate) fn with_limits(side: Side, mut schema: Value, limits: Value) -> Value {
    if let (Side::Request, Value::Object(schema), Value::Object(limits)) = (side, &mut schema, limits) {
        schema.extend(limits);
    }
    schema
}

/// Returns one of the [`components`] as a self-contained JSON Schema, with the schemas that it refers to in `$defs`.
/// Returns `None` if there is no component of that name.
pub fn json_schema(name: &str) -> Option<Value> {
    let components = components();
    let mut pending = vec![name.to_owned()];
    let mut definitions = Map::new();
    while let Some(name) = pending.pop() {
        if definitions.contains_key(&name) {
            continue;
        }
        let mut schema = components.get(&name)?.clone();
        localize_refs(&mut schema, &mut pending);
        definitions.insert(name, schema);
    }
    let mut schema = definitions.remove(name)?;
    let members = schema.as_object_mut()?;
    members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    if !definitions.is_empty() {
        members.insert("$defs".to_owned(), Value::Object(definitions));
    }
    Some(schema)
}

/// Replaces references to components by references to `$defs`, and adds the names of these components to `pending`.
fn localize_refs(schema: &mut Value, pending: &mut Vec<String>) {
    match schema {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix(COMPONENTS) {
                pending.push(name.to_owned());
                *text = format!("#/$defs/{name}");
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| localize_refs(element, pending)),
        Value::Object(members) => members.values_mut().for_each(|member| localize_refs(member, pending)),
        _ => {}
    }
}
