//! Tests the responses that contain the start page and the documentation page. `tests/it/clients/browser` tests these
//! pages in a browser.

mod assets;
mod headers;

use reqwest::{Method, RequestBuilder};

use crate::support::{Response, Service, client};

const PAGES: [&str; 2] = ["/", "/docs"];

fn request(service: &Service, method: Method, path: &str) -> RequestBuilder {
    client().request(method, format!("{}{path}", service.address))
}

async fn fetch_page(service: &Service, path: &str) -> Response {
    let page = service.get(path, None).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    page
}

/// Returns the addresses of the pages, scripts, styles and documents that a page uses.
fn find_addresses(page: &Response) -> Vec<&str> {
    let values_of = |attribute: &str| {
        let rest = page.body.split(attribute).skip(1);
        rest.map(|rest| rest.split('"').next().expect("the attribute must end")).collect::<Vec<_>>()
    };
    [values_of("href=\""), values_of("src=\""), values_of("data-openapi-url=\"")].concat()
}
