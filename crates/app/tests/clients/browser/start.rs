use thirtyfour::prelude::*;

use super::chromium::with_browser;
use crate::support::{LIST, Setup};

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
            browser.goto(&service.address).await.expect("it loads");
            let command = browser.element(".command").await.text().await.expect("it has a text");
            assert!(command.starts_with("curl ") && command.ends_with(LIST), "{command}");
            assert_eq!(browser.complaints().await, [""; 0]);
            let link =
                browser.find(By::LinkText(name)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            link.click().await.expect("it leads somewhere");
            let found = format!("//body[contains(., '{expected}') or .//*[contains(@id, '{expected}')]]");
            browser.element_by_xpath(&found).await;
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
        browser.goto(&service.address).await.expect("it loads");
        let list = "getComputedStyle(document.querySelector('.links')).listStyleType";
        assert_eq!(browser.evaluate(list).await, "none");
    })
    .await;
}
