//! The pictures that belong to a record, drawn from the record itself: what a page shows can be read in the JSON.
//!
//! A file a command. A field that is absent gives no picture, and never an error: records of later versions have more.

mod correlate;
mod deltas;
mod edit;
mod evaluate;
mod first_token;
mod keys;
mod perplexity;
mod sequence;
mod trace;

use serde_json::Value;

use super::field;
use super::html::Figure;

/// The pictures of a record of that command; none where there is nothing to draw.
pub(super) fn of_record(command: &str, record: &Value) -> Vec<Figure> {
    match command {
        "deltas" => deltas::figures(record),
        "keys" => keys::figures(record),
        "edit" => edit::figures(record),
        "perplexity" => perplexity::figures(record),
        "evaluate" => evaluate::figures(record),
        "first-token" => first_token::figures(record),
        "trace" => trace::figures(record),
        "sequence" => sequence::figures(record),
        "correlate" => correlate::figures(record),
        _ => Vec::new(),
    }
}

/// The command of a document that a report has just written.
pub(super) fn of_document(document: &[u8]) -> Vec<Figure> {
    let Ok(record) = serde_json::from_slice::<Value>(document) else { return Vec::new() };
    let schema = field::text(&record, "schema");
    let command =
        schema.strip_prefix("diagnose.").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    of_record(command, &record)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drawn(command: &str, record: &Value) -> Vec<(String, usize, Vec<String>)> {
        let figures = of_record(command, record);
        figures.into_iter().map(|figure| (figure.title.clone(), figure.marks(), figure.legend())).collect()
    }

    #[test]
    fn a_case_is_marked_by_its_level_where_both_denominators_are_numbers() {
        let case = |level: &str, found: Option<f64>| {
            json!({"case_id": "c", "unit_denominator": found, "consistent_unit_denominator": 1.5, "key_cosine": 0.9, "key_distance": 1.0,
                "verdict": {"level": level}})
        };
        let cases = [case("safe", Some(1.4)), case("collapse", Some(-0.01)), case("collapse", None)];
        let found = drawn("keys", &json!({"cases": cases, "thresholds": {"safe": 0.25, "collapse": 0.08}}));
        let legend = vec!["safe".to_owned(), "collapse".to_owned()];
        assert_eq!(
            found,
            [
                ("What ROME divides by".to_owned(), 2, legend.clone()),
                ("How far the two keys lie apart".to_owned(), 3, legend)
            ]
        );
    }

    #[test]
    fn texts_are_paired_by_their_index_and_not_by_their_order() {
        let text = |index: u64, perplexity: f64| json!({"index": index, "perplexity": perplexity});
        let record = json!({
            "models": [{"path": "m", "texts_detail": [text(3, 8.0), text(1, 4.0), text(7, 9.0)]}],
            "baseline": {"path": "b", "texts_detail": [text(1, 2.0), text(3, 2.5)]},
        });
        let figures = of_record("perplexity", &record);
        let words: Vec<&str> = figures.iter().flat_map(Figure::words).collect();
        assert_eq!(words, ["text 3: 2.500 before, 8.000 now", "text 1: 2.000 before, 4.000 now"]);
    }

    #[test]
    fn a_series_is_drawn_in_whichever_of_three_forms_its_points_are_written_and_with_its_phases() {
        for points in [
            json!([[0, 1.0], [10, 2.0]]),
            json!([{"edit": 0, "value": 1.0}, {"edit": 10, "value": 2.0}]),
            json!([1.0, 2.0]),
        ] {
            let phases = json!([{"name": "stable", "from_edit": 0, "to_edit": 5}, {"name": "catastrophic", "from_edit": 5, "to_edit": 10}]);
            let record = json!({"runs": [{"source": "r", "series": [{"name": "drift", "points": points}], "phases": phases}]});
            let legend = ["r", "stable", "catastrophic"].map(str::to_owned).to_vec();
            assert_eq!(drawn("sequence", &record), [("drift over the edits".to_owned(), 2, legend)]);
        }
    }

    #[test]
    fn a_record_without_numbers_has_no_picture() {
        for command in [
            "deltas",
            "keys",
            "edit",
            "perplexity",
            "evaluate",
            "first-token",
            "trace",
            "sequence",
            "correlate",
            "later",
        ] {
            assert!(drawn(command, &json!({})).is_empty(), "{command}");
        }
    }
}
