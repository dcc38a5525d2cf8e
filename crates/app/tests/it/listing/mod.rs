//! Tests of complete lists, pages, filters, and conditional requests.

mod pagination;
mod records;
mod unchanged;

mod cached;
mod compression;
mod conditions;
mod cross_origin;
mod filters;
mod large;
mod methods;
mod pages;
mod parameters;
mod parts;
