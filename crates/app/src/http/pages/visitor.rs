//! Who may find a token in a page.
//!
//! The development sign-in serves this machine alone, but the browser on this machine shows pages of others, too. A token is for whoever
//! sits at it, and must not come into the hands of a page that happens to be open, or of whoever comes through a tunnel:
//!
//! - *DNS rebinding*: a page of `evil.example` has its own name lead to 127.0.0.1, and is then of one origin with the
//!   service. The `Host` header, which no page can set, still names `evil.example`.
//! - *Requests of other sites*, which CORS may allow to read the answer, or a flaw of the browser: `Sec-Fetch-Site` says
//!   where they come from. Following a link is no such thing: who set the link cannot read what it leads to.
//! - *Proxies and tunnels*, through which others than the owner of this machine come: they add headers that say so.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{FORWARDED, HOST, HeaderMap, HeaderName, ORIGIN, VIA};
use actix_web::http::uri::Authority;

const PROXIES: [HeaderName; 7] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-real-ip"),
];

/// The service's own name to a visitor who may have a token.
pub(super) fn trusted_host(request: &HttpRequest) -> Option<Authority> {
    let headers = request.headers();
    if PROXIES.iter().any(|name| headers.contains_key(name)) || !is_of_no_other_page(headers) {
        return None;
    }
    // A client may name it in the address, too, as HTTP/2 does instead. Each name that is there has to be right.
    let in_address = request.uri().authority().cloned().map(Some);
    let in_headers = headers.get_all(HOST).map(|host| host.to_str().ok()?.parse().ok());
    let hosts: Vec<Authority> = in_address.into_iter().chain(in_headers).collect::<Option<_>>()?;
    hosts.iter().all(is_this_machine).then(|| hosts.into_iter().next())?
}

fn is_this_machine(host: &Authority) -> bool {
    let name = host.host();
    let is_loopback = |ip: IpAddr| ip.is_loopback();
    let names_it = name.eq_ignore_ascii_case("localhost")
        || name.trim_matches(['[', ']']).parse().is_ok_and(is_loopback);
    names_it && !host.as_str().contains('@')
}

/// Whether it is the user who asks, or a page of the service. What sends none of these headers is no browser of today.
fn is_of_no_other_page(headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get_all(name).next().map(|value| value.to_str().unwrap_or_default());
    let is_own = matches!(said("sec-fetch-site"), None | Some("none" | "same-origin"));
    let is_followed_link =
        said("sec-fetch-mode") == Some("navigate") && said("sec-fetch-dest") == Some("document");
    (is_own || is_followed_link) && !headers.contains_key(ORIGIN)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::trusted_host;

    fn is_trusted(headers: &[(&'static str, &'static str)]) -> bool {
        let request =
            headers.iter().fold(TestRequest::get(), |request, header| request.append_header(*header));
        trusted_host(&request.to_http_request()).is_some()
    }

    #[test]
    fn this_machine_has_few_names() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "127.9.9.9:80", "[::1]:8080"]
        {
            assert!(is_trusted(&[("host", host)]), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "user@localhost",
            "localhost@evil.example",
            "0.0.0.0:8080",
            "192.168.0.1",
            "[::]:8080",
            "[::ffff:8.8.8.8]",
            "localhost:8080, evil.example",
        ] {
            assert!(!is_trusted(&[("host", host)]), "{host}");
        }
        assert!(!is_trusted(&[]));
        assert!(!is_trusted(&[("host", "localhost"), ("host", "evil.example")]));
        assert!(!is_trusted(&[("host", "evil.example"), ("host", "localhost")]));
    }

    #[test]
    fn the_address_may_name_the_host() {
        let trusts = |uri, hosts: &[&str]| {
            let request = hosts
                .iter()
                .fold(TestRequest::get().uri(uri), |request, host| request.append_header(("host", *host)));
            trusted_host(&request.to_http_request()).is_some()
        };
        assert!(trusts("https://localhost:8443/docs", &[]));
        assert!(trusts("https://localhost:8443/docs", &["localhost:8443"]));
        assert!(!trusts("https://evil.example:8443/docs", &[]));
        assert!(!trusts("https://evil.example:8443/docs", &["localhost:8443"]));
        assert!(!trusts("https://localhost:8443/docs", &["evil.example:8443"]));
    }

    #[test]
    fn other_pages_get_nothing_and_those_who_follow_their_links_do() {
        const HERE: (&str, &str) = ("host", "localhost");
        for site in ["none", "same-origin"] {
            assert!(is_trusted(&[HERE, ("sec-fetch-site", site)]), "{site}");
        }
        for site in ["same-site", "cross-site", "", "unknown"] {
            let site = ("sec-fetch-site", site);
            assert!(!is_trusted(&[HERE, site]), "{site:?}");
            assert!(!is_trusted(&[HERE, site, ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]));
            assert!(!is_trusted(&[HERE, site, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]));
            assert!(!is_trusted(&[
                HERE,
                site,
                ("sec-fetch-mode", "no-cors"),
                ("sec-fetch-dest", "document")
            ]));
            assert!(is_trusted(&[
                HERE,
                site,
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document")
            ]));
        }
        assert!(!is_trusted(&[HERE, ("origin", "http://localhost:3000")]), "an older browser");
    }

    #[test]
    fn who_comes_through_a_proxy_gets_nothing() {
        for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"] {
            assert!(!is_trusted(&[("host", "localhost"), (name, "")]), "{name}");
        }
    }
}
