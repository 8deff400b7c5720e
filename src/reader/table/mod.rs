//! Flat tables of results: named columns whose cells are numbers, texts or missing.

mod cell;

pub use cell::{Cell, Column, Table};
