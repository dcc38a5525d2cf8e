//! Compares every response that a test gets with the OpenAPI document.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Answer;

static DOCUMENT: LazyLock<Value> = LazyLock::new(icp_app::openapi::document);
static VALIDATORS: LazyLock<Mutex<HashMap<String, Validator>>> = LazyLock::new(Mutex::default);

/// Fails if a response of a described operation does not match the OpenAPI document. Other responses (other
/// methods, unknown paths) are errors, which their tests check.
#[track_caller]
pub(super) fn check(method: &Method, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else { return };
    let status = answer.status.as_str();
    let response = resolve(&operation["responses"][status]);
    assert!(response.is_object(), "{method} {path} is not described to answer {status}: {answer:?}");
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let is_required = resolve(header)["required"] == json!(true);
        assert!(
            !is_required || answer.headers.contains_key(name),
            "{method} {path} lacks {name}: {answer:?}"
        );
    }
    let media_type = answer.header("content-type");
    match response["content"].as_object() {
        None => assert_eq!(answer.body, "", "{method} {path}: {answer:?}"),
        Some(_) if method == Method::HEAD => {}
        Some(content) => {
            let schema =
                &content.get(media_type).unwrap_or_else(|| panic!("{method} {path}: {answer:?}"))["schema"];
            check_body(schema, answer);
        }
    }
}

#[track_caller]
fn check_body(schema: &Value, answer: &Answer) {
    // Tests decode compressed bodies. Numbers beyond a double are valid.
    if answer.headers.contains_key("content-encoding") {
        return;
    }
    let Ok(body) = serde_json::from_str(&answer.body) else { return };
    let mut validators = VALIDATORS.lock().expect("no panic");
    let validator = validators.entry(schema.to_string()).or_insert_with(|| validator(schema));
    let fault = validator.iter_errors(&body).next();
    let fault = fault.map(|fault| format!("{fault} at {}", fault.instance_path()));
    drop(validators);
    assert_eq!(fault, None, "{answer:?}");
}

fn validator(schema: &Value) -> Validator {
    let mut root = schema.as_object().cloned().unwrap_or_default();
    root.insert("components".to_owned(), json!({"schemas": DOCUMENT["components"]["schemas"]}));
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&Value::Object(root)).expect("the description holds schemas")
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
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
    let described = paths.into_iter().find(|(described, _)| matches(described, path))?.1;
    described.get(method)
}

fn matches(described: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let fits =
        |segment: &str| segments.next().is_some_and(|given| segment.starts_with('{') || segment == given);
    described.split('/').all(fits) && segments.next().is_none()
}

fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => value,
    }
}
