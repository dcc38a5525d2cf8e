//! The start page and the documentation page as HTTP responses. `tests/it/clients/browser` tests them in a browser.

mod assets;
mod headers;

use reqwest::{Method, RequestBuilder};

use crate::support::{Response, Service, client};

const PAGES: [&str; 2] = ["/", "/docs"];

fn request(service: &Service, method: Method, path: &str) -> RequestBuilder {
    client().request(method, format!("{}{path}", service.address))
}

async fn page(service: &Service, path: &str) -> Response {
    let page = service.get(path, None).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    page
}

/// Returns the addresses in a page.
fn addresses(page: &Response) -> Vec<&str> {
    let named = |attribute: &str| {
        let rest = page.body.split(attribute).skip(1);
        rest.map(|rest| rest.split('"').next().expect("must end")).collect::<Vec<_>>()
    };
    [named("href=\""), named("src=\""), named("data-openapi-url=\"")].concat()
}
