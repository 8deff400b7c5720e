//! Every kernel compiles for the GPUs it is meant for: PTX by NVRTC, machine code by ptxas, and what that takes.
//!
//! Both come as Python packages (`kernels/requirements.txt`); `.ci/setup nvrtc` puts them into `target/nvrtc`. No GPU is
//! needed, and no driver.

use std::path::PathBuf;
use std::process::Command;

use collapse_diagnostics::gpu::{SOURCES, Source, compile, nvrtc_version};

/// A100, H100 and H200, B200.
const ARCHITECTURES: [(i32, i32); 3] = [(8, 0), (9, 0), (10, 0)];

/// Where ptxas is: named by `DIAGNOSE_PTXAS`, else on the PATH.
fn ptxas() -> Option<PathBuf> {
    let named = std::env::var_os("DIAGNOSE_PTXAS").map(PathBuf::from);
    let found = named.unwrap_or_else(|| PathBuf::from("ptxas"));
    Command::new(&found).arg("--version").output().is_ok_and(|run| run.status.success()).then_some(found)
}

#[test]
fn every_kernel_compiles_for_every_gpu_without_a_spill() {
    let reason = match (nvrtc_version(), ptxas()) {
        (Ok(_), Some(ptxas)) => return insta::assert_snapshot!("kernel_resources", resources(&ptxas)),
        (Err(reason), _) => reason,
        (_, None) => "ptxas is not found".to_owned(),
    };
    require_nvrtc(&reason);
    eprintln!("SKIPPED: compiling {} kernel files for GPUs, because {reason}", SOURCES.len());
}

/// Fails where compilers for GPUs are demanded and are not there.
pub(crate) fn require_nvrtc(reason: &str) {
    let required = std::env::var("DIAGNOSE_REQUIRE_NVRTC").as_deref() == Ok("1");
    assert!(!required, "DIAGNOSE_REQUIRE_NVRTC=1, and {reason}");
}

/// A line a kernel and architecture, as ptxas reports it.
fn resources(ptxas: &std::path::Path) -> String {
    let mut table = String::new();
    for source in SOURCES {
        for architecture in ARCHITECTURES {
            table += &resources_of(ptxas, source, architecture);
        }
    }
    table
}

fn resources_of(ptxas: &std::path::Path, source: &'static Source, (major, minor): (i32, i32)) -> String {
    let ptx = compile(source, (major, minor)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kernel.ptx");
    std::fs::write(&file, ptx.strip_suffix(&[0]).unwrap_or(&ptx)).unwrap();
    let run = Command::new(ptxas)
        .args(["-v", "-O3", &format!("-arch=sm_{major}{minor}"), "-o", "/dev/null"])
        .arg(&file)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{}.cu, sm_{major}{minor}: {told}", source.name);
    let mut lines = Vec::new();
    let mut function = "";
    let mut spills = String::new();
    for line in told.lines() {
        if let Some(rest) = line.split_once("entry function '").map(|(_, rest)| rest) {
            function = rest.split('\'').next().unwrap();
        } else if line.contains("bytes spill stores") {
            line.trim().clone_into(&mut spills);
        } else if let Some((_, used)) = line.split_once("Used ") {
            assert!(
                spills.contains("0 bytes spill stores, 0 bytes spill loads"),
                "{function}, sm_{major}{minor}: {spills}"
            );
            let number = |what: &str| {
                let part = used.split(", ").find(|part| part.contains(what)).unwrap_or_default();
                part.split_whitespace().find(|word| word.parse::<u32>().is_ok()).unwrap_or("0").to_owned()
            };
            let (registers, shared) = (number("registers"), number("smem"));
            lines.push(format!(
                "sm_{:<4} {function:<34} {registers:>4} registers {shared:>6} bytes of shared memory\n",
                major * 10 + minor,
            ));
        }
    }
    assert!(!lines.is_empty(), "{}.cu has no kernel: {told}", source.name);
    lines.sort();
    lines.concat()
}
