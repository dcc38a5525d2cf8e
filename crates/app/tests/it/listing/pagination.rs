//! Reads `Link` headers, and follows them to the next pages.

use crate::support::users::User;
use crate::support::{LIST, Response};

impl Response {
    /// Returns the URL of the next page from a `Link` header (RFC 8288).
    #[track_caller]
    pub(crate) fn next_page(&self) -> Option<String> {
        let links: Vec<_> = self.headers.get_all("link").iter().collect();
        let [link] = links.as_slice() else {
            assert!(links.is_empty(), "there must be at most one link: {links:?}");
            return None;
        };
        let link = link.to_str().expect("the header must be ASCII");
        let target = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
        let target = target.unwrap_or_else(|| panic!("the link must lead to the next page: {link}"));
        assert!(target.starts_with(LIST), "{target}");
        assert!(
            target.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&byte)),
            "{target}"
        );
        Some(target.to_owned())
    }

    /// Returns the cursor of the next page. Fails if there is no next page.
    #[track_caller]
    pub(crate) fn cursor(&self) -> String {
        let (_, cursor) = pairs(&self.next_page().expect("the page must have a next page"))
            .pop()
            .expect("the URL must have a query");
        cursor
    }
}

/// Returns the names and values in the query of a URL.
pub(crate) fn pairs(address: &str) -> Vec<(String, String)> {
    let (_, query) = address.split_once('?').expect("the URL must have a query");
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

impl User<'_> {
    /// Returns all pages. `query` is the query of the first page.
    pub(crate) async fn pages(&self, query: &str) -> Vec<Response> {
        let mut pages = vec![self.query_list(query).await.assert_ok()];
        while let Some(next) = pages.last().and_then(Response::next_page) {
            pages.push(self.get(&next).await.assert_ok());
            assert!(pages.len() <= 1_000, "there must be a last page");
        }
        pages
    }
}
