//! Tests that the suites detect violations of the contracts of the ports.

#![cfg(test)]

mod authenticators;
mod defects;
mod importers;
mod migrators;
mod repositories;
mod resilience;
mod trials;
