use super::chromium::with_browser;
use super::webdriver::{link, xpath};
use crate::support::Setup;

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn the_links_of_the_start_page_lead_where_they_say() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        for (name, expected) in [
            ("Documentation", "listIcps"),
            ("OpenAPI document", "\"openapi\""),
            ("Liveness", "live"),
            ("Readiness", "ready"),
        ] {
            browser.open(&service.address).await;
            assert_eq!(browser.complaints().await, [""; 0]);
            browser.click(link(name)).await;
            let found = format!("//body[contains(., '{expected}') or .//*[contains(@id, '{expected}')]]");
            browser.wait_for(xpath(&found)).await;
            assert_eq!(browser.complaints().await, [""; 0], "{name}");
        }
    })
    .await;
}

/// Its style sheet may be blocked by its own policy without a word in the page.
#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn the_start_page_has_its_looks() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.open(&service.address).await;
        let list = "getComputedStyle(document.querySelector('.links')).listStyleType";
        assert_eq!(browser.evaluate(list).await, "none");
    })
    .await;
}
