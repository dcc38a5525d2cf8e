//! Starts a headless Chromium, and the chromedriver that controls it.

use std::io::{BufRead as _, BufReader};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::{Child, Command, Stdio};

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::webdriver::Browser;
use crate::clients::tools::tool;

const CHROMIUM_ARGUMENTS: [&str; 11] = [
    "--headless=new",
    // With a sandbox, Chromium refuses to run as root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,1000",
    // The tests use self-signed certificates.
    "--ignore-certificate-errors",
];

/// Runs a test with a browser that has its own profile. Ends the browser even if the test panics.
pub(crate) async fn with_browser(test: impl AsyncFnOnce(&Browser)) {
    let mut chromedriver = Chromedriver::start();
    let profile = tempfile::tempdir().expect("the temporary folder must be created");
    let address = format!("http://127.0.0.1:{}", chromedriver.port());
    let browser = Browser::start(&address, capabilities(&profile)).await;
    let outcome = AssertUnwindSafe(test(&browser)).catch_unwind().await;
    browser.quit().await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// The program that controls the browser. It ends when this value is dropped.
struct Chromedriver(Child);

impl Chromedriver {
    fn start() -> Self {
        let mut command = Command::new(tool("ICP_TEST_CHROMEDRIVER"));
        let command =
            command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().expect("chromedriver must start"))
    }

    /// Waits until chromedriver accepts connections, and returns its port.
    fn port(&mut self) -> u16 {
        let lines = BufReader::new(self.0.stdout.take().expect("the output must be piped")).lines();
        let port =
            |line: String| line.trim_end_matches('.').rsplit_once("successfully on port ")?.1.parse().ok();
        lines.map_while(Result::ok).find_map(port).expect("the output must contain the port")
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
    let arguments: Vec<_> = CHROMIUM_ARGUMENTS.into_iter().chain([profile.as_str()]).collect();
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": tool("ICP_TEST_CHROMIUM"), "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    })
}
