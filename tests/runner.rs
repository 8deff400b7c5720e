//! Runs `diagnose` as a user would: arguments in; exit code, stdout and stderr out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program, with nothing of this terminal's or this user's habits in its environment.
pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diagnose"));
    command.args(args).env_remove("NO_COLOR").env_remove("TERM").stdin(Stdio::null());
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Ran {
    let output = command.output().expect("the program was built with the tests");
    let text = |bytes| String::from_utf8(bytes).expect("what is written is UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs the program to its end.
pub(crate) fn diagnose(args: &[&str]) -> Ran {
    finish(&mut program(args))
}

/// A fresh directory with two checkpoints: `before.safetensors`, and `after.safetensors` with one tensor changed.
pub(crate) struct Bench(TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self(tempfile::tempdir().expect("a fresh directory"));
        let norm = vec![1.0_f32; 4];
        let weight: Vec<f32> = (1..=12_u8).map(f32::from).collect();
        let edited: Vec<f32> = weight.iter().map(|x| x + 0.5).collect();
        let name = "transformer.h.0.mlp.c_proj.weight";
        for (file, weight) in [("before.safetensors", &weight), ("after.safetensors", &edited)] {
            let tensors = [(name, &[4, 3][..], weight), ("transformer.ln_f.weight", &[4], &norm)];
            fs::write(bench.at(file), safetensors(&tensors)).expect("a writable directory");
        }
        bench
    }

    /// A path in the directory.
    pub(crate) fn at(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// The program, run in the directory.
    pub(crate) fn program(&self, args: &[&str]) -> Command {
        let mut command = program(args);
        command.current_dir(self.0.path());
        command
    }

    /// Runs the program in the directory to its end.
    pub(crate) fn diagnose(&self, args: &[&str]) -> Ran {
        finish(&mut self.program(args))
    }

    /// Names of the files in the directory, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        names(self.0.path())
    }
}

/// Names in a directory, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).expect("a directory").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// The bytes of a safetensors file of F32 tensors.
fn safetensors(tensors: &[(&str, &[usize], &Vec<f32>)]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, shape, values) in tensors {
        let begin = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let range = [begin, data.len()];
        entries
            .push(format!("{name:?}:{{\"dtype\":\"F32\",\"shape\":{shape:?},\"data_offsets\":{range:?}}}"));
    }
    let header = format!("{{{}}}", entries.join(","));
    let length = u64::try_from(header.len()).expect("a short header").to_le_bytes();
    [&length[..], header.as_bytes(), &data].concat()
}
