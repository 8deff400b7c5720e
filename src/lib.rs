//! x

pub mod compute;
pub mod deltas;
pub mod linalg;
pub mod model;
pub mod tensor;
