//! Runs the shell commands of a documentation page (the README or a Markdown file in `docs`) against a service.
//! [`Shell`] runs the real `icp` and the real programs of PostgreSQL. It implements `curl`, `jq` and `sqlite3` itself,
//! because not every machine has these programs.

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

/// The address of the service in the pages. The shell replaces it with the address of the tested service.
const SHOWN_ADDRESS: &str = "http://127.0.0.1:8080";

/// The number from which `uuidgen` creates the next UUID.
static NEXT_UUID: AtomicU64 = AtomicU64::new(1);

/// A shell that runs commands in the folder of one setup, and keeps variables.
pub(crate) struct Shell {
    pub(crate) setup: Setup,
    pub(crate) service: Option<Service>,
    variables: HashMap<String, String>,
    /// Texts of the page, such as an abbreviated key, and the texts with which the shell replaces them.
    replacements: Vec<(String, String)>,
}

/// The result of a command.
#[derive(Debug)]
pub(crate) enum Outcome {
    Printed(String),
    Response(Response),
    ServiceStarted,
    /// The command set a variable or printed nothing.
    NoOutput,
}

impl Outcome {
    #[track_caller]
    pub(crate) fn response(self) -> Response {
        match self {
            Self::Response(response) => response,
            other => panic!("the command must be a request by curl: {other:?}"),
        }
    }

    /// Returns the output, which the next command of a pipe reads.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Printed(text) => text.clone(),
            Self::Response(response) => response.body.clone(),
            Self::ServiceStarted => format!("icp listens on {SHOWN_ADDRESS}\n"),
            Self::NoOutput => String::new(),
        }
    }

    /// Returns the output of `curl -i`, which contains the head of the response.
    pub(crate) fn text_with_head(&self) -> String {
        let Self::Response(response) = self else { return self.text() };
        let mut text = format!("HTTP/1.1 {}\n", response.status);
        for (name, value) in &response.headers {
            let value = value.to_str().expect("the header must be ASCII");
            writeln!(text, "{name}: {value}").expect("a write to a string must succeed");
        }
        text + "\n" + &response.body
    }
}

impl Shell {
    pub(crate) fn new(setup: Setup) -> Self {
        Self { setup, service: None, variables: HashMap::new(), replacements: Vec::new() }
    }

    pub(crate) fn replace(&mut self, shown: &str, replacement: &str) {
        self.replacements.push((shown.to_owned(), replacement.to_owned()));
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.setup.path().join(name)
    }

    /// Runs one line. The line may contain a pipe, and may store its output in a file or a variable.
    pub(crate) async fn run(&mut self, command: &str) -> Outcome {
        let mut command = command.to_owned();
        for (shown, replacement) in &self.replacements {
            command = command.replace(shown, replacement);
        }
        if let Some((name, substitution)) =
            command.split_once("=$(").and_then(|(name, rest)| Some((name, rest.strip_suffix(')')?)))
            && is_name(name)
        {
            let words = self.split_words(substitution);
            let text = self.run_pipe(&words).await.text();
            self.set(name, text.trim());
            return Outcome::NoOutput;
        }
        let words = self.split_words(&command);
        if words.iter().all(|word| is_assignment(word)) {
            for (name, value) in words.iter().filter_map(|word| word.split_once('=')) {
                // The page shows a sample value. A test may already have set the variable to a value from an earlier
                // response.
                self.variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            }
            return Outcome::NoOutput;
        }
        self.run_pipe(&words).await
    }

    /// Runs the commands of a pipe. Each command reads the output of the previous command.
    async fn run_pipe(&mut self, words: &[String]) -> Outcome {
        let (words, target) = match words {
            [words @ .., operator, target] if operator == ">" => (words, Some(target)),
            words => (words, None),
        };
        let mut outcome = Outcome::NoOutput;
        for (index, command) in words.split(|word| word == "|").enumerate() {
            let input = (index > 0).then(|| outcome.text());
            let assignments = command.iter().take_while(|word| is_assignment(word)).count();
            let (assignments, command) = command.split_at(assignments);
            let setup = self.setup.clone();
            for (name, value) in assignments.iter().filter_map(|word| word.split_once('=')) {
                self.setup = self.setup.clone().with(name, value);
            }
            outcome = self.run_command(command, input).await;
            if !assignments.is_empty() {
                self.setup = setup;
            }
        }
        match target {
            Some(target) => {
                std::fs::write(self.path_of(target), outcome.text()).expect("the file must be written");
                Outcome::NoOutput
            }
            None => outcome,
        }
    }

    async fn run_command(&mut self, words: &[String], input: Option<String>) -> Outcome {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let read =
            |name: &str| std::fs::read_to_string(self.path_of(name)).expect("the file must be readable");
        match words.as_slice() {
            ["export", assignment] => {
                let (name, value) = assignment.split_once('=').expect("the line must contain an assignment");
                self.setup = self.setup.clone().with(name, value);
                Outcome::NoOutput
            }
            ["unset", name] => {
                self.setup = self.setup.clone().without(name);
                Outcome::NoOutput
            }
            ["cargo", "run"] => self.run_icp(&["serve"], None),
            ["cargo", "run", "-q", "--", arguments @ ..] | ["icp" | "target/release/icp", arguments @ ..] => {
                self.run_icp(arguments, input)
            }
            ["curl", arguments @ ..] => Outcome::Response(self.run_curl(arguments, input).await),
            ["jq", "-r", path] => {
                Outcome::Printed(text_at(path, &input.expect("a command before the pipe must exist")))
            }
            ["jq", filter] => {
                Outcome::Printed(run_jq(filter, &input.expect("a command before the pipe must exist")))
            }
            ["jq", filter, file] => Outcome::Printed(run_jq(filter, &read(file))),
            ["cat", file] => Outcome::Printed(read(file)),
            ["wc", "-l"] => Outcome::Printed(format!(
                "{}\n",
                input.expect("a command before the pipe must exist").lines().count()
            )),
            ["wc", "-l", file] => Outcome::Printed(format!("{} {file}\n", read(file).lines().count())),
            ["sqlite3", file, command] => {
                self.copy_sqlite(
                    file,
                    command.strip_prefix(".backup ").expect("the command must be `.backup`"),
                );
                Outcome::NoOutput
            }
            ["mv", from, to] => {
                std::fs::rename(self.path_of(from), self.path_of(to)).expect("the file must be moved");
                Outcome::NoOutput
            }
            ["rm", "-f", files @ ..] => {
                for file in files {
                    let _ = std::fs::remove_file(self.path_of(file));
                }
                Outcome::NoOutput
            }
            [program @ ("pg_dump" | "pg_restore" | "createdb"), arguments @ ..] => {
                self.run_postgres_program(program, arguments)
            }
            ["cargo", "build", "--release"] | ["cargo", "bench", "-p", _] => Outcome::NoOutput,
            ["cargo", "xtask", name, ..] => {
                let readme = include_str!("../../../../xtask/README.md");
                assert!(readme.contains(&format!("`cargo xtask {name}")), "{name}");
                Outcome::NoOutput
            }
            _ => panic!("the shell of the tests cannot run {words:?}"),
        }
    }

    /// Kills the service.
    pub(crate) fn stop(&mut self) {
        self.service = None;
    }

    fn run_postgres_program(&self, program: &str, arguments: &[&str]) -> Outcome {
        let folder = Binaries::find().expect("PostgreSQL is installed").folder().to_owned();
        let mut command = std::process::Command::new(folder.join(program));
        let output =
            command.args(arguments).current_dir(self.setup.path()).output().expect("the command must run");
        assert!(output.status.success(), "{program} {arguments:?}: {}", stderr(&output));
        Outcome::Printed(stdout(&output))
    }

    fn copy_sqlite(&self, file: &str, copy: &str) {
        let path = self.path_of(file);
        let mut database = SqliteConnection::establish(path.to_str().expect("the path must be UTF-8"))
            .expect("the database must be opened");
        database
            .batch_execute(&format!("VACUUM INTO '{}'", self.path_of(copy).display()))
            .expect("the database must be copied");
    }

    fn run_icp(&mut self, arguments: &[&str], input: Option<String>) -> Outcome {
        if let ["serve", options @ ..] = arguments {
            // A person who follows the page stops the running service before they start it again.
            self.service = None;
            self.service = Some(self.setup.clone().start_with(options));
            return Outcome::ServiceStarted;
        }
        let output = match input {
            Some(input) => self.setup.icp_with_input(arguments, input.as_bytes()),
            None => self.setup.icp(arguments),
        };
        assert!(output.status.success(), "icp {arguments:?}: {}", stderr(&output));
        // `icp import` writes its summary to standard error.
        Outcome::Printed(Some(stdout(&output)).filter(|text| !text.is_empty()).unwrap_or(stderr(&output)))
    }

    async fn run_curl(&self, arguments: &[&str], input: Option<String>) -> Response {
        let service = self.service.as_ref().expect("the page must start the service before the request");
        let (mut method, mut headers, mut body, mut url) = (None, Vec::new(), None, None);
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || *arguments.next().expect("the option must have a value");
            match *argument {
                "-H" => headers.push(value().split_once(": ").expect("the option must contain a header")),
                "-X" => method = Some(value()),
                "-d" => {
                    let value = value();
                    body = Some(match value.strip_prefix('@') {
                        Some("-") => input.clone().expect("a command before the pipe must exist"),
                        Some(file) => {
                            std::fs::read_to_string(self.path_of(file)).expect("the file must be readable")
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
        let mut request = client().request(method, url.expect("the line must contain a URL"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Response::fetch(request.body(body.unwrap_or_default())).await
    }

    /// Splits a command into words, and replaces variables.
    fn split_words(&self, command: &str) -> Vec<String> {
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
                    *current +=
                        &Uuid::from_u128(NEXT_UUID.fetch_add(1, Ordering::Relaxed).into()).to_string();
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

/// Implements the filters of `jq` without `-r` that the pages use: `length` and `del(.field, .field)`.
fn run_jq(filter: &str, input: &str) -> String {
    let mut value: Value = serde_json::from_str(input).expect("the text must be JSON");
    if let Some(fields) = filter.strip_prefix("del(").and_then(|rest| rest.strip_suffix(')')) {
        let object = value.as_object_mut().expect("the value must be an object");
        for field in fields.split(", ") {
            object.remove(field.trim_start_matches('.')).expect("the object must have the field");
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
    value.pointer(&pointer).and_then(Value::as_str).expect("the value must be a string").to_owned()
}

/// A code block of a page.
pub(crate) struct Block<'a> {
    /// The text after the opening fence.
    pub(crate) language: &'a str,
    pub(crate) code: &'a str,
    /// True if this block directly follows the previous block.
    pub(crate) is_adjacent: bool,
}

/// Returns all code blocks of a page.
pub(crate) fn all_blocks(page: &str) -> Vec<Block<'_>> {
    let mut parts = page.split("```");
    let mut text_before = parts.next().unwrap_or_default();
    let mut blocks = Vec::new();
    while let (Some(block), Some(text_after)) = (parts.next(), parts.next()) {
        let (language, code) = block.split_once('\n').expect("the fence must end the line");
        blocks.push(Block { language, code: code.trim_end(), is_adjacent: text_before.trim().is_empty() });
        text_before = text_after;
    }
    blocks
}

/// Checks that the outcome contains each part of the output that a page shows. `...` separates the parts. White space
/// is ignored, and so is the order of the parts.
#[track_caller]
pub(crate) fn assert_shows(shown: &str, outcome: &Outcome) {
    let remove_spaces = |text: &str| text.split_whitespace().collect::<String>();
    let (actual, output) = (remove_spaces(&outcome.text_with_head()), outcome.text_with_head());
    for part in shown.split("...").map(remove_spaces) {
        assert!(actual.contains(&part), "the page shows {part}, but the output is:\n{output}");
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
                let complete = std::mem::take(&mut command) + line;
                commands.extend(
                    Some(complete)
                        .filter(|complete| !complete.trim().is_empty() && !complete.starts_with('#')),
                );
            }
        }
    }
    assert!(command.is_empty(), "{command}");
    commands
}
