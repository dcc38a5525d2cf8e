//! The list: as a whole, in part, and again.

mod pagination;
mod records;
mod unchanged;

mod compression;
mod conditions;
mod cross_origin;
mod filters;
mod kept;
mod large;
mod manners;
mod pages;
mod parameters;
mod parts;
