# Shorthands; each is the command that it shows.

# Lists the recipes
default:
    @just --list

# Format, lints, documentation, layers
check:
    cargo xtask check

# Every test, PostgreSQL's included; `just test -p icp-domain` for some
test *arguments:
    cargo xtask test -- {{ arguments }}

# Every test, and those that need Node, Python or a browser
test-all:
    cargo xtask test --all

# Serves on an embedded database; `just run migrate` for the other commands
run *arguments:
    cargo run -- {{ arguments }}

# Formats the sources
fmt:
    cargo fmt --all

# That no crate reaches into a layer that it must not know
layers:
    cargo xtask layers
