//! x

pub mod cli;
pub mod deltas;
pub mod gpu;
pub mod model;
pub mod reader;
pub mod report;
pub mod tensor;
