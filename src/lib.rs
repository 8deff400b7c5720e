//! x

pub mod deltas;
pub mod model;
pub mod tensor;
