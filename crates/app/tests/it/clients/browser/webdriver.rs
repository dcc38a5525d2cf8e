//! The part of the W3C's `WebDriver` protocol that these tests need. They use no library for this protocol:
//! `thirtyfour` enables the feature `preserve_order` of `serde_json` for the whole workspace, and `fantoccini` has
//! two dozen dependencies and cannot read the log.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

/// Maximum wait for a change that the scripts of a page make.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The JSON property that contains the ID of an element.
const ELEMENT_KEY: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A way to find an element: a location strategy of the protocol, and its selector.
pub(crate) type Locator<'a> = (&'static str, &'a str);

pub(crate) fn css(selector: &str) -> Locator<'_> {
    ("css selector", selector)
}

pub(crate) fn xpath(expression: &str) -> Locator<'_> {
    ("xpath", expression)
}

pub(crate) fn link(text: &str) -> Locator<'_> {
    ("link text", text)
}

/// A browser that the test controls.
pub(crate) struct Browser {
    client: Client,
    session_url: String,
}

impl Browser {
    /// Starts a browser. `driver` is the address of chromedriver.
    pub(crate) async fn start(driver: &str, mut capabilities: Value) -> Self {
        // A search for an element takes up to the implicit wait, in which the driver repeats the search.
        let client =
            Client::builder().no_proxy().timeout(2 * TIMEOUT).build().expect("the client must be built");
        capabilities["timeouts"] = json!({"implicit": TIMEOUT.as_secs() * 1_000});
        let mut browser = Self { client, session_url: format!("{driver}/session") };
        let session_request = json!({"capabilities": {"alwaysMatch": capabilities}});
        let started =
            browser.command(Method::POST, "", session_request).await.expect("the session must start");
        let id = started["sessionId"].as_str().expect("the session ID must be a string");
        browser.session_url = format!("{driver}/session/{id}");
        browser
    }

    pub(crate) async fn quit(&self) {
        self.command(Method::DELETE, "", Value::Null).await.expect("the session must end");
    }

    pub(crate) async fn open(&self, address: &str) {
        let opened = self.command(Method::POST, "/url", json!({"url": address})).await;
        opened.unwrap_or_else(|error| panic!("{address}: {error}"));
    }

    /// Gives the page the size of a phone screen.
    pub(crate) async fn emulate_phone(&self) {
        let size = json!({"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": true});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": size});
        self.command(Method::POST, "/goog/cdp/execute", command)
            .await
            .expect("Chromium must resize the page");
    }

    /// Sets the color scheme that the user prefers: `light` or `dark`.
    pub(crate) async fn prefer_colors(&self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        let command = json!({"cmd": "Emulation.setEmulatedMedia", "params": features});
        self.command(Method::POST, "/goog/cdp/execute", command)
            .await
            .expect("Chromium must set the color scheme");
    }

    pub(crate) async fn current_url(&self) -> String {
        let url = self.command(Method::GET, "/url", Value::Null).await.expect("the page must have a URL");
        url.as_str().expect("the value must be a string").to_owned()
    }

    /// Waits for an element, and returns its text.
    pub(crate) async fn text(&self, locator: Locator<'_>) -> String {
        let text = self.element_command(locator, Method::GET, "text", Value::Null).await;
        text.as_str().expect("the value must be a string").to_owned()
    }

    pub(crate) async fn click(&self, locator: Locator<'_>) {
        self.element_command(locator, Method::POST, "click", json!({})).await;
    }

    pub(crate) async fn fill_in(&self, locator: Locator<'_>, text: &str) {
        self.element_command(locator, Method::POST, "value", json!({"text": text})).await;
    }

    /// Waits until an element exists.
    pub(crate) async fn wait_for(&self, locator: Locator<'_>) {
        self.element(locator).await.unwrap_or_else(|error| panic!("{locator:?}: {error}"));
    }

    /// Returns the value of a JavaScript expression.
    pub(crate) async fn evaluate(&self, expression: &str) -> Value {
        let script = json!({"script": format!("return {expression};"), "args": []});
        let value = self.command(Method::POST, "/execute/sync", script).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Runs JavaScript statements, and returns the value of the last one. Returns `{"error": message}` if they fail.
    pub(crate) async fn run_script(&self, script: &str) -> Value {
        let script = Value::from(script);
        self.evaluate(&format!(
            "(async () => eval({script}))().catch((error) => ({{ error: String(error) }}))"
        ))
        .await
    }

    /// Returns the errors in the browser's log since the last call: script errors, missing files, and violations of
    /// the content security policy.
    pub(crate) async fn errors(&self) -> Vec<String> {
        let log = self
            .command(Method::POST, "/se/log", json!({"type": "browser"}))
            .await
            .expect("the log must be read");
        let entries = log.as_array().expect("the log entries must be an array").iter();
        entries
            .filter(|entry| entry["level"] == "SEVERE")
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Waits until the browser reports an error that contains `expected`.
    pub(crate) async fn wait_for_error(&self, expected: &str) {
        let deadline = Instant::now() + TIMEOUT;
        let mut errors = Vec::new();
        while !errors.iter().any(|error: &String| error.contains(expected)) {
            assert!(Instant::now() < deadline, "{expected} is not in {errors:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
            errors.extend(self.errors().await);
        }
    }

    /// Sends a command for an element. Tries again after an error, because the page may temporarily replace or cover
    /// the element.
    async fn element_command(
        &self,
        locator: Locator<'_>,
        method: Method,
        action: &str,
        body: Value,
    ) -> Value {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let result = match self.element(locator).await {
                Ok(id) => {
                    let path = format!("/element/{id}/{action}");
                    self.command(method.clone(), &path, body.clone()).await
                }
                Err(error) => Err(error),
            };
            match result {
                Ok(value) => return value,
                Err(error) => assert!(Instant::now() < deadline, "{action} of {locator:?}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn element(&self, (using, value): Locator<'_>) -> Result<String, Value> {
        let element = self.command(Method::POST, "/element", json!({"using": using, "value": value})).await?;
        Ok(element[ELEMENT_KEY].as_str().expect("the ID must be a string").to_owned())
    }

    /// Sends a command. Returns the value in the response, or the error message.
    async fn command(&self, method: Method, path: &str, body: Value) -> Result<Value, Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.session_url));
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.expect("the driver must respond");
        let is_success = response.status().is_success();
        let text = response.text().await.expect("the body must be complete");
        let mut value = serde_json::from_str::<Value>(&text).expect("the text must be JSON")["value"].take();
        if is_success { Ok(value) } else { Err(value["message"].take()) }
    }
}
