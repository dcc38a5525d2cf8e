use std::path::Path;
use std::process::{Command, Stdio};

/// A process as the system lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) parent: u32,
    /// It has ended, and its parent has not read its status.
    pub(super) zombie: bool,
}

/// Returns the running children of a process.
pub(super) fn children(parent: u32) -> Vec<u32> {
    all()
        .into_iter()
        .filter(|process| process.parent == parent && !process.zombie)
        .map(|child| child.id)
        .collect()
}

/// Returns the IDs of the processes that are running.
pub(super) fn alive(ids: &[u32]) -> Vec<u32> {
    all()
        .into_iter()
        .filter(|process| ids.contains(&process.id) && !process.zombie)
        .map(|one| one.id)
        .collect()
}

/// Sends a signal, by its name without `SIG`, to the processes that are running. Uses the shell's `kill`, because not
/// every system has a program of that name.
pub(super) fn signal(name: &str, ids: &[u32]) {
    let _ = Command::new("/bin/sh")
        .args(["-c", "signal=$1; shift; for id; do kill -s \"$signal\" \"$id\"; done", "sh", name])
        .args(ids.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
}

/// Reads `/proc`, or the output of `ps` if there is no `/proc` (macOS). Slim Linux images have no `ps`.
fn all() -> Vec<Process> {
    if Path::new("/proc/self/stat").exists() { from_proc() } else { from_ps() }
}

fn from_proc() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|entry| parse_stat(&std::fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect()
}

/// Parses `123 (name) S 1 ...`. The name can contain spaces and parentheses.
fn parse_stat(line: &str) -> Option<Process> {
    let (id, _) = line.split_once(' ')?;
    let (_, rest) = line.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let zombie = matches!(fields.next()?, "Z" | "X");
    Some(Process { id: id.parse().ok()?, parent: fields.next()?.parse().ok()?, zombie })
}

fn from_ps() -> Vec<Process> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().filter_map(parse_ps).collect()
}

fn parse_ps(line: &str) -> Option<Process> {
    let mut fields = line.split_whitespace();
    let id = fields.next()?.parse().ok()?;
    let parent = fields.next()?.parse().ok()?;
    Some(Process { id, parent, zombie: fields.next()?.starts_with('Z') })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_listings_of_both_systems_are_parsed() {
        let expected = Some(Process { id: 12, parent: 3, zombie: false });
        assert_eq!(parse_stat("12 (a (b) c) S 3 12 12 0"), expected);
        assert_eq!(parse_ps("   12     3 Ss"), expected);
        assert!(parse_ps("12 3 Z+").unwrap().zombie);
    }

    #[test]
    fn child_is_listed_until_it_ends() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(children(std::process::id()).contains(&child.id()));
        signal("KILL", &[child.id()]);
        child.wait().unwrap();
        assert!(alive(&[child.id()]).is_empty());
    }
}
