//! The lines of a ledger, from text to values.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    BaseTensor, DivisionLine, GuardLine, LayerLine, LedgerError, LedgerHeader, LedgerLine, LineKind,
    PassLine, RectLine, RefusedLine, RequestLine, ScheduleKind, ValueLine,
};

/// Name and version of the format.
const SCHEMA: &str = "diagnose.ledger/1";

/// Header and lines; every line ends with its newline.
pub(super) fn parse(bytes: &[u8]) -> Result<(LedgerHeader, Vec<LedgerLine>), LedgerError> {
    let mut lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|&byte| byte == b'\n');
    let header = header(lines.next().unwrap_or_default())?;
    let mut steps = Vec::new();
    for (at, line) in lines.enumerate() {
        let number = at + 2;
        let refused = |reason| LedgerError::Line { line: number, reason };
        let raw: RawLine = serde_json::from_slice(line).map_err(|error| refused(error.to_string()))?;
        if raw.index != at {
            return Err(LedgerError::Order { line: number, found: raw.index, needed: at });
        }
        steps.push(raw.line().map_err(refused)?);
    }
    Ok((header, steps))
}

fn header(line: &[u8]) -> Result<LedgerHeader, LedgerError> {
    let refused = |reason| LedgerError::Header { reason };
    let raw: RawHeader = serde_json::from_slice(line).map_err(|error| refused(error.to_string()))?;
    if raw.schema != SCHEMA {
        return Err(refused(format!("its schema is {}, needed is {SCHEMA}", raw.schema)));
    }
    Ok(LedgerHeader {
        version: raw.tool.version,
        model: raw.base.path,
        base: raw.base.tensors,
        schedule: raw.schedule,
        settings: raw.settings,
    })
}

#[derive(Deserialize)]
struct RawHeader {
    schema: String,
    tool: RawTool,
    base: RawBase,
    schedule: ScheduleKind,
    settings: Value,
}

#[derive(Deserialize)]
struct RawTool {
    version: String,
}

#[derive(Deserialize)]
struct RawBase {
    path: String,
    tensors: Vec<BaseTensor>,
}

#[derive(Deserialize)]
struct RawLine {
    kind: LineKind,
    index: usize,
    method: String,
    requests: Vec<RawRequest>,
    refused: Vec<RefusedLine>,
    layers: Vec<RawLayer>,
    factors_sha256: Option<String>,
}

#[derive(Deserialize)]
struct RawRequest {
    record: usize,
    case_id: String,
    value: RawValue,
    division: Option<RawDivision>,
    guard: Option<RawGuard>,
}

#[derive(Deserialize)]
struct RawValue {
    passes: Vec<RawPass>,
    initial_norm: Option<f64>,
    target_norm: Option<f64>,
    offset_norm: Option<f64>,
    clamped: bool,
    stopped_early: bool,
    #[serde(default)]
    nonfinite: NonFinite,
}

#[derive(Deserialize)]
struct RawPass {
    total: Option<f64>,
    nll: Option<f64>,
    kl: Option<f64>,
    weight_decay: Option<f64>,
    #[serde(default)]
    nonfinite: NonFinite,
}

#[derive(Deserialize)]
struct RawDivision {
    numerator_norm: Option<f64>,
    unit_denominator: Option<f64>,
    denominator: Option<f64>,
    consistent_unit_denominator: Option<f64>,
    adjusted_key_norm: Option<f64>,
    right_vector_norm: Option<f64>,
    residual: Option<f64>,
    #[serde(default)]
    nonfinite: NonFinite,
}

#[derive(Deserialize)]
struct RawGuard {
    level: String,
    denominator_ratio: Option<f64>,
    action: String,
    #[serde(default)]
    nonfinite: NonFinite,
}

#[derive(Deserialize)]
struct RawLayer {
    layer: usize,
    tensor: String,
    update_norm: Option<f64>,
    stored_update_norm: Option<f64>,
    weight_norm: Option<f64>,
    relative_update: Option<f64>,
    residual_norm: Option<f64>,
    #[serde(default)]
    pseudo_inverse: bool,
    rect: Option<RectLine>,
    kept_entries: Option<u64>,
    sha256: String,
    bias: Option<RawBias>,
    #[serde(default)]
    nonfinite: NonFinite,
}

#[derive(Deserialize)]
struct RawBias {
    tensor: String,
    sha256: String,
}

/// What stands in the place of numbers that JSON has not.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct NonFinite(BTreeMap<String, String>);

impl NonFinite {
    /// A number that has to be there.
    fn number(&self, field: &str, found: Option<f64>) -> Result<f64, String> {
        self.optional(field, found)?.ok_or_else(|| format!("`{field}` is missing"))
    }

    /// A number that may be absent.
    fn optional(&self, field: &str, found: Option<f64>) -> Result<Option<f64>, String> {
        match (found, self.0.get(field).map(String::as_str)) {
            (found, None) => Ok(found),
            (None, Some("nan")) => Ok(Some(f64::NAN)),
            (None, Some("inf")) => Ok(Some(f64::INFINITY)),
            (None, Some("-inf")) => Ok(Some(f64::NEG_INFINITY)),
            (_, Some(other)) => Err(format!("`{field}` is said to be `{other}`")),
        }
    }
}

impl RawLine {
    fn line(self) -> Result<LedgerLine, String> {
        Ok(LedgerLine {
            kind: self.kind,
            index: self.index,
            method: self.method,
            requests: self.requests.into_iter().map(RawRequest::request).collect::<Result<_, _>>()?,
            refused: self.refused,
            layers: self.layers.into_iter().map(RawLayer::layer).collect::<Result<_, _>>()?,
            factors_sha256: self.factors_sha256,
        })
    }
}

impl RawRequest {
    fn request(self) -> Result<RequestLine, String> {
        Ok(RequestLine {
            record: self.record,
            case_id: self.case_id,
            value: self.value.value()?,
            division: self.division.map(RawDivision::division).transpose()?,
            guard: self.guard.map(RawGuard::guard).transpose()?,
        })
    }
}

impl RawValue {
    fn value(self) -> Result<ValueLine, String> {
        let optional = |field, found| self.nonfinite.optional(field, found);
        Ok(ValueLine {
            initial_norm: optional("initial_norm", self.initial_norm)?,
            target_norm: optional("target_norm", self.target_norm)?,
            offset_norm: optional("offset_norm", self.offset_norm)?,
            passes: self.passes.into_iter().map(RawPass::pass).collect::<Result<_, _>>()?,
            clamped: self.clamped,
            stopped_early: self.stopped_early,
        })
    }
}

impl RawPass {
    fn pass(self) -> Result<PassLine, String> {
        let number = |field, found| self.nonfinite.number(field, found);
        Ok(PassLine {
            total: number("total", self.total)?,
            nll: number("nll", self.nll)?,
            kl: number("kl", self.kl)?,
            weight_decay: number("weight_decay", self.weight_decay)?,
        })
    }
}

impl RawDivision {
    fn division(self) -> Result<DivisionLine, String> {
        let number = |field, found| self.nonfinite.number(field, found);
        Ok(DivisionLine {
            numerator_norm: number("numerator_norm", self.numerator_norm)?,
            unit_denominator: number("unit_denominator", self.unit_denominator)?,
            denominator: number("denominator", self.denominator)?,
            consistent_unit_denominator: number(
                "consistent_unit_denominator",
                self.consistent_unit_denominator,
            )?,
            adjusted_key_norm: number("adjusted_key_norm", self.adjusted_key_norm)?,
            right_vector_norm: number("right_vector_norm", self.right_vector_norm)?,
            residual: number("residual", self.residual)?,
        })
    }
}

impl RawGuard {
    fn guard(self) -> Result<GuardLine, String> {
        let denominator_ratio = self.nonfinite.number("denominator_ratio", self.denominator_ratio)?;
        Ok(GuardLine { level: self.level, denominator_ratio, action: self.action })
    }
}

impl RawLayer {
    fn layer(self) -> Result<LayerLine, String> {
        let number = |field, found| self.nonfinite.number(field, found);
        Ok(LayerLine {
            layer: self.layer,
            update_norm: number("update_norm", self.update_norm)?,
            stored_update_norm: number("stored_update_norm", self.stored_update_norm)?,
            weight_norm: number("weight_norm", self.weight_norm)?,
            relative_update: number("relative_update", self.relative_update)?,
            residual_norm: self.nonfinite.optional("residual_norm", self.residual_norm)?,
            tensor: self.tensor,
            pseudo_inverse: self.pseudo_inverse,
            rect: self.rect,
            kept_entries: self.kept_entries,
            sha256: self.sha256,
            bias: self.bias.map(|bias| (bias.tensor, bias.sha256)),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_damage_to_a_sound_ledger_makes_it_panic(at in 0_usize..400, byte in any::<u8>()) {
            let mut text = concat!(
                r#"{"schema":"diagnose.ledger/1","tool":{"name":"diagnose","version":"0"},"base":{"path":"m","tensors":[]},"#,
                r#""schedule":"single","settings":{}}"#,
                "\n",
                r#"{"kind":"edit","index":0,"method":"rome","requests":[],"refused":[],"layers":[{"layer":0,"tensor":"w","#,
                r#""update_norm":1,"stored_update_norm":1,"weight_norm":null,"relative_update":1,"sha256":"","#,
                r#""nonfinite":{"weight_norm":"inf"}}]}"#,
                "\n",
            )
            .as_bytes()
            .to_vec();
            prop_assert!(parse(&text).is_ok());
            if let Some(place) = text.get_mut(at) {
                *place = byte;
            }
            let _ = parse(&text);
        }
    }
}
