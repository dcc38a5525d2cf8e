//! The sources of settings: defaults, files, variables that platforms set, the service's own variables, and the command
//! line.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};

use super::catalog::{Kind, Setting};
use super::definitions::SETTINGS;
use super::error::SettingsError;

/// The file that is read if it exists.
const DEFAULT_FILE: &str = "config/default.toml";

/// The environment of the process.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The environment variables.
    pub variables: HashMap<String, OsString>,
    /// The working directory, to which the paths of files are relative.
    pub directory: PathBuf,
    /// The file that the command line names.
    pub file: Option<PathBuf>,
    /// The settings that options of the command line set, by key.
    pub options: Vec<(&'static str, String)>,
}

impl Environment {
    /// Returns the environment of this process.
    pub fn of_process(file: Option<PathBuf>, options: Vec<(&'static str, String)>) -> Self {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
        Self { variables, directory: PathBuf::new(), file, options }
    }

    /// Returns the value of a variable. An empty value counts as not set, because compose files and charts set empty
    /// values.
    fn variable(&self, name: &str) -> Result<Option<String>, SettingsError> {
        match self.variables.get(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => match value.to_str() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(SettingsError::new(format!("{name}: must be Unicode text"))),
            },
        }
    }
}

/// Reads all sources. Later sources override earlier ones.
pub(super) fn collect(environment: &Environment) -> Result<Map<String, Value>, SettingsError> {
    refuse_unknown_variables(environment)?;
    let mut builder = Config::builder().add_source(defaults());
    let default_file = environment.directory.join(DEFAULT_FILE);
    let exists = default_file.try_exists().map_err(|error| SettingsError::of_file(&default_file, &error))?;
    if exists {
        builder = builder.add_source(file(&default_file)?);
    }
    if let Some(named) = named_file(environment)? {
        builder = builder.add_source(file(&named)?);
    }
    let platform = variables(environment, |setting| setting.platform_variable.map(str::to_owned))?;
    let own = variables(environment, |setting| Some(setting.variable()))?;
    let config = builder.add_source(platform).add_source(own).add_source(options(environment)).build()?;
    Ok(config.collect()?)
}

fn named_file(environment: &Environment) -> Result<Option<PathBuf>, SettingsError> {
    let named = match &environment.file {
        Some(file) => Some(file.clone()),
        None => environment.variable("ICP_CONFIG")?.map(PathBuf::from),
    };
    Ok(named.map(|file| environment.directory.join(file)))
}

/// Reads a settings file. Errors name the file.
fn file(path: &Path) -> Result<Values, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|error| SettingsError::of_file(path, &error))?;
    let values = File::from_str(&text, FileFormat::Toml).collect();
    let mut values = values.map_err(|error| SettingsError::of_toml(path, &error))?;
    let origin = path.display().to_string();
    for value in values.values_mut() {
        with_source(value, &origin);
    }
    Ok(Values(values))
}

/// Marks a value and all values in it with their source.
fn with_source(value: &mut Value, origin: &str) {
    if let ValueKind::Table(members) = &mut value.kind {
        for member in members.values_mut() {
            with_source(member, origin);
        }
    }
    *value = Value::new(Some(&origin.to_owned()), value.kind.clone());
}

/// Fails if a variable begins with `ICP_` and is unknown. Without this check, a misspelt variable would have no effect.
fn refuse_unknown_variables(environment: &Environment) -> Result<(), SettingsError> {
    let is_known = |name: &str| {
        name == "ICP_CONFIG"
            // Variables of the project's tests.
            || name.starts_with("ICP_TEST_")
            || SETTINGS.iter().any(|setting| setting.variable() == name)
    };
    let mut unknown: Vec<_> =
        environment.variables.keys().filter(|name| name.starts_with("ICP_") && !is_known(name)).collect();
    unknown.sort();
    let Some(name) = unknown.first() else { return Ok(()) };
    let likely_variable =
        SETTINGS.iter().map(Setting::variable).find(|variable| variable.replace("__", "_") == **name);
    let remedy = likely_variable.map_or_else(
        || "`icp config` lists all settings and their variables".to_owned(),
        |variable| format!("the variable is {variable}"),
    );
    Err(SettingsError::new(format!("{name}: unknown setting; {remedy}")))
}

/// Values of one source.
#[derive(Clone, Debug)]
struct Values(Map<String, Value>);

impl Source for Values {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

fn defaults() -> Values {
    let values = SETTINGS.iter().filter_map(|setting| Some((setting, setting.default?)));
    Values(values.map(|(setting, text)| (setting.key.to_owned(), value(setting, "default", text))).collect())
}

fn variables(
    environment: &Environment,
    name_of: impl Fn(&Setting) -> Option<String>,
) -> Result<Values, SettingsError> {
    let mut values = Map::new();
    for setting in SETTINGS {
        let Some(name) = name_of(setting) else { continue };
        if let Some(text) = environment.variable(&name)? {
            let origin = format!("the variable {name}");
            values.insert(setting.key.to_owned(), value(setting, &origin, &text));
        }
    }
    Ok(Values(values))
}

fn options(environment: &Environment) -> Values {
    let values = SETTINGS.iter().filter_map(|setting| {
        let (key, text) = environment.options.iter().find(|(key, _)| *key == setting.key)?;
        let name = key.rsplit('.').next().unwrap_or(key);
        Some(((*key).to_owned(), value(setting, &format!("the option --{name}"), text)))
    });
    Values(values.collect())
}

fn value(setting: &Setting, origin: &str, text: &str) -> Value {
    let origin = origin.to_owned();
    let kind = match setting.kind {
        Kind::ExactList(_) => {
            let elements = text
                .split(',')
                .map(|element| element.trim_matches(' '))
                .filter(|element| !element.is_empty());
            ValueKind::Array(elements.map(|element| Value::new(Some(&origin), element)).collect())
        }
        _ => ValueKind::from(text),
    };
    Value::new(Some(&origin), kind)
}
