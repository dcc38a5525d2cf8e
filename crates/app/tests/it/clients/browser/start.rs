use super::chromium::with_browser;
use super::webdriver::{link, xpath};
use crate::support::Setup;

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn links_of_start_page_work() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        for (name, expected) in [
            ("Documentation", "listIcps"),
            ("OpenAPI document", "\"openapi\""),
            ("Liveness", "live"),
            ("Readiness", "ready"),
        ] {
            browser.open(&service.address).await;
            assert_eq!(browser.errors().await, [""; 0]);
            browser.click(link(name)).await;
            let path = format!("//body[contains(., '{expected}') or .//*[contains(@id, '{expected}')]]");
            browser.wait_for(xpath(&path)).await;
            assert_eq!(browser.errors().await, [""; 0], "{name}");
        }
    })
    .await;
}

/// A content security policy could block the style sheet without a visible error.
#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn start_page_is_styled() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.open(&service.address).await;
        let list = "getComputedStyle(document.querySelector('.links')).listStyleType";
        assert_eq!(browser.evaluate(list).await, "none");
    })
    .await;
}
