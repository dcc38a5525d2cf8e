use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{Variable, found_or_installed};
use crate::install::{self, BROWSER};
use crate::{project, say};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// macOS keeps it off the `PATH`.
const IN_APPLICATIONS: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

pub(super) fn prepare() -> Result<Vec<Variable>> {
    let (browser, driver) = found_or_installed(&BROWSER, programs)?;
    say(&format!("using the browser {}", browser.display()));
    Ok(vec![("ICP_TEST_CHROMIUM", browser.into()), ("ICP_TEST_CHROMEDRIVER", driver.into())])
}

/// A browser, and a driver that takes it.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let driver = install::find("chromedriver")?;
    let wanted = major(&driver)?;
    let found = NAMES.iter().filter_map(|name| install::find(name));
    let browser =
        found.chain([PathBuf::from(IN_APPLICATIONS)]).find(|browser| major(browser) == Some(wanted))?;
    Some((browser, driver))
}

fn major(program: &Path) -> Option<u32> {
    major_of(&project::output(Command::new(program).arg("--version")).ok()?)
}

/// Of `Chromium 148.0.7778.167 built on Debian`, and of what a driver says of itself.
fn major_of(text: &str) -> Option<u32> {
    text.split_whitespace().find_map(|word| word.split_once('.')?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::major_of;

    #[test]
    fn the_version_is_found_in_what_programs_print() {
        assert_eq!(major_of("Chromium 148.0.7778.167 built on Debian GNU/Linux 12"), Some(148));
        assert_eq!(major_of("ChromeDriver 148.0.7778.167 (a1b2.c3)"), Some(148));
        assert_eq!(major_of("no version"), None);
    }
}
