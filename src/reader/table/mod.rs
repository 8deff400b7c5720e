//! Flat tables of results: named columns whose cells are numbers, texts or missing.
//!
//! ```text
//! what a table holds     columns of cells                                     cell
//! rows as they come      columns united by name, the cap on cells             builder
//! delimited text         CSV, text between tabs                               delimited
//! JSON                   nested objects with dots; which list is the table    flat, documents
//! Parquet                without Arrow                                        parquet
//! which of them          by the first bytes                                   read
//! ```

mod builder;
mod cell;
mod delimited;
mod documents;
mod error;
mod flat;
mod parquet;
mod read;

pub use cell::{Cell, Column, Table};
pub use error::TableError;
pub use read::{read_table, read_tables};
