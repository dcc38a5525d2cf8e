//! Runs the shell commands of a page against a service. It runs the real `icp`, and implements `curl`, which is not on every
//! machine.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Method;
use uuid::Uuid;

use crate::support::{Answer, Service, Setup, client, stderr, stdout};

/// The address that pages show.
const SHOWN_ADDRESS: &str = "http://127.0.0.1:8080";

/// The number of the next key of `uuidgen`.
static KEYS: AtomicU64 = AtomicU64::new(1);

/// A shell with variables, in the folder of one setup.
pub(crate) struct Shell {
    pub(crate) setup: Setup,
    pub(crate) service: Option<Service>,
    variables: HashMap<String, String>,
    /// Texts of the page that a test replaces, such as a key that is cut short.
    replacements: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) enum Outcome {
    Printed(String),
    Answered(Answer),
    Started,
    /// A variable was set, or the command is not the service's.
    Nothing,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn answer(self) -> Answer {
        match self {
            Self::Answered(answer) => answer,
            other => panic!("a curl line: {other:?}"),
        }
    }
}

impl Shell {
    pub(crate) fn new(setup: Setup) -> Self {
        Self { setup, service: None, variables: HashMap::new(), replacements: Vec::new() }
    }

    pub(crate) fn replace(&mut self, shown: &str, real: &str) {
        self.replacements.push((shown.to_owned(), real.to_owned()));
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Runs one command.
    pub(crate) async fn run(&mut self, command: &str) -> Outcome {
        let mut command = command.to_owned();
        for (shown, real) in &self.replacements {
            command = command.replace(shown, real);
        }
        if let Some((name, inner)) =
            command.split_once("=$(").and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)))
            && is_name(name)
        {
            let printed = match self.simple(&self.words(inner)).await {
                Outcome::Printed(text) => text,
                other => panic!("{inner} prints something: {other:?}"),
            };
            self.set(name, printed.trim());
            return Outcome::Nothing;
        }
        let words = self.words(&command);
        let (assignments, words) =
            words.split_at(words.iter().take_while(|word| is_assignment(word)).count());
        for assignment in assignments {
            let (name, value) = assignment.split_once('=').expect("an assignment");
            if words.is_empty() {
                // A reader fills in what the answer before it had.
                self.variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            } else {
                self.setup = self.setup.clone().with(name, value);
            }
        }
        if words.is_empty() { Outcome::Nothing } else { self.simple(words).await }
    }

    async fn simple(&mut self, words: &[String]) -> Outcome {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["export", assignment] => {
                let (name, value) = assignment.split_once('=').expect("an assignment");
                self.setup = self.setup.clone().with(name, value);
                Outcome::Nothing
            }
            ["cargo", "run"] => self.icp(&["serve"]),
            ["cargo", "run", "-q", "--", arguments @ ..] | ["icp" | "target/release/icp", arguments @ ..] => {
                self.icp(arguments)
            }
            ["curl", arguments @ ..] => Outcome::Answered(self.curl(arguments).await),
            ["cargo", "build", "--release"] => Outcome::Nothing,
            ["cargo", "xtask", name, ..] => {
                let chores = include_str!("../../../../xtask/README.md");
                assert!(chores.contains(&format!("`cargo xtask {name}")), "{name}");
                Outcome::Nothing
            }
            _ => panic!("no test knows how to run {words:?}"),
        }
    }

    fn icp(&mut self, arguments: &[&str]) -> Outcome {
        if let ["serve", options @ ..] = arguments {
            // One service at a time has the port.
            self.service = None;
            self.service = Some(self.setup.clone().start_with(options));
            return Outcome::Started;
        }
        let output = self.setup.icp(arguments);
        assert!(output.status.success(), "icp {arguments:?}: {}", stderr(&output));
        Outcome::Printed(stdout(&output))
    }

    async fn curl(&self, arguments: &[&str]) -> Answer {
        let service = self.service.as_ref().expect("the page has started the service");
        let (mut method, mut headers, mut body, mut url) = (None, Vec::new(), None, None);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || *arguments.next().expect("a value");
            match *argument {
                "-H" => headers.push(value().split_once(": ").expect("a header")),
                "-X" => method = Some(value()),
                "-d" => body = Some(value()),
                "-i" | "-s" | "-f" => {}
                address => url = Some(address.replace(SHOWN_ADDRESS, &service.address)),
            }
        }
        let default = if body.is_some() { "POST" } else { "GET" };
        let method = Method::from_bytes(method.unwrap_or(default).as_bytes()).expect("a method");
        let mut request = client().request(method, url.expect("a URL"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Answer::of(request.body(body.unwrap_or_default().to_owned())).await
    }

    /// Splits a command into words, and replaces variables.
    fn words(&self, command: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        let mut rest = command;
        while let Some(next) = rest.chars().next() {
            rest = &rest[next.len_utf8()..];
            let current = word.get_or_insert_default();
            match (quote, next) {
                (Some(end), _) if next == end => quote = None,
                (None, '\'' | '"') => quote = Some(next),
                (None, '#') if current.is_empty() => return words,
                (None, _) if next.is_whitespace() => {
                    words.extend(word.take().filter(|word| !word.is_empty()));
                }
                (None | Some('"'), '$') if rest.starts_with("(uuidgen)") => {
                    rest = &rest["(uuidgen)".len()..];
                    *current += &Uuid::from_u128(KEYS.fetch_add(1, Ordering::Relaxed).into()).to_string();
                }
                (None | Some('"'), '$') => {
                    let end = rest.find(|next: char| !is_part_of_name(next)).unwrap_or(rest.len());
                    let value = self.variables.get(&rest[..end]);
                    *current += value.unwrap_or_else(|| panic!("${} is not set: {command}", &rest[..end]));
                    rest = &rest[end..];
                }
                _ => current.push(next),
            }
        }
        words.extend(word);
        words
    }
}

fn is_part_of_name(next: char) -> bool {
    next == '_' || next.is_ascii_alphanumeric()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_part_of_name)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

/// Returns the code blocks of a page in one language.
pub(crate) fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    page.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// Returns the commands of a block. A line that ends with a backslash or within quotes goes on.
pub(crate) fn commands(block: &str) -> Vec<String> {
    let (mut commands, mut command) = (Vec::new(), String::new());
    for line in block.lines() {
        match line.strip_suffix('\\') {
            Some(start) => command += start,
            None if (command.matches('\'').count() + line.matches('\'').count()) % 2 == 1 => {
                command += line;
                command.push('\n');
            }
            None => {
                let whole = std::mem::take(&mut command) + line;
                commands
                    .extend(Some(whole).filter(|whole| !whole.trim().is_empty() && !whole.starts_with('#')));
            }
        }
    }
    assert!(command.is_empty(), "{command}");
    commands
}
