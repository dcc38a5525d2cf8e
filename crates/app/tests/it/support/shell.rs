//! Runs the shell commands of a page against a service. It runs the real `icp` and the real programs of PostgreSQL. It implements
//! `curl`, `jq` and `sqlite3`, which are not on every machine.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use icp_test_postgres::Binaries;
use reqwest::Method;
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Response, Service, Setup, client, stderr, stdout};

/// The address that pages show.
const SHOWN_ADDRESS: &str = "http://127.0.0.1:8080";

/// The number of the next key of `uuidgen`.
static KEYS: AtomicU64 = AtomicU64::new(1);

/// A shell with variables, in the folder of one setup.
pub(crate) struct Shell {
    pub(crate) setup: Setup,
    pub(crate) service: Option<Service>,
    variables: HashMap<String, String>,
    /// Texts of the page that a test replaces, such as an abbreviated key.
    replacements: Vec<(String, String)>,
}

/// The effect of a command.
#[derive(Debug)]
pub(crate) enum Outcome {
    Printed(String),
    Answered(Response),
    Started,
    /// A variable was set, or the command prints nothing.
    Nothing,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn response(self) -> Response {
        match self {
            Self::Answered(response) => response,
            other => panic!("a curl line: {other:?}"),
        }
    }

    /// Returns the output, which the next command of a pipe reads.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Printed(text) => text.clone(),
            Self::Answered(response) => response.body.clone(),
            Self::Started => format!("icp listens on {SHOWN_ADDRESS}\n"),
            Self::Nothing => String::new(),
        }
    }

    /// Returns the output of `curl -i`: with the head.
    pub(crate) fn text_with_head(&self) -> String {
        let Self::Answered(response) = self else { return self.text() };
        let mut text = format!("HTTP/1.1 {}\n", response.status);
        for (name, value) in &response.headers {
            let value = value.to_str().expect("the header must be ASCII");
            writeln!(text, "{name}: {value}").expect("must be written");
        }
        text + "\n" + &response.body
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

    fn file(&self, name: &str) -> PathBuf {
        self.setup.path().join(name)
    }

    /// Runs one line: a command, a pipe of commands, or a command whose output goes to a file or a variable.
    pub(crate) async fn run(&mut self, command: &str) -> Outcome {
        let mut command = command.to_owned();
        for (shown, real) in &self.replacements {
            command = command.replace(shown, real);
        }
        if let Some((name, inner)) =
            command.split_once("=$(").and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)))
            && is_name(name)
        {
            let words = self.words(inner);
            let text = self.pipe(&words).await.text();
            self.set(name, text.trim());
            return Outcome::Nothing;
        }
        let words = self.words(&command);
        if words.iter().all(|word| is_assignment(word)) {
            for (name, value) in words.iter().filter_map(|word| word.split_once('=')) {
                // A reader inserts values from the previous response.
                self.variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
            return Outcome::Nothing;
        }
        self.pipe(&words).await
    }

    /// Runs the commands of a pipe. Each reads the output of the previous command.
    async fn pipe(&mut self, words: &[String]) -> Outcome {
        let (words, target) = match words {
            [words @ .., operator, target] if operator == ">" => (words, Some(target)),
            words => (words, None),
        };
        let mut outcome = Outcome::Nothing;
        for (index, command) in words.split(|word| word == "|").enumerate() {
            let input = (index > 0).then(|| outcome.text());
            let assignments = command.iter().take_while(|word| is_assignment(word)).count();
            let (assignments, command) = command.split_at(assignments);
            let setup = self.setup.clone();
            for (name, value) in assignments.iter().filter_map(|word| word.split_once('=')) {
                self.setup = self.setup.clone().with(name, value);
            }
            outcome = self.simple(command, input).await;
            if !assignments.is_empty() {
                self.setup = setup;
            }
        }
        match target {
            Some(target) => {
                std::fs::write(self.file(target), outcome.text()).expect("the file must be written");
                Outcome::Nothing
            }
            None => outcome,
        }
    }

    async fn simple(&mut self, words: &[String], input: Option<String>) -> Outcome {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let read = |name: &str| std::fs::read_to_string(self.file(name)).expect("the file must be readable");
        match words.as_slice() {
            ["export", assignment] => {
                let (name, value) = assignment.split_once('=').expect("an assignment");
                self.setup = self.setup.clone().with(name, value);
                Outcome::Nothing
            }
            ["unset", name] => {
                self.setup = self.setup.clone().without(name);
                Outcome::Nothing
            }
            ["cargo", "run"] => self.icp(&["serve"], None),
            ["cargo", "run", "-q", "--", arguments @ ..] | ["icp" | "target/release/icp", arguments @ ..] => {
                self.icp(arguments, input)
            }
            ["curl", arguments @ ..] => Outcome::Answered(self.curl(arguments, input).await),
            ["jq", "-r", path] => Outcome::Printed(text_at(path, &input.expect("a pipe"))),
            ["jq", filter] => Outcome::Printed(jq(filter, &input.expect("a pipe"))),
            ["jq", filter, file] => Outcome::Printed(jq(filter, &read(file))),
            ["cat", file] => Outcome::Printed(read(file)),
            ["wc", "-l"] => Outcome::Printed(format!("{}\n", input.expect("a pipe").lines().count())),
            ["wc", "-l", file] => Outcome::Printed(format!("{} {file}\n", read(file).lines().count())),
            ["sqlite3", file, command] => {
                self.copy_sqlite(file, command.strip_prefix(".backup ").expect("a backup"));
                Outcome::Nothing
            }
            ["mv", from, to] => {
                std::fs::rename(self.file(from), self.file(to)).expect("the file must be moved");
                Outcome::Nothing
            }
            ["rm", "-f", files @ ..] => {
                for file in files {
                    let _ = std::fs::remove_file(self.file(file));
                }
                Outcome::Nothing
            }
            [program @ ("pg_dump" | "pg_restore" | "createdb"), arguments @ ..] => {
                self.postgres(program, arguments)
            }
            ["cargo", "build", "--release"] | ["cargo", "bench", "-p", _] => Outcome::Nothing,
            ["cargo", "xtask", name, ..] => {
                let chores = include_str!("../../../../xtask/README.md");
                assert!(chores.contains(&format!("`cargo xtask {name}")), "{name}");
                Outcome::Nothing
            }
            _ => panic!("no test knows how to run {words:?}"),
        }
    }

    /// Stops the service, as Ctrl-C in its terminal does.
    pub(crate) fn stop(&mut self) {
        self.service = None;
    }

    fn postgres(&self, program: &str, arguments: &[&str]) -> Outcome {
        let folder = Binaries::find().expect("PostgreSQL is installed").folder().to_owned();
        let mut command = std::process::Command::new(folder.join(program));
        let output =
            command.args(arguments).current_dir(self.setup.path()).output().expect("the command must run");
        assert!(output.status.success(), "{program} {arguments:?}: {}", stderr(&output));
        Outcome::Printed(stdout(&output))
    }

    fn copy_sqlite(&self, file: &str, copy: &str) {
        let path = self.file(file);
        let mut database = SqliteConnection::establish(path.to_str().expect("must be text"))
            .expect("the database must be opened");
        database
            .batch_execute(&format!("VACUUM INTO '{}'", self.file(copy).display()))
            .expect("the database must be copied");
    }

    fn icp(&mut self, arguments: &[&str], input: Option<String>) -> Outcome {
        if let ["serve", options @ ..] = arguments {
            // One service at a time has the port.
            self.service = None;
            self.service = Some(self.setup.clone().start_with(options));
            return Outcome::Started;
        }
        let output = match input {
            Some(input) => self.setup.icp_with_input(arguments, input.as_bytes()),
            None => self.setup.icp(arguments),
        };
        assert!(output.status.success(), "icp {arguments:?}: {}", stderr(&output));
        // The summary of an import goes to standard error.
        Outcome::Printed(Some(stdout(&output)).filter(|text| !text.is_empty()).unwrap_or(stderr(&output)))
    }

    async fn curl(&self, arguments: &[&str], input: Option<String>) -> Response {
        let service = self.service.as_ref().expect("the page has started the service");
        let (mut method, mut headers, mut body, mut url) = (None, Vec::new(), None, None);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || *arguments.next().expect("a value");
            match *argument {
                "-H" => headers.push(value().split_once(": ").expect("a header")),
                "-X" => method = Some(value()),
                "-d" => {
                    let value = value();
                    body = Some(match value.strip_prefix('@') {
                        Some("-") => input.clone().expect("a pipe"),
                        Some(file) => {
                            std::fs::read_to_string(self.file(file)).expect("the file must be readable")
                        }
                        None => value.to_owned(),
                    });
                }
                "-i" | "-s" | "-f" => {}
                address => url = Some(address.replace(SHOWN_ADDRESS, &service.address)),
            }
        }
        let default = if body.is_some() { "POST" } else { "GET" };
        let method =
            Method::from_bytes(method.unwrap_or(default).as_bytes()).expect("the method must be valid");
        let mut request = client().request(method, url.expect("a URL"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Response::of(request.body(body.unwrap_or_default())).await
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

/// The part of `jq` that pages use: `length`, and `del(.one, .other)`.
fn jq(filter: &str, input: &str) -> String {
    let mut value: Value = serde_json::from_str(input).expect("the text must be JSON");
    if let Some(fields) = filter.strip_prefix("del(").and_then(|rest| rest.strip_suffix(')')) {
        let object = value.as_object_mut().expect("the value must be an object");
        for field in fields.split(", ") {
            object.remove(field.trim_start_matches('.')).expect("the field");
        }
        return value.to_string();
    }
    assert_eq!(filter, "length");
    format!("{}\n", value.as_array().expect("the value must be an array").len())
}

/// Returns the text at a path such as `.[0].name`, as `jq -r` does.
fn text_at(path: &str, json: &str) -> String {
    let value: Value = serde_json::from_str(json).expect("the text must be JSON");
    let pointer = path.replace(['.', '['], "/").replace(']', "").replace("//", "/");
    value.pointer(&pointer).and_then(Value::as_str).expect("a text").to_owned()
}

/// A code block of a page.
pub(crate) struct Block<'a> {
    /// The text after the opening fence.
    pub(crate) language: &'a str,
    pub(crate) code: &'a str,
    /// True if this block directly follows the previous block.
    pub(crate) follows: bool,
}

/// Returns all code blocks of a page.
pub(crate) fn all_blocks(page: &str) -> Vec<Block<'_>> {
    let mut parts = page.split("```");
    let mut between = parts.next().unwrap_or_default();
    let mut blocks = Vec::new();
    while let (Some(block), Some(after)) = (parts.next(), parts.next()) {
        let (language, code) = block.split_once('\n').expect("a fence ends its line");
        blocks.push(Block { language, code: code.trim_end(), follows: between.trim().is_empty() });
        between = after;
    }
    blocks
}

/// Checks the output that a page shows. `...` stands for any text.
#[track_caller]
pub(crate) fn assert_shows(shown: &str, outcome: &Outcome) {
    let squeeze = |text: &str| text.split_whitespace().collect::<String>();
    let (real, all) = (squeeze(&outcome.text_with_head()), outcome.text_with_head());
    for part in shown.split("...").map(squeeze) {
        assert!(real.contains(&part), "the page shows {part}, and the output is:\n{all}");
    }
}

/// Returns the code blocks of a page in one language.
pub(crate) fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    page.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// Returns the commands of a block. A command continues after a line that ends with a backslash or within quotes.
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
