//! The service's own queries, as PostgreSQL logs them, for pgbench to run: what is compared cannot part.

use anyhow::{Context, Result};

/// A statement that was executed, and its values as literals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    text: String,
    values: Vec<String>,
}

/// The first query on ICPs in what a server logged with `log_statement = 'all'`.
pub(super) fn first_query(log: &str) -> Result<Statement> {
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        let executed = line.split_once("LOG:  execute ").and_then(|(_, rest)| rest.split_once(": "));
        let Some((_, text)) = executed else { continue };
        let mut text = text.to_owned();
        // A statement of several lines goes on after a tab.
        while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
            text.push('\n');
            text.push_str(more.trim_start());
        }
        if !text.contains("icp_members") {
            continue;
        }
        let details = lines.next().and_then(|line| line.split_once("DETAIL:  "));
        let values = details.map(|(_, values)| values.split_once(": ").map_or(values, |(_, values)| values));
        return Ok(Statement { text, values: literals(values.unwrap_or_default()) });
    }
    anyhow::bail!("the service sent no query: {log}")
}

/// Of `$1 = 'a', $2 = NULL`.
fn literals(values: &str) -> Vec<String> {
    let (mut literals, mut rest) = (Vec::new(), values);
    while let Some((_, value)) = rest.split_once(" = ") {
        let length = literal_length(value);
        let (literal, after) = value.split_at_checked(length).unwrap_or((value, ""));
        literals.push(literal.to_owned());
        rest = after;
    }
    literals
}

/// A quote within is written twice.
fn literal_length(text: &str) -> usize {
    if !text.starts_with('\'') {
        return text.find(',').unwrap_or(text.len());
    }
    let mut end = 1;
    while let Some(quote) = text.get(end..).and_then(|rest| rest.find('\'')) {
        end += quote + 1;
        if !text.get(end..).is_some_and(|rest| rest.starts_with('\'')) {
            return end;
        }
        end += 1;
    }
    text.len()
}

impl Statement {
    /// The statement for pgbench, which puts something of its own in the place of some values. Each has to be among them.
    pub(super) fn with(&self, own: &[(&str, &str)]) -> Result<String> {
        let mut text = self.text.clone();
        // From the last on: `$1` begins `$10`.
        for (number, literal) in self.values.iter().enumerate().rev() {
            let put =
                own.iter().find_map(|(from, to)| put(literal, from, to)).unwrap_or_else(|| literal.clone());
            text = text.replace(&format!("${}", number + 1), &put);
        }
        let missing = own.iter().find(|(_, to)| !text.contains(to));
        missing
            .map_or(Ok(()), |(from, _)| Err(from))
            .map_err(|from| anyhow::anyhow!("{from} is no value of {text}"))?;
        Some(text).filter(|text| !text.contains('$')).with_context(|| format!("values are missing: {self:?}"))
    }
}

/// What goes in the place of a value, or of an array that holds nothing else.
fn put(literal: &str, from: &str, to: &str) -> Option<String> {
    let value = literal.trim_matches('\'');
    match value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(only) if only == from => Some(format!("ARRAY[{to}]")),
        _ => (value == from).then(|| to.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-01-01 10:00:00 UTC [1] LOG:  statement: SET x = 1
2026-01-01 10:00:00 UTC [1] LOG:  execute s0: SELECT 1
2026-01-01 10:00:00 UTC [1] LOG:  execute s1: SELECT a FROM icp_members
\tWHERE user_id = $1 AND b = $2 AND c = $3
2026-01-01 10:00:00 UTC [1] DETAIL:  parameters: $1 = '1000000', $2 = 'it''s, $9', $3 = NULL
2026-01-01 10:00:00 UTC [1] LOG:  execute s2: SELECT b FROM icp_members";

    #[test]
    fn the_query_is_found_with_its_values() {
        let statement = first_query(LOG).expect("it is there");
        assert_eq!(statement.text, "SELECT a FROM icp_members\nWHERE user_id = $1 AND b = $2 AND c = $3");
        assert_eq!(statement.values, ["'1000000'", "'it''s, $9'", "NULL"]);
        assert!(first_query("LOG:  execute s0: SELECT 1").is_err());
    }

    #[test]
    fn pgbench_puts_its_own_values_in() {
        let values = ["'7'", "'f'"].map(str::to_owned).to_vec();
        let statement = Statement { text: "SELECT $1, $2, $1".to_owned(), values };
        assert_eq!(statement.with(&[("7", ":user")]).expect("it has it"), "SELECT :user, 'f', :user");
        assert!(statement.with(&[("8", ":user")]).is_err(), "no value of the query");
        let array = Statement { text: "SELECT unnest($1)".to_owned(), values: vec!["'{7}'".to_owned()] };
        assert_eq!(array.with(&[("7", ":user")]).expect("it has it"), "SELECT unnest(ARRAY[:user])");
        let statement = Statement { text: "SELECT $1, $2".to_owned(), values: vec!["'7'".to_owned()] };
        assert!(statement.with(&[("7", ":user")]).is_err(), "a value is missing");
    }
}
