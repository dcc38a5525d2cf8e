use anyhow::{Result, ensure};

use crate::project;

/// They change how JSON is read in everything that is built together: what would be tested is not what is served, and the
/// programs that use the domain crate would change with it.
const UNWANTED: [&str; 2] = ["arbitrary_precision", "preserve_order"];

/// Which of them something switches on, be it a test's dependency.
pub(super) fn faults() -> Result<Vec<String>> {
    let mut command = project::cargo()?;
    command.args([
        "tree",
        "--locked",
        "--quiet",
        "--workspace",
        "--all-features",
        "--edges",
        "normal,build,dev",
    ]);
    command.args(["--invert", "serde_json", "--depth", "0", "--prefix", "none", "--format", "{p} {f}"]);
    let features = project::output(&mut command)?;
    ensure!(features.starts_with("serde_json "), "cargo tree does not start with serde_json: {features}");
    Ok(unwanted(&features))
}

/// Of `serde_json v1.0.0 default,std`.
fn unwanted(line: &str) -> Vec<String> {
    let features = line.trim().rsplit(' ').next().unwrap_or_default().split(',');
    features
        .filter(|feature| UNWANTED.contains(feature))
        .map(|feature| {
            format!("serde_json has {feature}: see `cargo tree --workspace -e features -i serde_json`")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::unwanted;

    #[test]
    fn unwanted_features_are_found_among_others() {
        assert_eq!(unwanted("serde_json v1.0.0 default,raw_value,std\n"), [""; 0]);
        assert_eq!(unwanted("serde_json v1.0.0"), [""; 0]);
        assert_eq!(unwanted("serde_json v1.0.0 default,preserve_order,std\n").len(), 1);
    }
}
