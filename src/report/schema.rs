//! The JSON schema of every record, as `docs/schemas/` has it, made from the types that write the record.
//!
//! A record names its schema once, in the file where its type stands: `published!(SCHEMA, Record<'static>);`. What it
//! makes is a test that holds the committed file to the type. A new record, or a field more, is written by
//!
//! ```text
//! DIAGNOSE_UPDATE_SCHEMAS=1 cargo test --lib schema
//! ```

use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// Environment variable that has the files written.
const UPDATE: &str = "DIAGNOSE_UPDATE_SCHEMAS";

/// A test that the committed schema of that name and version is the one of that type.
macro_rules! published {
    ($name:expr, $record:ty) => {
        #[test]
        fn the_schema_of_the_record_is_the_one_that_is_published() {
            crate::report::schema::check::<$record>($name);
        }
    };
}
pub(in crate::report) use published;

/// Compares the schema of a record with its file, or writes the file where that is asked for.
pub(super) fn check<T: JsonSchema>(name: &str) {
    let file = format!("docs/schemas/{}.json", name.replace('/', "."));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    let schema = schema_of::<T>(name);
    if std::env::var_os(UPDATE).is_some() {
        let written = fs::write(&path, schema);
        assert!(written.is_ok(), "{file}: {written:?}");
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == schema,
        "{file} is not the schema of the record; '{UPDATE}=1 cargo test --lib schema' writes it, and a field that is \
         renamed or removed raises the version"
    );
}

/// The schema of what is written: draft 2020-12, open to fields that a later version adds.
fn schema_of<T: JsonSchema>(name: &str) -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    if let Value::Object(document) = &mut schema {
        document.insert("title".to_owned(), json!(name));
        fix_name(document, name);
    }
    format!("{schema:#}\n")
}

/// Nothing but its name stands in a record's `schema`.
fn fix_name(schema: &mut Map<String, Value>, name: &str) {
    if let Some(field) = schema.get_mut("properties").and_then(|properties| properties.get_mut("schema")) {
        *field = json!({ "const": name });
    }
    for inner in schema.values_mut() {
        match inner {
            Value::Object(inner) => fix_name(inner, name),
            Value::Array(each) => {
                each.iter_mut().filter_map(Value::as_object_mut).for_each(|inner| fix_name(inner, name));
            }
            _ => {}
        }
    }
}
