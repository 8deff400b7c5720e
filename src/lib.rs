//! x

pub mod deltas;
pub mod model;
pub mod reader;
pub mod tensor;
