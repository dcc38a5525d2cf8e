use std::path::Path;

use super::chromium::with_browser;
use super::webdriver::{Browser, css, xpath};
use crate::clients::tools::node_modules;
use crate::support::{Service, Setup};

const SAMPLES: [&str; 2] = ["Enterprise Tech Buyers", "SMB Marketing Leaders"];
/// The box of the operation that lists ICPs.
const LIST: &str = ".opblock[id$='-listIcps']";
const DELETE: &str = ".opblock[id$='-deleteIcp']";

/// A service with its own certificate.
fn encrypted(folder: &Path) -> Setup {
    let identity = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let files = [("CERTIFICATE", identity.cert.pem()), ("KEY", identity.signing_key.serialize_pem())];
    files.iter().fold(Setup::new(), |setup, (name, text)| {
        let file = folder.join(name);
        std::fs::write(&file, text).expect("it is written");
        setup.with(&format!("ICP__SERVER__TLS_{name}"), file.to_str().expect("text"))
    })
}

/// The address of the signed-in page, as the service prints it.
fn signed_in(service: &Service) -> String {
    format!("{}/docs#token={}", service.address, service.token("user_abc123"))
}

/// Opens the form of an operation.
async fn open_form(browser: &Browser, operation: &str) {
    browser.click(css(&format!("{operation} .opblock-summary-control"))).await;
    browser.click(css(&format!("{operation} .try-out__btn"))).await;
}

/// Sends the request of an operation with the values that the form has, and returns the response that the page shows.
async fn try_out(browser: &Browser, operation: &str) -> String {
    open_form(browser, operation).await;
    execute(browser, operation).await
}

async fn execute(browser: &Browser, operation: &str) -> String {
    browser.click(css(&format!("{operation} .execute"))).await;
    browser.text(css(&format!("{operation} .live-responses-table .response"))).await
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn documentation_lists_with_filled_in_token() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.open(&signed_in(&service)).await;
        let answer = try_out(browser, LIST).await;
        for name in SAMPLES {
            assert!(answer.contains(name), "{name}: {answer}");
        }
        assert!(answer.starts_with("200"), "{answer}");
        assert_eq!(browser.complaints().await, [""; 0]);

        // Where the token might be found by others.
        assert_eq!(browser.evaluate("localStorage.length + sessionStorage.length").await, 0);
        assert_eq!(browser.evaluate("document.cookie").await, "");
        assert!(!browser.address().await.contains("eyJ"));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn documentation_fills_in_no_id_to_delete() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.open(&signed_in(&service)).await;
        open_form(browser, DELETE).await;
        let field = format!("{DELETE} tr[data-param-name=id] input");
        browser.wait_for(css(&field)).await;
        assert_eq!(browser.evaluate(&format!("document.querySelector(\"{field}\").value")).await, "");
        browser.fill_in(css(&field), "550e8400-e29b-41d4-a716-446655440000").await;
        let answer = execute(browser, DELETE).await;
        assert!(answer.starts_with("204"), "{answer}");
        assert_eq!(browser.complaints().await, [""; 0]);
    })
    .await;
}

/// axe checks contrast, names of fields, headings, and use by keyboard.
#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn pages_are_accessible() {
    let service = Setup::new().start();
    let axe = std::fs::read_to_string(node_modules().join("axe-core/axe.min.js")).expect("it is installed");
    with_browser(async |browser| {
        for scheme in ["light", "dark"] {
            browser.prefer_colors(scheme).await;
            for path in ["/", "/docs"] {
                browser.open(&format!("{}{path}", service.address)).await;
                if path == "/docs" {
                    browser.wait_for(css(LIST)).await;
                    let open = "document.querySelectorAll('.opblock-summary-control').forEach((one) => one.click())";
                    browser.evaluate(open).await;
                    browser.wait_for(css(&format!("{DELETE} .responses-table"))).await;
                }
                browser.evaluate(&format!("(function () {{ {axe}\n }})()")).await;
                let found = "axe.run().then(({ violations }) => violations.map(({ help, nodes }) => `${help}: ${nodes[0].target}`))";
                assert_eq!(browser.evaluate(found).await.to_string(), "[]", "{scheme} {path}");
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn open_operations_fit_on_a_phone() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.be_a_phone().await;
        browser.open(&signed_in(&service)).await;
        browser.wait_for(css(LIST)).await;
        let methods = "[...document.querySelectorAll('#operations-tag-icps ~ * .opblock-summary-method')].map((e) => e.textContent)";
        let methods = browser.evaluate(methods).await.to_string();
        assert!(methods.starts_with(r#"["GET","GET","POST""#) && methods.ends_with(r#""DELETE","DELETE"]"#), "{methods}");
        for operation in [LIST, DELETE] {
            browser.click(css(&format!("{operation} .opblock-summary-control"))).await;
            browser.wait_for(css(&format!("{operation} .responses-table"))).await;
            assert_eq!(browser.evaluate("document.documentElement.scrollWidth").await, 390, "{operation}");
        }
        assert_eq!(browser.complaints().await, [""; 0]);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn documentation_works_over_https() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let service = encrypted(folder.path()).start();
    with_browser(async |browser| {
        browser.open(&signed_in(&service)).await;
        let answer = try_out(browser, LIST).await;
        assert!(SAMPLES.iter().all(|name| answer.contains(name)), "{answer}");
        assert_eq!(browser.complaints().await, [""; 0]);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn documentation_accepts_pasted_token() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.open(&format!("{}/docs", service.address)).await;
        let refused = try_out(browser, LIST).await;
        assert!(refused.contains("UNAUTHORIZED"), "no token came with the page: {refused}");

        browser.click(css(".auth-wrapper .authorize")).await;
        browser.fill_in(css(".auth-container input"), &service.token("user_abc123")).await;
        browser.click(css(".auth-container .authorize")).await;
        browser.click(css(".auth-container .btn-done")).await;
        browser.click(css(&format!("{LIST} .execute"))).await;
        for name in SAMPLES {
            let shown = format!("//*[contains(@class, 'live-responses-table')][contains(., '{name}')]");
            browser.wait_for(xpath(&shown)).await;
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn browser_reports_violations_and_missing_files() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.open(&format!("{}/docs", service.address)).await;
        browser.wait_for(css(LIST)).await;
        assert_eq!(browser.complaints().await, [""; 0]);
        for (wrong, complaint) in [
            ("document.body.setAttribute('style', 'color: red')", "Content Security Policy"),
            ("fetch('https://elsewhere.example/').catch(() => null)", "Content Security Policy"),
            ("fetch('nothing')", "404"),
        ] {
            browser.evaluate(&format!("({wrong}, null)")).await;
            browser.complains(complaint).await;
        }
    })
    .await;
}
