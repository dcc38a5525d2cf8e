//! Tests the requirements of the contract through the public API of the crate.

#![cfg(test)]

mod bodies;
mod boundaries;
mod documented_limits;
mod documents;
mod folding;
mod generate;
mod history;
mod hostile;
mod lenient;
mod lenient_properties;
mod mutation_properties;
mod regexes;
mod schemas;
mod storable;
mod strict_combinations;
mod strict_shape;
mod strict_values;
mod support;
mod timestamps;
mod values;
mod wire_form;
