//! JSON Schemas (2020-12, which is what OpenAPI 3.1 uses) of the ICP and of the bodies that write it.
//!
//! They are made of the same [limits](crate::limits) and names that reading and writing go by. What a schema cannot say
//! (that a regular expression is one, that a user is listed once whatever the case may be elsewhere) its description says.
//!
//! ```
//! use icp_domain::schema;
//!
//! let schema = schema::json_schema("NewIcp").unwrap();
//! assert_eq!(schema["required"], serde_json::json!(["name", "leadProviderCriteria"]));
//! assert_eq!(schema["properties"]["name"]["maxLength"], 255);
//! ```

mod filters;
mod icp;

use serde_json::{Map, Value, json};

/// Where schemas refer to one another in an OpenAPI document.
const COMPONENTS: &str = "#/components/schemas/";

/// Who sends what a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// The service: every member is there. It may hold what a newer version wrote, which clients ignore.
    Answer,
    /// A client: defaults may be left out, and nothing may be there that is not known.
    Request,
}

/// All schemas by their names, as the `components/schemas` of an OpenAPI document.
pub fn components() -> Map<String, Value> {
    let mut components = Map::new();
    for side in [Side::Answer, Side::Request] {
        filters::add(&mut components, side);
    }
    icp::add(&mut components);
    components
}

/// One of the [`components`] as a JSON Schema that stands for itself, with what it refers to among its `$defs`; `None`
/// for a name that there is not.
pub fn json_schema(name: &str) -> Option<Value> {
    let components = components();
    let mut wanted = vec![name.to_owned()];
    let mut definitions = Map::new();
    while let Some(name) = wanted.pop() {
        if definitions.contains_key(&name) {
            continue;
        }
        let mut schema = components.get(&name)?.clone();
        localize(&mut schema, &mut wanted);
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

/// Turns references to components into references to `$defs`, and notes what they name.
fn localize(schema: &mut Value, wanted: &mut Vec<String>) {
    match schema {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix(COMPONENTS) {
                wanted.push(name.to_owned());
                *text = format!("#/$defs/{name}");
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| localize(element, wanted)),
        Value::Object(members) => members.values_mut().for_each(|member| localize(member, wanted)),
        _ => {}
    }
}

impl Side {
    /// The name of a component on this side.
    fn name(self, name: &str) -> String {
        match self {
            Self::Answer => name.to_owned(),
            Self::Request => format!("{name}Input"),
        }
    }

    fn reference(self, name: &str) -> Value {
        json!({"$ref": format!("{COMPONENTS}{}", self.name(name))})
    }

    /// An object with these members, of which `optional` may be left out of a request.
    fn object(self, description: &str, members: &Value, optional: &[&str]) -> Value {
        let names = members.as_object().into_iter().flat_map(Map::keys);
        let required: Vec<_> =
            names.filter(|name| self == Self::Answer || !optional.contains(&name.as_str())).collect();
        let mut object = json!({
            "type": "object", "description": description, "required": required, "properties": members,
        });
        if let (Self::Request, Value::Object(object)) = (self, &mut object) {
            object.insert("additionalProperties".to_owned(), json!(false));
        }
        object
    }

    /// A text of which newer versions may know more.
    fn open_enum(self, names: &[&str], description: &str) -> Value {
        match self {
            Self::Answer => json!({"type": "string", "examples": names, "description": description}),
            Self::Request => json!({"type": "string", "enum": names, "description": description}),
        }
    }
}

fn text(description: &str, least: usize, most: usize) -> Value {
    let mut text = json!({"type": "string", "maxLength": most, "description": description});
    if let (1.., Value::Object(text)) = (least, &mut text) {
        text.insert("minLength".to_owned(), json!(least));
    }
    text
}

fn integer(description: &str, range: &std::ops::RangeInclusive<i64>, default: i64) -> Value {
    json!({
        "type": "integer", "format": "int64", "minimum": range.start(), "maximum": range.end(), "default": default,
        "description": description,
    })
}

/// The same schema, for `null`, too.
fn nullable(mut schema: Value) -> Value {
    if schema.get("$ref").is_some() {
        return json!({"oneOf": [schema, {"type": "null"}]});
    }
    if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind, "null"]);
    }
    schema
}
