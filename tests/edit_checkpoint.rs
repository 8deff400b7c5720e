//! Edited checkpoints: what is rewritten, what is linked or copied, and what is left behind where it cannot be done.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use collapse_diagnostics::reader::{Checkpoint, IoMode, Limits};
use collapse_diagnostics::tensor::Source as _;
use serde_json::{Map, Value, json};

use crate::edit_runs::{Desk, fingerprints, json_of, world};
use crate::runner::{finish, names, program};

const WEIGHT: &str = "transformer.h.0.mlp.c_proj.weight";

fn open(path: &Path) -> Checkpoint {
    Checkpoint::open(path, &Limits::default(), IoMode::Auto).unwrap()
}

#[test]
fn one_tensor_differs_and_every_other_byte_of_the_folder_is_the_original_s() {
    let desk = Desk::new();
    desk.cases([30]);
    let before = fingerprints(&world("model"));
    desk.done(&["-o", "edited"]);
    assert_eq!(fingerprints(&world("model")), before, "the original was touched");
    let after = fingerprints(&desk.at("edited"));
    let changed: Vec<&str> =
        before.iter().zip(&after).filter(|(a, b)| a != b).map(|((name, _), _)| name.as_str()).collect();
    assert_eq!((changed, after.len()), (vec!["model.safetensors"], before.len()));
    let place = open(&world("model")).entries()[WEIGHT].clone();
    let [old, new] =
        [world("model"), desk.at("edited")].map(|folder| fs::read(folder.join("model.safetensors")).unwrap());
    let range = usize::try_from(place.offset).unwrap()..usize::try_from(place.offset + place.bytes).unwrap();
    assert_eq!(old.len(), new.len());
    assert!(old.iter().zip(&new).enumerate().all(|(at, (a, b))| a == b || range.contains(&at)));
    assert_ne!(old[range.clone()], new[range]);
    assert_eq!(names(desk.at("").as_path()), ["cases.json", "edited", "hparams.json"]);
}

#[test]
fn the_update_that_is_reported_is_the_one_that_stands_in_the_checkpoint() {
    let desk = Desk::new();
    desk.cases([30]);
    let report = json_of(&desk.done(&["-o", "edited", "--format", "json"]));
    let layer = &report["edits"][0]["layers"][0];
    let mut deltas = program(&["deltas", "--format", "json", "--spectrum", "2"]);
    let deltas = json_of(&finish(deltas.arg(world("model")).arg(desk.at("edited"))));
    let found = deltas["tensors"][0]["delta_norm"].as_f64().unwrap();
    let told = layer["stored_update_norm"].as_f64().unwrap();
    assert!((found - told).abs() < 1e-9 * told, "{found} for {told}");
    assert_eq!(deltas["signature"]["kind"], "rank-one");
    // The numbers of the published code among each other.
    let division = &report["edits"][0]["requests"][0]["division"];
    let number = |name: &str| division[name].as_f64().unwrap();
    let right = number("numerator_norm") / number("unit_denominator").abs();
    assert!((right / number("right_vector_norm") - 1.0).abs() < 1e-12);
    let update = layer["update_norm"].as_f64().unwrap();
    assert!((update / right - 1.0).abs() < 1e-6, "{update} for {right}: factors are rounded to f32");
}

/// The world model in two shards, the edited matrix in the first.
fn sharded(desk: &Desk, folder: &str) {
    desk.copy_of_the_model(folder);
    let original = open(&world("model"));
    let mut weight_map = Map::new();
    for (shard, takes) in [("model-00001.safetensors", true), ("model-00002.safetensors", false)] {
        let (mut header, mut data) = (Map::new(), Vec::new());
        for entry in original.entries().values().filter(|entry| entry.name.contains(".h.0.") == takes) {
            let (mut scratch, begin) = (Vec::new(), data.len());
            let len = usize::try_from(entry.bytes).unwrap();
            data.extend_from_slice(original.read(entry, 0, len, &mut scratch).unwrap());
            let value = json!({"dtype": "F32", "shape": entry.shape.0, "data_offsets": [begin, data.len()]});
            header.insert(entry.name.clone(), value);
            weight_map.insert(entry.name.clone(), Value::from(shard));
        }
        let header = Value::Object(header).to_string();
        let length = (header.len() as u64).to_le_bytes();
        fs::write(desk.at(folder).join(shard), [&length[..], header.as_bytes(), &data].concat()).unwrap();
    }
    let index = json!({"metadata": {}, "weight_map": weight_map});
    fs::write(desk.at(folder).join("model.safetensors.index.json"), index.to_string()).unwrap();
    fs::remove_file(desk.at(folder).join("model.safetensors")).unwrap();
}

#[test]
fn of_shards_only_that_of_the_edited_matrix_is_rewritten_and_large_files_are_linked() {
    let desk = Desk::new();
    desk.cases([30]);
    sharded(&desk, "shards");
    // Files that no edit touches: one large enough to be linked, and one in a folder.
    File::create(desk.at("shards/large.bin")).unwrap().set_len(17 << 20).unwrap();
    fs::create_dir(desk.at("shards/more")).unwrap();
    fs::write(desk.at("shards/more/notes.txt"), "kept").unwrap();
    let before = fingerprints(&desk.at("shards"));
    desk.done(&["--model", "shards", "-o", "edited"]);
    assert_eq!(fingerprints(&desk.at("shards")), before);
    let after = fingerprints(&desk.at("edited"));
    let changed: Vec<&str> =
        before.iter().zip(&after).filter(|(a, b)| a != b).map(|((name, _), _)| name.as_str()).collect();
    assert_eq!((changed, after.len()), (vec!["model-00001.safetensors"], before.len()));
    let inode = |file: &str| fs::metadata(desk.at(file)).unwrap().ino();
    assert_eq!(inode("shards/large.bin"), inode("edited/large.bin"));
    assert_ne!(
        inode("shards/config.json"),
        inode("edited/config.json"),
        "a configuration may be edited in place"
    );
    // The same edit of the same numbers, however they are cut into files.
    desk.done(&["-o", "whole"]);
    let [whole, cut] = ["whole", "edited"].map(|folder| {
        let checkpoint = open(&desk.at(folder));
        let entry = &checkpoint.entries()[WEIGHT];
        let len = usize::try_from(entry.bytes).unwrap();
        checkpoint.read(entry, 0, len, &mut Vec::new()).unwrap().to_vec()
    });
    assert_eq!(whole, cut);
}

#[test]
fn an_entry_of_a_hub_cache_becomes_a_folder_of_files_and_its_blobs_stay() {
    let desk = Desk::new();
    desk.cases([30]);
    desk.copy_of_the_model("plain");
    let snapshot = desk.at("models--x--y/snapshots/abc");
    for folder in ["models--x--y/blobs", "models--x--y/refs", "models--x--y/snapshots/abc"] {
        fs::create_dir_all(desk.at(folder)).unwrap();
    }
    fs::write(desk.at("models--x--y/refs/main"), "abc").unwrap();
    for name in names(&desk.at("plain")) {
        fs::copy(desk.at("plain").join(&name), desk.at("models--x--y/blobs").join(&name)).unwrap();
        symlink(Path::new("../../blobs").join(&name), snapshot.join(&name)).unwrap();
    }
    let before = fingerprints(&desk.at("models--x--y"));
    desk.done(&["--model", "models--x--y", "-o", "edited"]);
    assert_eq!(fingerprints(&desk.at("models--x--y")), before);
    assert_eq!(names(&desk.at("edited")), names(&desk.at("plain")));
    for name in names(&desk.at("edited")) {
        assert!(fs::symlink_metadata(desk.at("edited").join(name)).unwrap().is_file());
    }
    desk.done(&["-o", "whole"]);
    let weights = |folder: &str| fs::read(desk.at(folder).join("model.safetensors")).unwrap();
    assert!(weights("edited") == weights("whole"));
}

#[test]
fn a_destination_that_holds_something_or_cannot_be_made_is_refused_before_the_work() {
    let desk = Desk::new();
    desk.cases([30]);
    fs::create_dir_all(desk.at("full")).unwrap();
    fs::write(desk.at("full/a"), "mine").unwrap();
    fs::write(desk.at("file"), "mine").unwrap();
    for (place, why) in [
        ("full", "cannot write full: the directory is not empty"),
        ("file", "cannot write file: something that is no directory is there"),
        ("no/such/edited", "cannot write no/such/edited: No such file or directory"),
        // Nobody may make a folder there, whoever runs the tests.
        ("/proc/edited", "cannot write /proc/edited: "),
    ] {
        let ran = desk.edit(&["-o", place, "--format", "json"]);
        let error: Value = serde_json::from_str(&ran.stderr).unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{message}");
        assert!(message.starts_with(why) && error["error"]["kind"] == "output", "{message}");
    }
    assert_eq!(fs::read(desk.at("full/a")).unwrap(), b"mine");
    desk.copy_of_the_model("mine");
    let ran = desk.edit(&["--model", "mine", "-o", "mine/edited"]);
    assert!(
        ran.code == Some(2) && ran.stderr.contains("it is inside the folder of the original"),
        "{}",
        ran.stderr
    );
    assert_eq!(names(&desk.at("mine")).len(), 4);
    fs::create_dir(desk.at("empty")).unwrap();
    desk.done(&["-o", "empty"]);
    assert!(desk.at("empty/model.safetensors").exists());
}

#[test]
fn a_disk_that_fills_up_is_an_error_and_nothing_half_written_stays() {
    let desk = Desk::new();
    desk.cases([30]);
    let whole = desk.command(&["-o", "edited"]);
    // No file may grow beyond 512 KiB; the weights have 986.
    let mut limited = std::process::Command::new("bash");
    limited.current_dir(desk.at("")).args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\""]);
    limited.arg(whole.get_program()).args(whole.get_args());
    let ran = finish(&mut limited);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot write edited: File too large"), "{}", ran.stderr);
    assert_eq!(names(&desk.at("")), ["cases.json", "hparams.json"]);
}
