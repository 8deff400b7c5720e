//! Folders, cases and calls that the tests of `diagnose edit` share: edits of the world model with a few passes each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use collapse_diagnostics::reader::sha256_of;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::runner::{Ran, finish, program};

pub(crate) fn world(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/world").join(file)
}

/// A fresh folder with cases and hyper-parameters, and calls of the command in it.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let hparams = json!({"layers": [0], "v_num_grad_steps": 3, "v_lr": 0.3, "v_weight_decay": 0.5});
        desk.write("hparams.json", &hparams);
        desk
    }

    pub(crate) fn at(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, value: &Value) {
        fs::write(self.at(file), value.to_string()).unwrap();
    }

    /// Writes cases of the world, by their numbers, as `cases.json`.
    pub(crate) fn cases(&self, numbers: impl IntoIterator<Item = usize>) {
        let all: Value = serde_json::from_slice(&fs::read(world("cases.json")).unwrap()).unwrap();
        let chosen: Vec<Value> = numbers.into_iter().map(|number| all[number].clone()).collect();
        self.write("cases.json", &Value::from(chosen));
    }

    /// `diagnose edit` on the world model with what every edit here needs, and these arguments; run in the folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let [model, moments, contexts] =
            ["model", "model/second_moment.safetensors", "contexts.json"].map(world);
        let mut command = program(&["edit"]);
        command.current_dir(self.0.path());
        if !args.contains(&"--model") {
            command.arg("--model").arg(model);
        }
        if !args.contains(&"--replay") {
            command.arg("--contexts").arg(contexts);
            if !args.contains(&"--moments") {
                command.arg("--moments").arg(moments);
            }
            command.args(["--hparams", "hparams.json"]);
            if !args.contains(&"--case") {
                command.args(["--case", "cases.json"]);
            }
            if !args.contains(&"--method") {
                command.args(["--method", "rome"]);
            }
        }
        command.args(args);
        command
    }

    pub(crate) fn edit(&self, args: &[&str]) -> Ran {
        finish(&mut self.command(args))
    }

    /// The same, which has to succeed.
    pub(crate) fn done(&self, args: &[&str]) -> Ran {
        let ran = self.edit(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        ran
    }

    /// A comparison of two folders against a ledger: exit code, and what was found.
    pub(crate) fn against(&self, before: &Path, after: &str, ledger: &str) -> (Option<i32>, String) {
        let mut command = program(&["deltas", "--format", "json", "-q", "--spectrum", "none"]);
        command.current_dir(self.0.path()).arg(before).args([after, "--ledger", ledger]);
        let ran = finish(&mut command);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
        let expectation = &report["expectations"][0];
        (ran.code, expectation["found"].as_str().unwrap().to_owned())
    }

    /// A copy of the world model in a folder of its own.
    pub(crate) fn copy_of_the_model(&self, folder: &str) {
        fs::create_dir_all(self.at(folder)).unwrap();
        for file in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"] {
            fs::copy(world("model").join(file), self.at(folder).join(file)).unwrap();
        }
    }
}

/// Name and SHA-256 of every file below a folder, sorted.
pub(crate) fn fingerprints(folder: &Path) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.push((name, sha256_of(&fs::read(&path).unwrap())));
            }
        }
    }
    found.sort();
    found
}

pub(crate) fn json_of(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr))
}
