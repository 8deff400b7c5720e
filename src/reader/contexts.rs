//! Context templates: the texts that ROME and its kin put in front of a prompt before they average its keys.

use std::path::Path;

use serde_json::Value;

use super::records::without_mark;
use super::{DatasetError, ReadError, read_input, sha256_of};

/// The template that puts nothing before the prompt.
pub const BARE: &str = "{}";

/// Longest file of templates; the published lists have a kilobyte.
const LONGEST: u64 = 16 << 20;

/// Context templates in groups: one group in ROME, the bare prompt and the prefixed ones apart in MEMIT.
///
/// ROME averages over all templates alike, so the bare prompt has weight 1/N. MEMIT averages within each group and then over
/// the groups, which gives the bare prompt weight 1/2. Every template holds exactly one `{}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextTemplates {
    groups: Vec<Vec<String>>,
}

impl ContextTemplates {
    /// Templates in groups; empty groups are left out.
    ///
    /// # Errors
    /// [`DatasetError::TemplateSlots`] for a template without exactly one `{}`, [`DatasetError::Empty`] where there is none.
    pub fn new(groups: Vec<Vec<String>>) -> Result<Self, DatasetError> {
        for (index, template) in groups.iter().flatten().enumerate() {
            let slots = template.matches("{}").count();
            if slots != 1 {
                return Err(DatasetError::TemplateSlots { index, template: template.clone(), slots });
            }
        }
        let groups: Vec<_> = groups.into_iter().filter(|group| !group.is_empty()).collect();
        if groups.is_empty() { Err(DatasetError::Empty) } else { Ok(Self { groups }) }
    }

    /// The groups, each with at least one template.
    pub fn groups(&self) -> &[Vec<String>] {
        &self.groups
    }

    /// All templates in their order, the groups one behind the other.
    pub fn templates(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().flatten().map(String::as_str)
    }

    /// Those with a text before the prompt: all but the bare ones.
    pub fn prefixed(&self) -> impl Iterator<Item = &str> {
        self.templates().filter(|template| *template != BARE)
    }

    /// SHA-256 of the canonical list: the JSON text without white space, a plain list where there is one group.
    pub fn sha256(&self) -> String {
        sha256_of(self.json().to_string().as_bytes())
    }

    /// The file that holds them, one template a line: `{"context_templates": […]}`.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", Value::from_iter([("context_templates", self.json())]))
    }

    fn json(&self) -> Value {
        match self.groups.as_slice() {
            [only] => Value::from(only.clone()),
            several => Value::from(several.to_vec()),
        }
    }
}

/// The templates of a file, or of standard input where the path is `-`.
///
/// # Errors
/// [`ReadError`], where the file cannot be read or holds no templates.
pub fn read_contexts(path: &Path) -> Result<ContextTemplates, ReadError> {
    let refused = |cause| ReadError::Dataset { path: path.to_owned(), cause };
    parse_contexts(&read_input(path, LONGEST)?).map_err(refused)
}

/// Templates as a list, as MEMIT's list of lists, or as either in an object's `context_templates`.
///
/// # Errors
/// [`DatasetError`], where it is none of them, or a template has not exactly one `{}`.
pub fn parse_contexts(bytes: &[u8]) -> Result<ContextTemplates, DatasetError> {
    let json = without_mark(bytes);
    let value: Value =
        serde_json::from_slice(json).map_err(|error| DatasetError::Json { reason: error.to_string() })?;
    let list = match value {
        Value::Array(list) => list,
        Value::Object(mut object) => match object.remove("context_templates") {
            Some(Value::Array(list)) => list,
            Some(other) => return Err(layout(&other, "a list of context templates")),
            None => return Err(DatasetError::Layout { found: "an object", wanted: "`context_templates`" }),
        },
        other => return Err(layout(&other, "a list of context templates")),
    };
    let is_nested = list.first().is_some_and(Value::is_array);
    ContextTemplates::new(if is_nested {
        list.into_iter().map(group).collect::<Result<_, _>>()?
    } else {
        vec![group(Value::Array(list))?]
    })
}

fn group(value: Value) -> Result<Vec<String>, DatasetError> {
    let Value::Array(list) = value else { return Err(layout(&value, "a list of context templates")) };
    let template = |value: Value| match value {
        Value::String(template) => Ok(template),
        other => Err(layout(&other, "a context template")),
    };
    list.into_iter().map(template).collect()
}

fn layout(value: &Value, wanted: &'static str) -> DatasetError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    DatasetError::Layout { found, wanted }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use super::*;

    fn refusal(json: &str) -> String {
        parse_contexts(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_list_and_an_object_around_it_are_the_same_templates() {
        let list = parse_contexts(br#"["{}", "The city. {}"]"#).unwrap();
        let object = parse_contexts(br#"{"context_templates": ["{}", "The city. {}"]}"#).unwrap();
        assert_eq!(list, object);
        assert_eq!(list.templates().collect::<Vec<_>>(), ["{}", "The city. {}"]);
    }

    #[test]
    fn memit_s_groups_are_kept_apart() {
        let nested = parse_contexts(br#"[["{}"], ["a. {}", "b. {}"]]"#).unwrap();
        assert_eq!(nested.groups().iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
        let flat = parse_contexts(br#"["{}", "a. {}", "b. {}"]"#).unwrap();
        assert_ne!(nested.sha256(), flat.sha256(), "they give other means");
        assert_eq!(parse_contexts(br#"[["{}", "a. {}", "b. {}"]]"#).unwrap().sha256(), flat.sha256());
    }

    #[test]
    fn the_hash_is_that_of_the_canonical_list() {
        let templates = parse_contexts("[ \"{}\",\n \"Zürich. {}\" ]".as_bytes()).unwrap();
        assert_eq!(templates.sha256(), sha256_of("[\"{}\",\"Zürich. {}\"]".as_bytes()));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in [r#"["{}", "a \"b\". {}"]"#, r#"[["{}"], ["a. {}"]]"#] {
            let templates = parse_contexts(text.as_bytes()).unwrap();
            assert_eq!(parse_contexts(templates.to_json().as_bytes()).unwrap(), templates);
        }
    }

    #[test]
    fn a_template_without_its_one_slot_is_named() {
        assert_eq!(
            refusal(r#"["{}", "The city."]"#),
            "context template 1 has 0 {} where one belongs: `The city.`"
        );
        assert_eq!(
            refusal(r#"[["{} and {}"]]"#),
            "context template 0 has 2 {} where one belongs: `{} and {}`"
        );
    }

    #[test]
    fn what_holds_no_templates_is_refused() {
        assert_eq!(refusal("[]"), "nothing in it");
        assert_eq!(refusal("[[], []]"), "nothing in it");
        assert_eq!(refusal("3"), "a number where a list of context templates should be");
        assert_eq!(refusal("{}"), "an object where `context_templates` should be");
        assert_eq!(
            refusal(r#"{"context_templates": "x"}"#),
            "a string where a list of context templates should be"
        );
        assert_eq!(refusal(r#"["{}", 3]"#), "a number where a context template should be");
        assert_eq!(refusal(r#"[["{}"], "{}"]"#), "a string where a list of context templates should be");
        assert!(refusal("{").starts_with("neither JSON nor JSON lines: EOF"));
    }
}
