use std::path::Path;

use super::chromium::with_browser;
use super::webdriver::{Browser, css, xpath};
use crate::clients::tools::node_modules;
use crate::support::{Service, Setup};

/// The names of the ICPs of a new database.
const SAMPLE_NAMES: [&str; 2] = ["Enterprise Tech Buyers", "SMB Marketing Leaders"];
/// CSS selector of the operation that lists ICPs.
const LIST_OPERATION: &str = ".opblock[id$='-listIcps']";
const DELETE_OPERATION: &str = ".opblock[id$='-deleteIcp']";

/// Returns the settings of a service with TLS and a self-signed certificate.
fn with_tls(folder: &Path) -> Setup {
    let identity = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])
        .expect("the certificate must be generated");
    let files = [("CERTIFICATE", identity.cert.pem()), ("KEY", identity.signing_key.serialize_pem())];
    files.iter().fold(Setup::new(), |setup, (name, text)| {
        let file = folder.join(name);
        std::fs::write(&file, text).expect("the file must be written");
        setup.with(&format!("ICP__SERVER__TLS_{name}"), file.to_str().expect("the path must be UTF-8"))
    })
}

/// Returns the URL of the documentation page with a token, in the form that the service prints when it starts.
fn url_with_token(service: &Service) -> String {
    format!("{}/docs#token={}", service.address, service.token("user_abc123"))
}

/// Opens the form of an operation.
async fn open_form(browser: &Browser, operation: &str) {
    browser.click(css(&format!("{operation} .opblock-summary-control"))).await;
    browser.click(css(&format!("{operation} .try-out__btn"))).await;
}

/// Opens the form of an operation, and sends its request with the prefilled values. Returns the response that the
/// page shows.
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
async fn documentation_lists_icps_with_token_from_url() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.open(&url_with_token(&service)).await;
        let response = try_out(browser, LIST_OPERATION).await;
        for name in SAMPLE_NAMES {
            assert!(response.contains(name), "{name}: {response}");
        }
        assert!(response.starts_with("200"), "{response}");
        assert_eq!(browser.errors().await, [""; 0]);

        // The token must not be in a place where other pages or users could find it.
        assert_eq!(browser.evaluate("localStorage.length + sessionStorage.length").await, 0);
        assert_eq!(browser.evaluate("document.cookie").await, "");
        assert!(!browser.current_url().await.contains("eyJ"));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn documentation_prefills_no_id_for_delete() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.open(&url_with_token(&service)).await;
        open_form(browser, DELETE_OPERATION).await;
        let field = format!("{DELETE_OPERATION} tr[data-param-name=id] input");
        browser.wait_for(css(&field)).await;
        assert_eq!(browser.evaluate(&format!("document.querySelector(\"{field}\").value")).await, "");
        browser.fill_in(css(&field), "550e8400-e29b-41d4-a716-446655440000").await;
        let response = execute(browser, DELETE_OPERATION).await;
        assert!(response.starts_with("204"), "{response}");
        assert_eq!(browser.errors().await, [""; 0]);
    })
    .await;
}

/// axe checks the contrast, the names of fields, the headings, and the use with a keyboard.
#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn pages_are_accessible() {
    let service = Setup::new().start();
    let axe = std::fs::read_to_string(node_modules().join("axe-core/axe.min.js"))
        .expect("the package must be installed");
    with_browser(async |browser| {
        for scheme in ["light", "dark"] {
            browser.prefer_colors(scheme).await;
            for path in ["/", "/docs"] {
                browser.open(&format!("{}{path}", service.address)).await;
                if path == "/docs" {
                    browser.wait_for(css(LIST_OPERATION)).await;
                    let open_operations = "document.querySelectorAll('.opblock-summary-control').forEach((one) => one.click())";
                    browser.evaluate(open_operations).await;
                    browser.wait_for(css(&format!("{DELETE_OPERATION} .responses-table"))).await;
                }
                browser.evaluate(&format!("(function () {{ {axe}\n }})()")).await;
                let find_violations = "axe.run().then(({ violations }) => violations.map(({ help, nodes }) => `${help}: ${nodes[0].target}`))";
                assert_eq!(browser.evaluate(find_violations).await.to_string(), "[]", "{scheme} {path}");
            }
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn open_operations_fit_on_phone_screen() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.emulate_phone().await;
        browser.open(&url_with_token(&service)).await;
        browser.wait_for(css(LIST_OPERATION)).await;
        let methods = "[...document.querySelectorAll('#operations-tag-icps ~ * .opblock-summary-method')].map((e) => e.textContent)";
        let methods = browser.evaluate(methods).await.to_string();
        assert!(methods.starts_with(r#"["GET","GET","POST""#) && methods.ends_with(r#""DELETE","DELETE"]"#), "{methods}");
        for operation in [LIST_OPERATION, DELETE_OPERATION] {
            browser.click(css(&format!("{operation} .opblock-summary-control"))).await;
            browser.wait_for(css(&format!("{operation} .responses-table"))).await;
            assert_eq!(browser.evaluate("document.documentElement.scrollWidth").await, 390, "{operation}");
        }
        assert_eq!(browser.errors().await, [""; 0]);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn documentation_works_over_https() {
    let folder = tempfile::tempdir().expect("the temporary folder must be created");
    let service = with_tls(folder.path()).start();
    with_browser(async |browser| {
        browser.open(&url_with_token(&service)).await;
        let response = try_out(browser, LIST_OPERATION).await;
        assert!(SAMPLE_NAMES.iter().all(|name| response.contains(name)), "{response}");
        assert_eq!(browser.errors().await, [""; 0]);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn documentation_accepts_pasted_token() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.open(&format!("{}/docs", service.address)).await;
        let rejected = try_out(browser, LIST_OPERATION).await;
        assert!(
            rejected.contains("UNAUTHORIZED"),
            "without a token, the request must be refused: {rejected}"
        );

        browser.click(css(".auth-wrapper .authorize")).await;
        browser.fill_in(css(".auth-container input"), &service.token("user_abc123")).await;
        browser.click(css(".auth-container .authorize")).await;
        browser.click(css(".auth-container .btn-done")).await;
        browser.click(css(&format!("{LIST_OPERATION} .execute"))).await;
        for name in SAMPLE_NAMES {
            let path = format!("//*[contains(@class, 'live-responses-table')][contains(., '{name}')]");
            browser.wait_for(xpath(&path)).await;
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Node, Python or a browser: cargo xtask test --all"]
async fn browser_log_reports_policy_violations_and_missing_files() {
    let service = Setup::new().start();
    with_browser(async |browser| {
        browser.open(&format!("{}/docs", service.address)).await;
        browser.wait_for(css(LIST_OPERATION)).await;
        assert_eq!(browser.errors().await, [""; 0]);
        for (script, error) in [
            ("document.body.setAttribute('style', 'color: red')", "Content Security Policy"),
            ("fetch('https://elsewhere.example/').catch(() => null)", "Content Security Policy"),
            ("fetch('nothing')", "404"),
        ] {
            browser.evaluate(&format!("({script}, null)")).await;
            browser.wait_for_error(error).await;
        }
    })
    .await;
}
