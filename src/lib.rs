//! x

pub mod compute;
pub mod deltas;
pub mod linalg;
pub mod model;
pub mod reader;
pub mod tensor;
