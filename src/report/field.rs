//! Fields of records that were read back: what is absent, or of another kind, is nothing, and never an error.

use serde_json::Value;

pub(super) use crate::reader::recorded_number as number;

/// A text, or nothing.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list; of anything else none.
pub(super) fn items<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    object.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A count, or nothing.
pub(super) fn count(object: &Value, field: &str) -> u64 {
    object.get(field).and_then(Value::as_u64).unwrap_or(0)
}

/// A number that has to be there for a point to be; NaN where it is not.
pub(super) fn or_nan(object: &Value, field: &str) -> f64 {
    number(object, field).unwrap_or(f64::NAN)
}

/// What a group is of: a text, or columns with their values.
pub(super) fn described(by: &Value) -> String {
    match by {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let parts = fields.iter().map(|(name, value)| {
                format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            });
            parts.collect::<Vec<_>>().join(", ")
        }
        Value::Array(parts) => parts.iter().map(described).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    }
}
