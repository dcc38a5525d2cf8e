//! Compares every response that [`Response::fetch`] returns with the OpenAPI document.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Response;

static DOCUMENT: LazyLock<Value> = LazyLock::new(icp_app::openapi::document);
static VALIDATORS: LazyLock<Mutex<HashMap<String, Validator>>> = LazyLock::new(Mutex::default);

/// Fails if the response of a documented operation does not match the OpenAPI document. Ignores responses to
/// undocumented methods and paths.
#[track_caller]
pub(super) fn check(method: &Method, path: &str, response: &Response) {
    let Some(operation) = find_operation(method, path) else { return };
    let status = response.status.as_str();
    let documented = resolve(&operation["responses"][status]);
    assert!(documented.is_object(), "{method} {path} has no documented response {status}: {response:?}");
    for (name, header) in documented["headers"].as_object().into_iter().flatten() {
        let is_required = resolve(header)["required"] == json!(true);
        assert!(
            !is_required || response.headers.contains_key(name),
            "{method} {path} lacks {name}: {response:?}"
        );
    }
    let media_type = response.header("content-type");
    match documented["content"].as_object() {
        None => assert_eq!(response.body, "", "{method} {path}: {response:?}"),
        Some(_) if method == Method::HEAD => {}
        Some(content) => {
            let schema =
                &content.get(media_type).unwrap_or_else(|| panic!("{method} {path}: {response:?}"))["schema"];
            check_body(schema, response);
        }
    }
}

#[track_caller]
fn check_body(schema: &Value, response: &Response) {
    // The tests that request compression decode the body. The JSON parser rejects numbers beyond a double, which are
    // valid.
    if response.headers.contains_key("content-encoding") {
        return;
    }
    let Ok(body) = serde_json::from_str(&response.body) else { return };
    let mut validators = VALIDATORS.lock().expect("the lock must not be poisoned");
    let validator = validators.entry(schema.to_string()).or_insert_with(|| build_validator(schema));
    let violation = validator.iter_errors(&body).next();
    let violation = violation.map(|violation| format!("{violation} at {}", violation.instance_path()));
    drop(validators);
    assert_eq!(violation, None, "{response:?}");
}

fn build_validator(schema: &Value) -> Validator {
    let mut root = schema.as_object().cloned().unwrap_or_default();
    root.insert("components".to_owned(), json!({"schemas": DOCUMENT["components"]["schemas"]}));
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&Value::Object(root)).expect("the schemas of the document must be valid")
}

fn find_operation(method: &Method, path: &str) -> Option<&'static Value> {
    // Names of methods are case-sensitive.
    let method = match method.as_str() {
        "GET" | "HEAD" => "get",
        "POST" => "post",
        "PATCH" => "patch",
        "PUT" => "put",
        "DELETE" => "delete",
        _ => return None,
    };
    let paths = DOCUMENT["paths"].as_object().map(Map::iter)?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let documented = paths.into_iter().find(|(documented, _)| matches(documented, path))?.1;
    documented.get(method)
}

fn matches(documented: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let matches_segment =
        |segment: &str| segments.next().is_some_and(|actual| segment.starts_with('{') || segment == actual);
    documented.split('/').all(matches_segment) && segments.next().is_none()
}

fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => value,
    }
}
