//! The reader from outside: hostile files, shards, directories, hub caches, and files that change underfoot.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests take apart what they made"
)]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::panic;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use collapse_diagnostics::reader::{self, Checkpoint, IoMode, Limits, ReadError, parse_header};
use collapse_diagnostics::tensor::Source;
use proptest::prelude::*;
use safetensors::SafeTensors;
use tempfile::TempDir;

use crate::corpus::{Reader, disputed, entry, file, malformed, well_formed};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn put(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn open(path: &Path) -> Result<Checkpoint, ReadError> {
    Checkpoint::open(path, &Limits::default(), IoMode::Mmap)
}

fn refusal(path: &Path) -> ReadError {
    open(path).err().unwrap_or_else(|| panic!("{} was opened", path.display()))
}

/// A file with one tensor of that many bytes, all of that value.
fn filled(name: &str, value: u8, bytes: usize) -> Vec<u8> {
    let mut file = file(&format!("{{{}}}", entry(name, "U8", &format!("[{bytes}]"), 0, bytes as u64)), bytes);
    let start = file.len() - bytes;
    file[start..].fill(value);
    file
}

fn bytes_of(checkpoint: &Checkpoint, name: &str) -> Vec<u8> {
    let entry = &checkpoint.entries()[name];
    checkpoint.read(entry, 0, usize::try_from(entry.bytes).unwrap(), &mut Vec::new()).unwrap().to_vec()
}

mod one_file {
    use super::*;

    #[test]
    fn every_malformed_file_is_refused_with_its_reason_and_its_path() {
        let folder = folder();
        for case in malformed() {
            let error = refusal(&put(&folder, "bad.safetensors", &case.bytes));
            let text = error.to_string();
            assert!(text.contains(case.expect_in_message), "{}: {text}", case.name);
            assert!(text.contains("bad.safetensors") && text.len() < 1000, "{}: {text}", case.name);
        }
    }

    #[test]
    fn every_well_formed_file_is_read_alike_by_map_and_by_pread() {
        let folder = folder();
        for (name, bytes) in well_formed() {
            let path = put(&folder, "good.safetensors", &bytes);
            let theirs = SafeTensors::deserialize(&bytes).unwrap();
            for io in [IoMode::Mmap, IoMode::Pread, IoMode::Auto] {
                let ours = Checkpoint::open(&path, &Limits::default(), io).unwrap();
                // What auto chooses depends on the file system that the test runs on.
                if io != IoMode::Auto {
                    assert_eq!(ours.files()[0].is_mapped(), io == IoMode::Mmap, "{name}");
                }
                for (tensor, view) in theirs.iter() {
                    assert_eq!(bytes_of(&ours, tensor), view.data(), "{name}");
                }
                ours.verify_unchanged().unwrap();
            }
        }
    }

    #[test]
    fn a_real_header_of_100_mb_is_refused_without_reading_it() {
        let folder = folder();
        let path = put(&folder, "big.safetensors", 100_000_000_u64.to_le_bytes());
        File::options().write(true).open(&path).unwrap().set_len(100_000_008).unwrap();
        let start = Instant::now();
        let error = refusal(&path);
        assert_eq!(error.kind(), "header-too-long");
        assert!(
            error.to_string().contains("header of 100000000 bytes is above the cap of 33554432"),
            "{error}"
        );
        assert!(start.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn parts_of_a_tensor_are_read_and_nothing_beyond_it() {
        let folder = folder();
        let mut bytes =
            file(&format!("{{{},{}}}", entry("a", "U8", "[3]", 0, 3), entry("b", "U8", "[2]", 3, 5)), 5);
        let data = bytes.len() - 5;
        bytes[data..].copy_from_slice(&[1, 2, 3, 4, 5]);
        let path = put(&folder, "x.safetensors", bytes);
        for io in [IoMode::Mmap, IoMode::Pread] {
            let checkpoint = Checkpoint::open(&path, &Limits::default(), io).unwrap();
            let a = &checkpoint.entries()["a"];
            let mut scratch = vec![9; 7];
            assert_eq!(checkpoint.read(a, 1, 2, &mut scratch).unwrap(), [2, 3]);
            assert!(checkpoint.read(a, 3, 0, &mut scratch).unwrap().is_empty());
            for (offset, len) in [(2, 2), (4, 0), (u64::MAX, 1), (0, usize::MAX)] {
                assert_eq!(checkpoint.read(a, offset, len, &mut scratch).unwrap_err().kind(), "out-of-range");
            }
        }
    }

    #[test]
    fn a_hash_is_what_sha256sum_prints() {
        let folder = folder();
        let path = put(&folder, "x.safetensors", file("{}", 0));
        let checkpoint = open(&path).unwrap();
        // printf '\2\0\0\0\0\0\0\0{}' | sha256sum
        let expected = "411a485216e432ece6b9af94fa32154cf79a2a56d4f81266baa50063f45092bd";
        assert_eq!(reader::sha256(&checkpoint.files()[0]).unwrap(), expected);
    }

    #[test]
    fn pickles_are_refused_by_name_and_by_content_with_the_way_out() {
        let folder = folder();
        let pickle = b"\x80\x02}q\x00X\x01\x00\x00\x00wq\x01K\x01s.";
        for name in
            ["pytorch_model.bin", "model.pt", "model.PTH", "last.ckpt", "x.pkl", "disguised.safetensors"]
        {
            let error = refusal(&put(&folder, name, pickle));
            assert_eq!(error.kind(), "pickle", "{name}");
            assert!(error.to_string().contains("can run code"), "{error}");
            assert!(error.hint().unwrap().contains("safe_serialization=True"));
        }
    }

    #[test]
    fn files_of_other_formats_are_named() {
        let folder = folder();
        for (bytes, words) in [
            (&b"GGUF\x03\x00\x00\x00\x00"[..], "GGUF"),
            (b"PK\x03\x04\x14\x00\x00\x00\x08\x00", "npz"),
            (b"\x93NUMPY\x01\x00v\x00{'descr'", "NumPy array"),
            (b"<!DOCTYPE html><html>", "HTML page"),
            (b"{\n  \"architectures\": []}", "JSON"),
        ] {
            let error = refusal(&put(&folder, "x.safetensors", bytes));
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(error.kind(), "other-format");
        }
    }

    #[test]
    fn a_git_lfs_pointer_says_how_to_fetch_the_file() {
        let folder = folder();
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
        let error = refusal(&put(&folder, "model.safetensors", pointer));
        assert_eq!((error.kind(), error.hint().as_deref()), ("lfs-pointer", Some("run git lfs pull")));
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        assert_eq!(refusal(Path::new("/dev/null")).kind(), "not-a-file");
        assert_eq!(refusal(Path::new("/nowhere/x.safetensors")).kind(), "not-found");
        let folder = folder();
        let inside_a_file = put(&folder, "x.safetensors", "").join("y");
        assert!(refusal(&inside_a_file).to_string().contains("cannot open: Not a directory"));
        let link = folder.path().join("model.safetensors");
        symlink("../blobs/gone", &link).unwrap();
        for path in [link.as_path(), folder.path()] {
            let error = refusal(path);
            assert_eq!(error.kind(), "broken-link");
            assert!(error.to_string().contains("../blobs/gone"), "{error}");
        }
    }
}

mod against_the_safetensors_crate {
    use super::*;

    fn ours(bytes: &[u8]) -> Result<reader::Header, reader::HeaderError> {
        parse_header(bytes, bytes.len() as u64, &Limits::default())
    }

    /// Whether the crate takes a file. With overflow checks on, it panics at 2⁶⁴ − 1 bytes: no is no.
    fn theirs(bytes: &[u8]) -> bool {
        panic::catch_unwind(|| SafeTensors::deserialize(bytes).is_ok()).unwrap_or(false)
    }

    #[test]
    fn both_refuse_what_is_malformed_and_take_what_is_sound() {
        for case in malformed() {
            assert_eq!((ours(&case.bytes).is_ok(), theirs(&case.bytes)), (false, false), "{}", case.name);
        }
        for (name, bytes) in well_formed() {
            assert_eq!((ours(&bytes).is_ok(), theirs(&bytes)), (true, true), "{name}");
        }
    }

    #[test]
    fn they_differ_in_exactly_the_cases_that_are_listed() {
        for (name, taker, bytes) in disputed() {
            let expected = (taker == Reader::Ours, taker == Reader::Theirs);
            assert_eq!((ours(&bytes).is_ok(), theirs(&bytes)), expected, "{name}");
        }
    }

    fn assert_alike(bytes: &[u8]) {
        let crate_reads = SafeTensors::deserialize(bytes);
        match (ours(bytes), &crate_reads) {
            (Ok(header), Ok(theirs)) => {
                assert_eq!(header.tensors.len(), theirs.len());
                for (name, view) in theirs.iter() {
                    let entry = &header.tensors[name];
                    let start = usize::try_from(entry.offset).unwrap();
                    assert_eq!(entry.dtype.name(), format!("{:?}", view.dtype()));
                    assert_eq!(
                        entry.shape.0,
                        view.shape().iter().map(|&extent| extent as u64).collect::<Vec<_>>()
                    );
                    assert!(std::ptr::eq(&raw const bytes[start..][..view.data().len()], view.data()));
                }
            }
            (Err(error), Ok(_)) => {
                assert!(
                    matches!(error.kind(), "duplicate-tensor" | "malformed-metadata" | "malformed-entry"),
                    "{error}"
                );
            }
            (Ok(_), Err(error)) => panic!("only we take it: {error}"),
            (Err(_), Err(_)) => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn one_changed_byte_is_judged_alike(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let corpus: Vec<_> = well_formed().into_iter().filter(|(_, bytes)| bytes.len() < 400).collect();
            let (_, mut bytes) = which.get(&corpus).clone();
            let at = at.index(bytes.len());
            bytes[at] = to;
            assert_alike(&bytes);
        }

        #[test]
        fn arbitrary_entries_are_judged_alike(
            entries in prop::collection::vec(("[a-c]", 0..4_usize, prop::collection::vec(0..4_u64, 0..3), 0..9_u64, 0..9_u64), 0..4),
            data in 0..12_usize,
        ) {
            let listed: Vec<String> = entries
                .iter()
                .map(|(name, dtype, shape, begin, len)| {
                    let dtype = ["U8", "BF16", "F4", "F32"][*dtype];
                    entry(name, dtype, &format!("{shape:?}"), *begin, begin + len)
                })
                .collect();
            assert_alike(&file(&format!("{{{}}}", listed.join(",")), data));
        }
    }
}

mod shards {
    use super::*;

    fn index(folder: &TempDir, map: &[(&str, &str)]) -> PathBuf {
        let entries: Vec<String> =
            map.iter().map(|(tensor, shard)| format!("{tensor:?}:{shard:?}")).collect();
        let json = format!(r#"{{"metadata":{{"total_size":1}},"weight_map":{{{}}}}}"#, entries.join(","));
        put(folder, "model.safetensors.index.json", json)
    }

    #[test]
    fn the_index_decides_which_copy_of_a_tensor_counts() {
        let folder = folder();
        put(&folder, "1.safetensors", filled("w", 1, 4));
        put(&folder, "2.safetensors", filled("w", 2, 4));
        put(&folder, "model.safetensors", filled("w", 3, 4));
        let path = index(&folder, &[("w", "2.safetensors")]);
        for path in [folder.path(), &path] {
            let checkpoint = open(path).unwrap();
            assert_eq!(bytes_of(&checkpoint, "w"), [2; 4]);
            assert_eq!(checkpoint.files().len(), 1);
            assert_eq!(checkpoint.path(), path);
        }
    }

    #[test]
    fn tensors_the_index_does_not_list_are_not_there() {
        let folder = folder();
        let both =
            file(&format!("{{{},{}}}", entry("a", "U8", "[1]", 0, 1), entry("b", "U8", "[1]", 1, 2)), 2);
        put(&folder, "1.safetensors", both);
        put(&folder, "2.safetensors", filled("c", 7, 1));
        index(&folder, &[("b", "1.safetensors"), ("c", "2.safetensors")]);
        let checkpoint = open(folder.path()).unwrap();
        assert_eq!(checkpoint.entries().keys().collect::<Vec<_>>(), ["b", "c"]);
        let files: Vec<usize> = checkpoint.entries().values().map(|entry| entry.file).collect();
        assert_eq!(files, [0, 1]);
        assert_eq!(checkpoint.files()[1].name(), "2.safetensors");
    }

    #[test]
    fn a_missing_shard_is_named_with_its_index() {
        let folder = folder();
        index(&folder, &[("a", "1.safetensors"), ("b", "1.safetensors")]);
        let error = refusal(folder.path());
        assert_eq!(error.kind(), "missing-shard");
        assert!(error.to_string().contains("1.safetensors: missing"), "{error}");
        assert!(error.to_string().contains("index.json says it holds 2 tensors"), "{error}");
    }

    #[test]
    fn a_tensor_that_its_shard_lacks_is_named_with_the_shard() {
        let folder = folder();
        put(&folder, "1.safetensors", filled("a", 1, 1));
        index(&folder, &[("a", "1.safetensors"), ("lost", "1.safetensors")]);
        let error = refusal(folder.path());
        assert_eq!(error.kind(), "missing-tensor");
        assert!(error.to_string().contains("1.safetensors: no tensor `lost`"), "{error}");
    }

    #[test]
    fn a_truncated_shard_is_named() {
        let folder = folder();
        let whole = filled("a", 1, 9);
        put(&folder, "1.safetensors", &whole[..whole.len() - 4]);
        index(&folder, &[("a", "1.safetensors")]);
        let error = refusal(folder.path());
        assert!(error.path().unwrap().ends_with("1.safetensors"));
        let lengths = format!("file has {} bytes, its tensors need {}", whole.len() - 4, whole.len());
        assert!(error.to_string().contains(&lengths), "{error}");
    }

    #[test]
    fn an_index_cannot_lead_out_of_its_directory() {
        let folder = folder();
        put(&folder, "out.safetensors", filled("a", 1, 1));
        let inner = TempDir::new_in(folder.path()).unwrap();
        for shard in ["../out.safetensors", folder.path().join("out.safetensors").to_str().unwrap()] {
            index(&inner, &[("a", shard)]);
            assert_eq!(refusal(inner.path()).kind(), "unsafe-shard-name");
        }
    }

    #[test]
    fn an_index_of_pickles_is_refused_as_pickles() {
        let folder = folder();
        put(&folder, "pytorch_model.bin", b"\x80\x02.");
        let path = index(&folder, &[("a", "pytorch_model.bin")]);
        assert_eq!(refusal(&path).kind(), "pickle");
    }

    #[test]
    fn caps_hold_for_an_index_too() {
        let folder = folder();
        let path = index(&folder, &[("a", "1.safetensors"), ("b", "1.safetensors")]);
        let kind = |limits| Checkpoint::open(&path, &limits, IoMode::Auto).err().unwrap().kind();
        assert_eq!(kind(Limits { tensors: 1, ..Limits::default() }), "too-many-tensors");
        assert_eq!(kind(Limits { header_bytes: 9, ..Limits::default() }), "index-too-long");
    }
}

mod directories {
    use super::*;

    #[test]
    fn the_usual_names_come_before_a_lone_file() {
        let folder = folder();
        put(&folder, "anything.safetensors", filled("lone", 1, 1));
        assert!(open(folder.path()).unwrap().entries().contains_key("lone"));
        put(&folder, "adapter_model.safetensors", filled("adapter", 1, 1));
        assert!(open(folder.path()).unwrap().entries().contains_key("adapter"));
        put(&folder, "model.safetensors", filled("model", 1, 1));
        assert!(open(folder.path()).unwrap().entries().contains_key("model"));
    }

    #[test]
    fn a_choice_between_files_is_left_to_the_user() {
        let folder = folder();
        put(&folder, "a.safetensors", "");
        put(&folder, "b.safetensors", "");
        let error = refusal(folder.path());
        assert_eq!(error.kind(), "ambiguous-directory");
        assert!(error.to_string().ends_with("no index: a.safetensors, b.safetensors"), "{error}");
    }

    #[test]
    fn a_directory_without_weights_says_what_it_holds() {
        let folder = folder();
        assert!(refusal(folder.path()).to_string().ends_with("(found nothing)"));
        put(&folder, "config.json", "{}");
        let error = refusal(folder.path());
        assert_eq!(error.kind(), "no-checkpoint");
        assert!(error.to_string().ends_with("(found config.json)"), "{error}");
    }

    #[test]
    fn a_directory_of_pickles_says_the_same_as_a_pickle() {
        let folder = folder();
        put(&folder, "pytorch_model.bin", "");
        put(&folder, "config.json", "{}");
        let error = refusal(folder.path());
        assert_eq!(error.kind(), "pickle");
        assert!(error.to_string().contains("(pytorch_model.bin)"), "{error}");
        assert!(error.hint().unwrap().contains("safe_serialization=True"));
    }
}

mod hub_cache {
    use super::*;

    const FIRST: &str = "1111111111111111111111111111111111111111";
    const SECOND: &str = "12aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    /// A cache entry with two snapshots, each a link to a blob; the second was written later.
    fn cache() -> (TempDir, PathBuf) {
        let folder = folder();
        let entry = folder.path().join("models--org--name");
        for (commit, value, age) in [(FIRST, 1_u8, 60), (SECOND, 2, 0)] {
            let blob = format!("{value:064x}");
            put(&folder, &format!("models--org--name/blobs/{blob}"), filled("w", value, 4));
            let snapshot = entry.join("snapshots").join(commit);
            fs::create_dir_all(&snapshot).unwrap();
            symlink(format!("../../blobs/{blob}"), snapshot.join("model.safetensors")).unwrap();
            let written = std::time::SystemTime::now() - Duration::from_secs(age);
            File::open(&snapshot).unwrap().set_modified(written).unwrap();
        }
        put(&folder, "models--org--name/refs/pr/7", SECOND);
        (folder, entry)
    }

    fn value_at(path: &Path) -> u8 {
        bytes_of(&open(path).unwrap(), "w")[0]
    }

    fn at(entry: &Path, revision: &str) -> PathBuf {
        format!("{}@{revision}", entry.display()).into()
    }

    #[test]
    fn the_newest_snapshot_counts_until_a_ref_says_otherwise() {
        let (_folder, entry) = cache();
        assert_eq!(value_at(&entry), 2);
        fs::write(entry.join("refs/main"), FIRST).unwrap();
        assert_eq!(value_at(&entry), 1);
    }

    #[test]
    fn a_revision_is_a_ref_or_the_start_of_a_commit() {
        let (_folder, entry) = cache();
        assert_eq!(value_at(&at(&entry, "11")), 1);
        assert_eq!(value_at(&at(&entry, SECOND)), 2);
        assert_eq!(value_at(&at(&entry, "pr/7")), 2);
    }

    #[test]
    fn a_revision_that_is_unknown_or_means_two_is_refused_with_the_list() {
        let (_folder, entry) = cache();
        for revision in ["1", "f00", "../refs/pr/7", "main"] {
            let error = refusal(&at(&entry, revision));
            assert_eq!(error.kind(), "no-revision", "{revision}");
            assert!(error.to_string().contains(FIRST) && error.to_string().contains(SECOND), "{error}");
        }
        fs::write(entry.join("refs/main"), "gone").unwrap();
        assert_eq!(refusal(&entry).kind(), "no-revision");
    }

    #[test]
    fn an_at_sign_in_a_real_name_is_just_a_character() {
        let folder = folder();
        let path = put(&folder, "models--a--b@12/model.safetensors", filled("w", 5, 1));
        assert_eq!(value_at(path.parent().unwrap()), 5);
        assert_eq!(refusal(&folder.path().join("nothing@12")).kind(), "not-found");
        assert_eq!(refusal(&at(path.parent().unwrap(), "12")).kind(), "no-revision");
    }

    #[test]
    fn equal_blobs_of_two_caches_are_the_same_storage() {
        let ((_here, here), (_there, there)) = (cache(), cache());
        let (a, b) = (open(&at(&here, "11")).unwrap(), open(&at(&there, "11")).unwrap());
        let other = open(&at(&there, "12")).unwrap();
        assert!(a.same_storage(&a.entries()["w"], &b, &b.entries()["w"]));
        assert!(!a.same_storage(&a.entries()["w"], &other, &other.entries()["w"]));
    }
}

mod same_storage {
    use super::*;

    #[test]
    fn links_to_one_inode_are_the_same_storage_and_copies_are_not() {
        let folder = folder();
        let path = put(&folder, "a.safetensors", filled("w", 1, 4));
        let [hard, soft, copy] = ["hard", "soft", "copy"].map(|name| folder.path().join(name));
        fs::hard_link(&path, &hard).unwrap();
        symlink(&path, &soft).unwrap();
        fs::copy(&path, &copy).unwrap();
        let a = open(&path).unwrap();
        for (other, expected) in [(&hard, true), (&soft, true), (&copy, false)] {
            let b = open(other).unwrap();
            assert_eq!(a.same_storage(&a.entries()["w"], &b, &b.entries()["w"]), expected);
        }
    }

    #[test]
    fn other_bytes_of_one_file_or_another_dtype_are_not_the_same_storage() {
        let folder = folder();
        let header = format!("{{{},{}}}", entry("a", "U8", "[2]", 0, 2), entry("b", "U8", "[2]", 2, 4));
        let checkpoint = open(&put(&folder, "x.safetensors", file(&header, 4))).unwrap();
        let (a, b) = (&checkpoint.entries()["a"], &checkpoint.entries()["b"]);
        assert!(checkpoint.same_storage(a, &checkpoint, a));
        assert!(!checkpoint.same_storage(a, &checkpoint, b));
        let mut signed = a.clone();
        signed.dtype = collapse_diagnostics::tensor::Dtype::I8;
        assert!(!checkpoint.same_storage(a, &checkpoint, &signed));
    }
}

mod changes_underfoot {
    use super::*;

    const BYTES: usize = 4 << 20;

    fn big(folder: &TempDir) -> PathBuf {
        put(folder, "big.safetensors", filled("w", 1, BYTES))
    }

    fn cut(path: &Path, len: u64) {
        File::options().write(true).open(path).unwrap().set_len(len).unwrap();
    }

    #[test]
    fn a_file_cut_after_opening_reads_zeros_and_is_reported() {
        let folder = folder();
        let path = big(&folder);
        let checkpoint = open(&path).unwrap();
        checkpoint.verify_unchanged().unwrap();
        cut(&path, 1 << 20);
        assert_eq!(bytes_of(&checkpoint, "w").last(), Some(&0));
        let error = checkpoint.verify_unchanged().unwrap_err();
        assert_eq!(error.kind(), "truncated-while-reading");
        assert!(
            error.to_string().ends_with("big.safetensors: file was truncated while it was being read"),
            "{error}"
        );
    }

    #[test]
    fn a_file_cut_by_another_thread_in_mid_run_does_not_kill() {
        let folder = folder();
        let path = big(&folder);
        let checkpoint = open(&path).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let entry = &checkpoint.entries()["w"];
                    let (start, mut scratch) = (Instant::now(), Vec::new());
                    while checkpoint.verify_unchanged().is_ok() {
                        for at in (0..BYTES).step_by(128 << 10) {
                            let bytes = checkpoint.read(entry, at as u64, 128 << 10, &mut scratch).unwrap();
                            assert!(bytes.iter().all(|&byte| byte <= 1));
                        }
                        assert!(start.elapsed() < Duration::from_secs(60), "the truncation was never seen");
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(50));
            cut(&path, 100);
        });
        assert_eq!(checkpoint.verify_unchanged().unwrap_err().kind(), "truncated-while-reading");
    }

    #[test]
    fn a_file_cut_and_grown_back_is_still_reported() {
        let folder = folder();
        let path = big(&folder);
        let checkpoint = open(&path).unwrap();
        cut(&path, 0);
        assert_eq!(bytes_of(&checkpoint, "w")[0], 0);
        cut(&path, checkpoint.files()[0].bytes());
        assert_eq!(checkpoint.verify_unchanged().unwrap_err().kind(), "truncated-while-reading");
    }

    #[test]
    fn a_file_cut_while_it_is_read_without_a_map_is_reported_by_the_read() {
        let folder = folder();
        let path = big(&folder);
        let checkpoint = Checkpoint::open(&path, &Limits::default(), IoMode::Pread).unwrap();
        cut(&path, 1 << 20);
        let error = checkpoint.read(&checkpoint.entries()["w"], 0, BYTES, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), "truncated-while-reading");
    }

    #[test]
    fn a_file_replaced_by_rename_or_removed_is_reported() {
        let folder = folder();
        let path = big(&folder);
        let checkpoint = open(&path).unwrap();
        fs::rename(put(&folder, "new", filled("w", 2, BYTES)), &path).unwrap();
        assert_eq!(bytes_of(&checkpoint, "w")[0], 1, "the file that was opened is the one that is read");
        assert_eq!(checkpoint.verify_unchanged().unwrap_err().kind(), "replaced-while-reading");
        fs::remove_file(&path).unwrap();
        assert_eq!(checkpoint.verify_unchanged().unwrap_err().kind(), "replaced-while-reading");
    }

    #[test]
    fn a_file_written_to_in_place_is_reported() {
        let folder = folder();
        let path = put(&folder, "x.safetensors", filled("w", 1, 4));
        let checkpoint = open(&path).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fs::write(&path, filled("w", 2, 4)).unwrap();
        assert_eq!(checkpoint.verify_unchanged().unwrap_err().kind(), "modified-while-reading");
    }
}
