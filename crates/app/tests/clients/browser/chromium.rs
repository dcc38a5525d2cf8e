//! Chromium without a window, and the program that drives it.

use std::io::{BufRead as _, BufReader};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};

use crate::tools::tool;

const ARGUMENTS: [&str; 12] = [
    "--headless=new",
    // It refuses to run as root with one.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,1000",
    // Tests sign their own.
    "--ignore-certificate-errors",
    // A name of somebody else's that has come to lead here.
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
];

/// How long the browser may take for what a page does by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test with a browser that has a profile of its own, and ends the browser however the test ends.
pub(crate) async fn with_browser(test: impl AsyncFnOnce(&Browser)) {
    let mut chromedriver = Chromedriver::start();
    let profile = tempfile::tempdir().expect("a temporary folder");
    let address = format!("http://127.0.0.1:{}", chromedriver.port());
    let driver = WebDriver::new(address, capabilities(&profile)).await;
    let browser = Browser(driver.expect("Chromium starts"));
    let outcome = AssertUnwindSafe(test(&browser)).catch_unwind().await;
    browser.0.quit().await.expect("Chromium ends");
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

pub(crate) struct Browser(WebDriver);

struct Chromedriver(Child);

impl Browser {
    /// What pages have done wrong since this was last asked: errors of scripts, files that are missing, violations of the
    /// content security policy.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let entries = self.0.browser_log().await.expect("a log").into_iter();
        entries.filter(|entry| entry.level == "SEVERE").map(|entry| entry.message).collect()
    }

    /// Waits until a page has done something wrong of which the browser says this.
    pub(crate) async fn complains(&self, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut complaints = Vec::new();
        while !complaints.iter().any(|complaint: &String| complaint.contains(expected)) {
            assert!(Instant::now() < deadline, "{expected} is not in {complaints:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
            complaints.extend(self.complaints().await);
        }
    }

    /// An element, which may take a moment to be there.
    pub(crate) async fn element(&self, css: &str) -> WebElement {
        let query = self.0.query(By::Css(css)).wait(PATIENCE, Duration::from_millis(100));
        query.first().await.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// The same, by an `XPath` expression.
    pub(crate) async fn element_by_xpath(&self, expression: &str) -> WebElement {
        let query = self.0.query(By::XPath(expression)).wait(PATIENCE, Duration::from_millis(100));
        query.first().await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Clicks on an element, once that can be done.
    pub(crate) async fn click(&self, css: &str) {
        let query = self.0.query(By::Css(css)).wait(PATIENCE, Duration::from_millis(100)).and_clickable();
        let element = query.first().await.unwrap_or_else(|error| panic!("{css}: {error}"));
        element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// What a script gives.
    pub(crate) async fn evaluate(&self, expression: &str) -> serde_json::Value {
        let script = format!("return {expression};");
        self.0.execute(script, []).await.expect("it runs").json().clone()
    }
}

impl Deref for Browser {
    type Target = WebDriver;

    fn deref(&self) -> &WebDriver {
        &self.0
    }
}

impl Chromedriver {
    fn start() -> Self {
        let mut command = Command::new(tool("ICP_TEST_CHROMEDRIVER"));
        let command =
            command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().expect("chromedriver runs"))
    }

    /// The free port that it has picked, and says once it can be reached there.
    fn port(&mut self) -> u16 {
        let lines = BufReader::new(self.0.stdout.take().expect("it is piped")).lines();
        let port =
            |line: String| line.trim_end_matches('.').rsplit_once("successfully on port ")?.1.parse().ok();
        lines.map_while(Result::ok).find_map(port).expect("it says its port")
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn capabilities(profile: &TempDir) -> thirtyfour::ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    let binary = tool("ICP_TEST_CHROMIUM");
    let set = capabilities.set_binary(&binary.to_string_lossy());
    set.and_then(|()| capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())))
        .and_then(|()| ARGUMENTS.iter().try_for_each(|argument| capabilities.add_arg(argument)))
        .and_then(|()| capabilities.set_browser_log_level(LoggingPrefsLogLevel::All))
        .expect("capabilities");
    capabilities
}
