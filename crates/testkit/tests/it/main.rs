//! The suites find violations of the ports' contracts.

#![cfg(test)]

mod authenticators;
mod defects;
mod importers;
mod migrators;
mod repositories;
mod resilience;
mod trials;
