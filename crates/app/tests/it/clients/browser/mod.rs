//! The pages in a real browser.

mod chromium;
mod documentation;
mod start;
mod webdriver;

pub(crate) use chromium::with_browser;
