//! Histories, deleted ICPs, restores and copies over HTTP, on both databases.

mod concurrency;
mod copying;
mod deleted;
mod forgetting;
mod restoring;
mod retention;
mod revisions;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::users::User;
use crate::support::{LIST, Response};

/// The path of the list of deleted ICPs.
const DELETED_LIST: &str = "/api/v1/entities/icps/deleted";

impl User<'_> {
    fn restore_request(&self, path: &str, body: &(impl ToString + ?Sized)) -> RequestBuilder {
        let request = self.request(Method::POST, &format!("{path}/restore"));
        request.header("content-type", "application/json").body(body.to_string())
    }

    /// Restores a revision.
    async fn restore(&self, path: &str, revision: &str) -> Response {
        Response::fetch(self.restore_request(path, &json!({"revision": revision}))).await
    }

    fn copy_request(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, &format!("{path}/copy"))
    }

    /// Copies an ICP with a request that has no body.
    async fn copy(&self, path: &str) -> Response {
        Response::fetch(self.copy_request(path)).await
    }

    /// Returns the revisions of an ICP, newest first.
    async fn revisions(&self, path: &str) -> Vec<Value> {
        parse_array(&self.get(&format!("{path}/revisions")).await.assert_ok())
    }

    /// Returns a revision with its ICP.
    async fn revision(&self, path: &str, revision: &str) -> Response {
        self.get(&format!("{path}/revisions/{revision}")).await
    }

    /// Returns the deleted ICPs, newest delete first.
    async fn deleted(&self) -> Vec<Value> {
        parse_array(&self.get(DELETED_LIST).await.assert_ok())
    }
}

fn parse_array(response: &Response) -> Vec<Value> {
    response.json().as_array().cloned().unwrap_or_else(|| panic!("the body must be an array: {response:?}"))
}

impl Response {
    /// Returns the version of the ICP in this response: the `ETag` without its quotes. The API of the history calls
    /// this text `revision`.
    fn version(&self) -> String {
        self.etag().trim_matches('"').to_owned()
    }
}

/// Returns the text of the property `icp` in a response, byte for byte.
fn icp_text(response: &Response) -> &str {
    let (_, icp) = response
        .body
        .split_once(r#","icp":"#)
        .unwrap_or_else(|| panic!("the body must contain an ICP: {response:?}"));
    icp.strip_suffix('}').expect("the property must be the last one")
}

/// Returns the values of a property of all revisions.
fn property_of_each(revisions: &[Value], property: &str) -> Vec<Value> {
    revisions.iter().map(|revision| revision[property].clone()).collect()
}

/// Returns the path of an ICP that does not exist.
fn absent_icp_path() -> String {
    format!("{LIST}/00000000-0000-0000-0000-0000000000ff")
}
