//! The part of the W3C's `WebDriver` protocol that these tests need. Of the libraries for it, `thirtyfour` switches
//! `serde_json`'s `preserve_order` on for the whole workspace, and `fantoccini` brings two dozen crates and does not read the log.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

/// Time limit of a change that a page makes by itself.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The protocol's key of the ID of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A way to find an element: the protocol's name for it, and the expression.
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

/// A browser that is driven.
pub(crate) struct Browser {
    client: Client,
    /// The URL of the session.
    address: String,
}

impl Browser {
    /// Starts a browser through the driver at an address.
    pub(crate) async fn start(driver: &str, mut capabilities: Value) -> Self {
        let client = Client::builder().no_proxy().timeout(2 * TIMEOUT).build().expect("a client");
        let mut browser = Self { client, address: format!("{driver}/session") };
        // Then the search for an element waits until it exists.
        capabilities["timeouts"] =
            json!({"implicit": u64::try_from(TIMEOUT.as_millis()).expect("it is short")});
        let asked = json!({"capabilities": {"alwaysMatch": capabilities}});
        let started = browser.command(Method::POST, "", asked).await.expect("it starts");
        let id = started["sessionId"].as_str().expect("a session");
        browser.address = format!("{driver}/session/{id}");
        browser
    }

    pub(crate) async fn quit(&self) {
        self.command(Method::DELETE, "", Value::Null).await.expect("it ends");
    }

    pub(crate) async fn open(&self, address: &str) {
        let opened = self.command(Method::POST, "/url", json!({"url": address})).await;
        opened.unwrap_or_else(|error| panic!("{address}: {error}"));
    }

    /// Gives the page the size of a phone.
    pub(crate) async fn be_a_phone(&self) {
        let size = json!({"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": true});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": size});
        self.command(Method::POST, "/goog/cdp/execute", command).await.expect("Chromium resizes the page");
    }

    /// Sets the colour scheme that the user prefers: `light` or `dark`.
    pub(crate) async fn prefer_colors(&self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        let command = json!({"cmd": "Emulation.setEmulatedMedia", "params": features});
        self.command(Method::POST, "/goog/cdp/execute", command).await.expect("Chromium sets the scheme");
    }

    pub(crate) async fn address(&self) -> String {
        let address = self.command(Method::GET, "/url", Value::Null).await.expect("it is somewhere");
        address.as_str().expect("text").to_owned()
    }

    /// Returns the text of an element, and waits for the element.
    pub(crate) async fn text(&self, locator: Locator<'_>) -> String {
        let text = self.on(locator, Method::GET, "text", Value::Null).await;
        text.as_str().expect("text").to_owned()
    }

    pub(crate) async fn click(&self, locator: Locator<'_>) {
        self.on(locator, Method::POST, "click", json!({})).await;
    }

    pub(crate) async fn fill_in(&self, locator: Locator<'_>, text: &str) {
        self.on(locator, Method::POST, "value", json!({"text": text})).await;
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

    /// Returns the value of an asynchronous JavaScript expression, or the error as `error`.
    pub(crate) async fn evaluate_async(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (async () => eval({}))().then(done, (error) => done({{ error: String(error) }}));",
            Value::from(expression)
        );
        let script = json!({"script": script, "args": []});
        let value = self.command(Method::POST, "/execute/async", script).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Returns the errors of pages since the last call: of scripts, missing files, and violations of the content security
    /// policy.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.command(Method::POST, "/se/log", json!({"type": "browser"})).await.expect("a log");
        let entries = log.as_array().expect("entries").iter();
        entries.filter(|entry| entry["level"] == "SEVERE").map(|entry| entry["message"].to_string()).collect()
    }

    /// Waits until the browser reports an error with this text.
    pub(crate) async fn complains(&self, expected: &str) {
        let deadline = Instant::now() + TIMEOUT;
        let mut complaints = Vec::new();
        while !complaints.iter().any(|complaint: &String| complaint.contains(expected)) {
            assert!(Instant::now() < deadline, "{expected} is not in {complaints:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
            complaints.extend(self.complaints().await);
        }
    }

    /// Sends a command for an element, and retries: the page may replace or cover the element for a while.
    async fn on(&self, locator: Locator<'_>, method: Method, action: &str, body: Value) -> Value {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let done = match self.element(locator).await {
                Ok(id) => {
                    let path = format!("/element/{id}/{action}");
                    self.command(method.clone(), &path, body.clone()).await
                }
                Err(error) => Err(error),
            };
            match done {
                Ok(value) => return value,
                Err(error) => assert!(Instant::now() < deadline, "{action} of {locator:?}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn element(&self, (using, value): Locator<'_>) -> Result<String, Value> {
        let found = self.command(Method::POST, "/element", json!({"using": using, "value": value})).await?;
        Ok(found[ELEMENT].as_str().expect("an id").to_owned())
    }

    /// Returns the value of the response, or its error.
    async fn command(&self, method: Method, path: &str, body: Value) -> Result<Value, Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.address));
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.expect("the driver answers");
        let is_done = response.status().is_success();
        let text = response.text().await.expect("it answers in full");
        let mut value = serde_json::from_str::<Value>(&text).expect("JSON")["value"].take();
        if is_done { Ok(value) } else { Err(value["message"].take()) }
    }
}
