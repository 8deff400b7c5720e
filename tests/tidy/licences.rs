//! Licences of every package that our default build compiles, against the list in deny.toml.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Finding;

/// A package and its licence as it states it.
pub(super) struct Package {
    name: String,
    licence: Option<String>,
}

/// The list `allow` of the section `[licenses]`.
pub(super) fn allowed(deny_toml: &str) -> Vec<String> {
    let section =
        deny_toml.split("[licenses]").nth(1).unwrap_or_default().split("\n[").next().unwrap_or_default();
    let list = section.split("allow = [").nth(1).unwrap_or_default().split(']').next().unwrap_or_default();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Packages that the default features need on this platform, tests included.
pub(super) fn packages_of_the_build(root: &Path) -> Vec<Package> {
    let host = output(Command::new(env!("CARGO")).arg("-vV"));
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host");
    let flags = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host];
    let metadata: Value =
        serde_json::from_str(&output(Command::new(env!("CARGO")).args(flags).current_dir(root)))
            .expect("JSON");
    let licences: HashMap<&str, &Value> =
        members(&metadata["packages"]).map(|package| (text(&package["id"]), package)).collect();
    members(&metadata["resolve"]["nodes"])
        .map(|node| licences[text(&node["id"])])
        .map(|package| Package {
            name: format!("{} {}", text(&package["name"]), text(&package["version"])),
            licence: package["license"].as_str().map(str::to_owned),
        })
        .collect()
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn members(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().expect("a list").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// Packages whose licence the list does not grant.
pub(super) fn refused(packages: &[Package], allowed: &[String]) -> Vec<Finding> {
    packages
        .iter()
        .filter(|package| !package.licence.as_ref().is_some_and(|licence| grants(licence, allowed)))
        .map(|package| {
            let licence = package.licence.as_deref().unwrap_or("no licence");
            let why = format!("{} is under {licence}, which deny.toml does not allow", package.name);
            Finding { file: "Cargo.lock".to_owned(), line: 0, why }
        })
        .collect()
}

/// Whether an SPDX expression can be met from the list. The old `A/B` means `A OR B`.
fn grants(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut tokens = spaced.split_whitespace().peekable();
    let granted = any_of(&mut tokens, allowed);
    granted && tokens.next().is_none()
}

type Tokens<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    let mut granted = all_of(tokens, allowed);
    while tokens.next_if_eq(&"OR").is_some() {
        granted |= all_of(tokens, allowed);
    }
    granted
}

fn all_of(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    let mut granted = one(tokens, allowed);
    while tokens.next_if_eq(&"AND").is_some() {
        granted &= one(tokens, allowed);
    }
    granted
}

fn one(tokens: &mut Tokens<'_>, allowed: &[String]) -> bool {
    let Some(first) = tokens.next() else { return false };
    if first == "(" {
        let granted = any_of(tokens, allowed);
        return tokens.next() == Some(")") && granted;
    }
    let exception = tokens.next_if_eq(&"WITH").and_then(|_| tokens.next());
    let licence = exception.map_or(first.to_owned(), |exception| format!("{first} WITH {exception}"));
    allowed.contains(&licence)
}

mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_from_its_own_section() {
        let text = "[graph]\nallow = [\"no\"]\n[licenses]\nversion = 2\nallow = [\n    \"MIT\", # short\n    \"ISC\",\n]\n[bans]\nallow = [\"no\"]\n";
        assert_eq!(allowed(text), ["MIT", "ISC"]);
    }

    #[test]
    fn expressions_are_granted_as_spdx_means_them() {
        let allowed = ["MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for granted in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(grants(granted, &allowed), "{granted}");
        }
        for refused in
            ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT", "MIT MIT", "", "GPL-3.0 OR Apache-2.0"]
        {
            assert!(!grants(refused, &allowed), "{refused}");
        }
    }

    #[test]
    fn a_package_without_a_granted_licence_is_found() {
        let package = |licence: Option<&str>| Package {
            name: "x 1.0.0".to_owned(),
            licence: licence.map(str::to_owned),
        };
        let findings =
            refused(&[package(Some("MIT")), package(Some("AGPL-3.0")), package(None)], &["MIT".to_owned()]);
        assert_eq!(findings.len(), 2);
        assert_eq!(findings[0].why, "x 1.0.0 is under AGPL-3.0, which deny.toml does not allow");
    }
}
