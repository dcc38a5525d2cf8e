//! The tools as assistants see them. Their schemas are made of what the domain describes.

use std::sync::{Arc, LazyLock};

use icp_domain::{limits, schema};
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use super::arguments::DEFAULT_LIMIT;
use super::calls::ToolName;

static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| ToolName::ALL.into_iter().map(describe).collect());

pub(super) fn all() -> &'static [Tool] {
    &TOOLS
}

fn describe(name: ToolName) -> Tool {
    let reads = ToolAnnotations::new().read_only(true).open_world(false);
    let writes = ToolAnnotations::new().read_only(false).open_world(false);
    let (title, description, arguments, annotations) = match name {
        ToolName::List => (
            "List ICPs",
            "The Ideal Customer Profiles that name the signed-in user, oldest first, expired ones included. Gives `icps`, and \
             `nextCursor` when there are more: call again with the same arguments and it as `cursor`.",
            list_arguments(),
            reads,
        ),
        ToolName::Get => {
            ("Get an ICP", "One ICP, and its version.", object(&json!({"id": id()}), &["id"]), reads)
        }
        ToolName::Create => (
            "Create an ICP",
            "Creates an ICP; the signed-in user is among its users. Gives it with its id and version. Faults name their places \
             by JSON Pointers into `icp`.",
            create_arguments(),
            writes.destructive(false).idempotent(false),
        ),
        ToolName::Update => (
            "Change an ICP",
            "Replaces the members of an ICP that `changes` holds, whole, and leaves the others as they are. Gives the ICP as it \
             is then. Faults name their places by JSON Pointers into `changes`.",
            update_arguments(),
            writes.destructive(true).idempotent(true),
        ),
        ToolName::Delete => (
            "Delete an ICP",
            "Deletes an ICP for good.",
            object(&json!({"id": id(), "ifMatch": if_match()}), &["id"]),
            writes.destructive(true).idempotent(true),
        ),
        ToolName::Validate => (
            "Validate an ICP",
            "Says whether `create_icp` would take an ICP, and writes nothing. All faults come at once.",
            with_schema("icp", "NewIcp", json!({}), &["icp"]),
            reads,
        ),
    };
    Tool::new(name.as_str(), description, Arc::new(arguments)).with_title(title).with_annotations(annotations)
}

fn object(members: &Value, required: &[&str]) -> Map<String, Value> {
    let object = json!({
        "type": "object", "properties": members, "required": required, "additionalProperties": false,
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// Arguments of which one has a schema of the domain's, whose definitions go to the top: there references look for them.
fn with_schema(member: &str, schema: &str, mut others: Value, required: &[&str]) -> Map<String, Value> {
    let mut schema = schema::json_schema(schema).unwrap_or_default();
    let members = schema.as_object_mut();
    let definitions = members.and_then(|members| {
        members.remove("$schema");
        members.remove("$defs")
    });
    if let Value::Object(others) = &mut others {
        others.insert(member.to_owned(), schema);
    }
    let mut arguments = object(&others, required);
    arguments.extend(definitions.map(|definitions| ("$defs".to_owned(), definitions)));
    arguments
}

fn create_arguments() -> Map<String, Value> {
    let key = json!({
        "idempotencyKey": {
            "type": "string", "minLength": 1, "maxLength": 255,
            "description": "A name for this creation, such as a UUID: calling again with it and the same ICP, to the letter, \
                gives the first result for 24 hours, and creates nothing.",
        },
    });
    with_schema("icp", "NewIcp", key, &["icp"])
}

fn update_arguments() -> Map<String, Value> {
    with_schema("changes", "IcpPatch", json!({"id": id(), "ifMatch": if_match()}), &["id", "changes"])
}

fn list_arguments() -> Map<String, Value> {
    let members = json!({
        "active": {"type": "boolean", "description": "Only ICPs that have not expired, or only those that have."},
        "updatedSince": {"type": "string", "format": "date-time", "description": "Only ICPs that were changed then or later."},
        "name": {"type": "string", "minLength": 1, "maxLength": limits::NAME,
            "description": "Only ICPs whose name holds this, in whatever case."},
        "provider": {"type": "string", "minLength": 1, "maxLength": limits::SHORT_TEXT,
            "description": "Only ICPs that name this provider."},
        "sort": {"type": "string", "enum": ["createdAt", "updatedAt", "name"], "default": "createdAt"},
        "order": {"type": "string", "enum": ["asc", "desc"], "default": "asc"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": DEFAULT_LIMIT,
            "description": "How many at once."},
        "cursor": {"type": "string", "description": "The `nextCursor` of the call before."},
    });
    object(&members, &[])
}

fn id() -> Value {
    json!({"type": "string", "format": "uuid", "description": "The ICP's id."})
}

fn if_match() -> Value {
    json!({"type": "string", "description": "Do it only if the ICP is still at this version."})
}
