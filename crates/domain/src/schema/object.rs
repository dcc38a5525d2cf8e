use serde_json::{Map, Value, json};

use super::Side;
use crate::decode::{Field, Format};

/// The kind of object whose fields are described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A stored record.
    Record,
    /// The body that creates an ICP.
    New,
    /// The body that changes an ICP.
    Patch,
}

/// The schema of an object, to which fields are added.
pub(crate) struct ObjectSchema {
    side: Side,
    description: String,
    required: Vec<&'static str>,
    properties: Map<String, Value>,
}

impl ObjectSchema {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, description: String::new(), required: Vec::new(), properties: Map::new() }
    }

    /// Sets the description to the first paragraph of a doc comment.
    pub(crate) fn describe(&mut self, doc: &[&str]) {
        self.description = first_paragraph(doc);
    }

    /// Adds a field with its doc comment.
    pub(crate) fn add<F: Format>(&mut self, field: Field<F>, form: Form, doc: &[&str]) {
        if form == Form::New && field.is_read_only {
            return;
        }
        let new_default = field.new_default.filter(|_| form == Form::New);
        let default = new_default.or(field.default);
        let is_required = match (self.side, form) {
            (_, Form::Patch) => false,
            (Side::Response, _) => field.is_absent.is_none(),
            (Side::Request, _) => default.is_none(),
        };
        if is_required {
            self.required.push(field.name);
        }
        let default = default
            .filter(|_| self.side == Side::Request && form != Form::Patch && field.is_absent.is_none());
        let mut schema = field.format.schema(self.side);
        if let Some(schema) = schema.as_object_mut().filter(|schema| !schema.contains_key("$ref")) {
            schema.insert("description".to_owned(), json!(first_paragraph(doc)));
            if let Some(default) = default.and_then(|default| serde_json::to_value(default).ok()) {
                schema.insert("default".to_owned(), default);
            }
        }
        self.properties.insert(field.name.to_owned(), schema);
    }

    /// Adds the field `type`, whose constant value identifies the type of a filter.
    pub(crate) fn add_type(&mut self, name: &'static str) {
        self.required.push("type");
        self.properties.insert("type".to_owned(), json!({"const": name, "type": "string"}));
    }

    pub(crate) fn finish(self) -> Value {
        let mut object = json!({
            "type": "object", "description": self.description, "required": self.required,
            "properties": self.properties,
        });
        if let (Side::Request, Value::Object(object)) = (self.side, &mut object) {
            object.insert("additionalProperties".to_owned(), json!(false));
        }
        object
    }
}

fn first_paragraph(doc: &[&str]) -> String {
    let lines = doc.iter().map(|line| line.trim()).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}
