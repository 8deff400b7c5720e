//! x

pub mod cli;
pub mod compute;
pub mod deltas;
pub mod gpu;
pub mod linalg;
pub mod model;
pub mod reader;
pub mod report;
pub mod tensor;
