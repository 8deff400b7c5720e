//! Keys in two dimensions, as the record has them.

use serde::Serialize;

use super::words::risk_name;
use crate::keys::{Projected, Projection, ProjectionMethod, Role};

/// The plane and its points.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ProjectionRecord {
    /// `pca` or `t-sne`.
    method: &'static str,
    /// Share of the whole variance along each axis; null for t-SNE.
    explained: Option<[f64; 2]>,
    /// Keys left out because they are not finite.
    nonfinite_keys: usize,
    points: Vec<PointRecord>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PointRecord {
    x: f64,
    y: f64,
    /// `prefixed`, `mean` or `unprefixed`.
    role: &'static str,
    /// The case's level; absent but for unprefixed keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
}

impl From<&Projection> for ProjectionRecord {
    fn from(Projection { points, method, explained, nonfinite }: &Projection) -> Self {
        Self {
            method: match method {
                ProjectionMethod::Pca => "pca",
                ProjectionMethod::Tsne => "t-sne",
            },
            explained: *explained,
            nonfinite_keys: *nonfinite,
            points: points.iter().map(PointRecord::from).collect(),
        }
    }
}

impl From<&Projected> for PointRecord {
    fn from(Projected { x, y, role }: &Projected) -> Self {
        let (role, level) = match role {
            Role::Prefixed => ("prefixed", None),
            Role::Mean => ("mean", None),
            Role::Unprefixed(level) => ("unprefixed", Some(risk_name(*level))),
        };
        Self { x: *x, y: *y, role, level }
    }
}
