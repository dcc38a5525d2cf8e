//! Chromium without a window, and the program that drives it.

use std::io::{BufRead as _, BufReader};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::{Child, Command, Stdio};

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::webdriver::Browser;
use crate::clients::tools::tool;

const ARGUMENTS: [&str; 11] = [
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
    // A host name of another site that resolves to this address.
];

/// Runs a test with a browser that has its own profile, and ends the browser also if the test panics.
pub(crate) async fn with_browser(test: impl AsyncFnOnce(&Browser)) {
    let mut chromedriver = Chromedriver::start();
    let profile = tempfile::tempdir().expect("a temporary folder");
    let address = format!("http://127.0.0.1:{}", chromedriver.port());
    let browser = Browser::start(&address, capabilities(&profile)).await;
    let outcome = AssertUnwindSafe(test(&browser)).catch_unwind().await;
    browser.quit().await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// The program that drives the browser. It ends when this is dropped.
struct Chromedriver(Child);

impl Chromedriver {
    fn start() -> Self {
        let mut command = Command::new(tool("ICP_TEST_CHROMEDRIVER"));
        let command =
            command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().expect("chromedriver runs"))
    }

    /// Returns its port, once it accepts connections.
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

fn capabilities(profile: &TempDir) -> Value {
    let profile = format!("--user-data-dir={}", profile.path().display());
    let arguments: Vec<_> = ARGUMENTS.into_iter().chain([profile.as_str()]).collect();
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": tool("ICP_TEST_CHROMIUM"), "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    })
}
