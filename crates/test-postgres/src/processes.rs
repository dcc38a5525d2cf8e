use std::path::Path;
use std::process::{Command, Stdio};

/// A process in the list of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) parent: u32,
    /// True if the process has ended, but its parent has not read its exit status yet.
    pub(super) is_zombie: bool,
}

/// Returns the running children of a process.
pub(super) fn children(parent: u32) -> Vec<u32> {
    list_processes()
        .into_iter()
        .filter(|process| process.parent == parent && !process.is_zombie)
        .map(|child| child.id)
        .collect()
}

/// Returns the IDs in `ids` whose processes are running.
pub(super) fn running(ids: &[u32]) -> Vec<u32> {
    list_processes()
        .into_iter()
        .filter(|process| ids.contains(&process.id) && !process.is_zombie)
        .map(|process| process.id)
        .collect()
}

/// Sends a signal to the processes. `name` is the name of the signal without `SIG`. Uses the `kill` of the shell,
/// because some systems have no program `kill`.
pub(super) fn signal(name: &str, ids: &[u32]) {
    let _ = Command::new("/bin/sh")
        .args(["-c", "signal=$1; shift; for id; do kill -s \"$signal\" \"$id\"; done", "sh", name])
        .args(ids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
}

/// Returns all processes. Reads `/proc`, because slim Linux images have no `ps`. Without `/proc` (macOS), reads the
/// output of `ps`.
fn list_processes() -> Vec<Process> {
    if Path::new("/proc/self/stat").exists() { list_from_proc() } else { list_from_ps() }
}

fn list_from_proc() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|entry| parse_stat(&std::fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect()
}

/// Parses a line such as `123 (name) S 1 ...`. The name can contain spaces and parentheses.
fn parse_stat(line: &str) -> Option<Process> {
    let (id, _) = line.split_once(' ')?;
    let (_, rest) = line.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let is_zombie = matches!(fields.next()?, "Z" | "X");
    Some(Process { id: id.parse().ok()?, parent: fields.next()?.parse().ok()?, is_zombie })
}

fn list_from_ps() -> Vec<Process> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().filter_map(parse_ps).collect()
}

fn parse_ps(line: &str) -> Option<Process> {
    let mut fields = line.split_whitespace();
    let id = fields.next()?.parse().ok()?;
    let parent = fields.next()?.parse().ok()?;
    Some(Process { id, parent, is_zombie: fields.next()?.starts_with('Z') })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_listings_of_both_systems_are_parsed() {
        let expected = Some(Process { id: 12, parent: 3, is_zombie: false });
        assert_eq!(parse_stat("12 (a (b) c) S 3 12 12 0"), expected);
        assert_eq!(parse_ps("   12     3 Ss"), expected);
        assert!(parse_ps("12 3 Z+").unwrap().is_zombie);
    }

    #[test]
    fn child_is_listed_until_it_ends() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(children(std::process::id()).contains(&child.id()));
        signal("KILL", &[child.id()]);
        child.wait().unwrap();
        assert!(running(&[child.id()]).is_empty());
    }
}
