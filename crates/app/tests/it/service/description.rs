//! Checks the OpenAPI document. `support/conformity.rs` compares the responses of tests with the document.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Response, Setup, client, stdout};

const OPENAPI_FILE: &str = include_str!("../../../../../docs/reference/openapi.json");

#[tokio::test]
async fn served_and_printed_documents_equal_file() {
    let setup = Setup::new();
    let printed = stdout(&setup.icp(&["openapi"]));
    assert_eq!(
        printed, OPENAPI_FILE,
        "docs/reference/openapi.json is outdated; run `cargo run -- openapi > docs/reference/openapi.json`"
    );
    let service = setup.start();
    let served = service.get("/api/v1/openapi.json", None).await;
    assert_eq!((served.status.as_u16(), served.body.as_str()), (200, OPENAPI_FILE));
    assert_eq!(served.header("content-type"), "application/json");
}

#[test]
fn every_operation_has_summary_description_and_unique_id() {
    let document = icp_app::openapi::document();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("the paths must be an object") {
        for (method, operation) in item.as_object().expect("the operations must be an object") {
            for property in ["operationId", "summary", "description"] {
                assert!(
                    operation[property].as_str().is_some_and(|text| !text.is_empty()),
                    "{method} {path} must have the property {property}"
                );
            }
            assert!(
                ids.insert(operation["operationId"].as_str().expect("the ID must be a string").to_owned()),
                "the ID of {method} {path} must be unique"
            );
        }
    }
}

#[test]
fn every_reference_has_target() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    let pointer =
                        reference.strip_prefix('#').expect("the reference must point within the document");
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                fields.values().for_each(|field| check(field, document));
            }
            Value::Array(elements) => elements.iter().for_each(|element| check(element, document)),
            _ => {}
        }
    }
    let document = icp_app::openapi::document();
    check(&document, &document);
}

#[tokio::test]
async fn every_described_operation_exists() {
    let service = Setup::new().start();
    let document = icp_app::openapi::document();
    for (path, item) in document["paths"].as_object().expect("the paths must be an object") {
        for method in item.as_object().expect("the operations must be an object").keys() {
            let method = method.to_uppercase().parse().expect("the method must be valid");
            let response =
                Response::fetch(client().request(method, format!("{}{path}", service.address))).await;
            // The request has no token, so a protected operation returns 401 before it parses its path.
            assert!([200, 401].contains(&response.status.as_u16()), "{path} {response:?}");
        }
    }
}
