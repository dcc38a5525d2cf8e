# Short forms of commands. `just` prints the command that it runs.

# Lists the recipes
default:
    @just --list

# Format, lints, documentation, layers
check:
    cargo xtask check

# Every test that needs only Rust and PostgreSQL; `just test -p icp-domain` runs those of one crate
test *arguments:
    cargo xtask test -- {{ arguments }}

# Every test, including those that need Node, Python, a browser or PgBouncer
test-all:
    cargo xtask test --all

# Serves on an embedded database; `just run migrate` runs another command
run *arguments:
    cargo run -- {{ arguments }}

# Formats the sources
fmt:
    cargo fmt --all

# Only dependencies and licenses
layers:
    cargo xtask layers
