//! Finds `OpenBLAS` for the feature `lapack`; without it the build goes on with faer.
//!
//! `DIAGNOSE_BLAS=auto` (the default) takes the library where it is found, `none` does not look,
//! `require` fails the build where it is missing. Without the feature nothing is looked for at all.

use std::env;
use std::path::{Path, PathBuf};

/// Folders that distributions put the library in, for machines without pkg-config.
const USUAL_FOLDERS: [&str; 8] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/opt/OpenBLAS/lib",
    "/opt/homebrew/opt/openblas/lib",
    "/usr/local/opt/openblas/lib",
];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(lapack)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DIAGNOSE_BLAS");
    if env::var_os("CARGO_FEATURE_LAPACK").is_none() {
        return;
    }
    match env::var("DIAGNOSE_BLAS").as_deref().unwrap_or("auto") {
        "none" => {}
        "auto" => match openblas_folders() {
            Some(folders) => link(&folders),
            None => println!("cargo::warning=no OpenBLAS found: linear algebra stays with faer"),
        },
        "require" => match openblas_folders() {
            Some(folders) => link(&folders),
            None => println!("cargo::error=DIAGNOSE_BLAS=require, and no OpenBLAS was found"),
        },
        other => println!("cargo::error=DIAGNOSE_BLAS is none, auto or require, not {other:?}"),
    }
}

fn link(folders: &[PathBuf]) {
    for folder in folders {
        println!("cargo::rustc-link-search=native={}", folder.display());
    }
    println!("cargo::rustc-link-lib=dylib=openblas");
    println!("cargo::rustc-cfg=lapack");
}

/// Where the linker will find `OpenBLAS`; an empty list where it needs no telling.
fn openblas_folders() -> Option<Vec<PathBuf>> {
    if let Ok(library) = pkg_config::Config::new().cargo_metadata(false).probe("openblas") {
        return Some(library.link_paths);
    }
    let folder = USUAL_FOLDERS.into_iter().find(|folder| {
        ["libopenblas.so", "libopenblas.dylib"].iter().any(|name| Path::new(folder).join(name).exists())
    })?;
    Some(vec![PathBuf::from(folder)])
}
