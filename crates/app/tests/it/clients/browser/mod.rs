//! Tests the HTML pages of the service in a real browser.

mod chromium;
mod documentation;
mod start;
mod webdriver;

pub(crate) use chromium::with_browser;
