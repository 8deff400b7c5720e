//! The CPU as a machine that runs kernels: `kernels/cpu/` compiled by the C++ compiler, a library a file.
//!
//! Memory lies between margins of 0xff bytes, a NaN of every format: a kernel that reads beside its buffers gets NaN, and
//! one that writes there is told of after its launch.

use std::alloc::{Layout, alloc, dealloc};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use collapse_diagnostics::gpu::{GpuError, Launch, Machine, Queue, SOURCES, Source};
use libloading::{Library, Symbol};

/// Bytes on either side of a buffer that belong to nobody.
const MARGIN: usize = 256;
const POISON: u8 = 0xff;

/// Fibres share one set of stacks a library: one launch at a time.
static TURN: Mutex<()> = Mutex::new(());

type Entry = unsafe extern "C" fn(*const c_char, *const u32, u32, *const u64, u32, u64) -> *const c_char;

/// A machine of fibres.
pub(crate) struct Shim {
    order: u64,
    edit: Option<(&'static str, Library)>,
    buffers: Mutex<BTreeMap<u64, usize>>,
}

impl Shim {
    /// Threads of a block in that order: 0 ascending, 1 descending, any other number the seed of a shuffle.
    pub(crate) fn new(order: u64) -> Self {
        Self { order, edit: None, buffers: Mutex::default() }
    }

    /// The same with one place of a file's text replaced, or of what the file includes.
    pub(crate) fn edited(order: u64, file: &'static str, from: &str, to: &str) -> Self {
        let source = SOURCES.iter().find(|source| source.name == file).expect("a kernel of that name");
        let text = if source.text.contains(from) { source.text.to_owned() } else { source.program() };
        assert_eq!(text.matches(from).count(), 1, "{from:?} stands once in {file}.cu");
        let library = build(file, &text.replacen(from, to, 1));
        Self { order, edit: Some((file, library)), buffers: Mutex::default() }
    }

    fn with_library<T>(&self, source: &'static Source, work: impl FnOnce(&Library) -> T) -> T {
        match &self.edit {
            Some((file, library)) if *file == source.name => work(library),
            _ => work(plain(source)),
        }
    }

    /// Whether anything was written beside a buffer.
    fn trespass(&self) -> Option<String> {
        let buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        buffers.iter().find_map(|(&address, &bytes)| {
            let before = (address as usize - MARGIN) as *const u8;
            // SAFETY: `alloc` made the margins with the buffer.
            let (low, high) = unsafe {
                let high = before.add(MARGIN + bytes);
                (std::slice::from_raw_parts(before, MARGIN), std::slice::from_raw_parts(high, MARGIN))
            };
            let touched = low.iter().chain(high).any(|&byte| byte != POISON);
            touched.then(|| format!("something was written beside a buffer of {bytes} bytes"))
        })
    }
}

/// A C++ compiler, or `None` where there is none and nothing demands one.
pub(crate) fn compiler() -> Option<&'static str> {
    static FOUND: OnceLock<Option<&'static str>> = OnceLock::new();
    let works =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|run| run.status.success());
    let found = *FOUND.get_or_init(|| ["c++", "g++", "clang++"].into_iter().find(works));
    let required = std::env::var_os("DIAGNOSE_REQUIRE_KERNELS").is_some_and(|value| value == "1");
    assert!(found.is_some() || !required, "DIAGNOSE_REQUIRE_KERNELS=1 and there is no C++ compiler");
    found
}

/// Ends a test that needs a C++ compiler where there is none.
macro_rules! need_compiler {
    () => {
        if $crate::shim::compiler().is_none() {
            eprintln!("SKIPPED: kernels on the CPU, because there is no C++ compiler");
            return;
        }
    };
}
pub(crate) use need_compiler;

/// The library of a file as it is; compiled once a process.
fn plain(source: &'static Source) -> &'static Library {
    static BUILT: Mutex<BTreeMap<&str, &'static Library>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(source.name).or_insert_with(|| Box::leak(Box::new(build(source.name, source.text))))
}

fn build(name: &str, text: &str) -> Library {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join(format!("{name}-{}.so", NUMBER.fetch_add(1, Ordering::Relaxed)));
    compile_kernels(name, text, &library);
    // SAFETY: the library's initialisers are those of the C++ runtime alone. It stays loaded when its file is gone.
    unsafe { Library::new(&library) }.unwrap()
}

/// Compiles the text of a `.cu` file with the fibres into a library.
pub(crate) fn compile_kernels(name: &str, text: &str, library: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("{name}.cu"));
    std::fs::write(&file, text).unwrap();
    compile("entry.cpp", &[&format!("-DKERNEL=\"{}\"", file.display())], library);
}

/// Compiles a file of `kernels/cpu/` into a library; a warning is an error.
pub(crate) fn compile(file: &str, options: &[&str], library: &Path) {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let run = Command::new(compiler().expect("a C++ compiler"))
        .args(["-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-Wall", "-Wno-unknown-pragmas"])
        .args(options)
        .arg("-I")
        .arg(&kernels)
        .arg("-I")
        .arg(kernels.join("cpu"))
        .arg(kernels.join("cpu").join(file))
        .args(["-ldl", "-o"])
        .arg(library)
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && messages.is_empty(), "{file} {options:?}: {messages}");
}

impl Machine for Shim {
    fn name(&self) -> &'static str {
        "the CPU, a fibre a thread"
    }

    fn alloc(&self, bytes: usize) -> Result<u64, GpuError> {
        let layout = Layout::from_size_align(bytes + 2 * MARGIN, 256).unwrap();
        // SAFETY: the layout is not empty, and all of it is written.
        let start = unsafe {
            let start = alloc(layout);
            start.write_bytes(POISON, layout.size());
            start
        };
        let address = start as u64 + MARGIN as u64;
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).insert(address, bytes);
        Ok(address)
    }

    unsafe fn free(&self, address: u64) {
        let bytes =
            self.buffers.lock().unwrap_or_else(PoisonError::into_inner).remove(&address).expect("its own");
        let layout = Layout::from_size_align(bytes + 2 * MARGIN, 256).unwrap();
        // SAFETY: `alloc` took it with this layout.
        unsafe { dealloc((address as usize - MARGIN) as *mut u8, layout) }
    }

    fn alloc_pinned(&self, bytes: usize) -> Result<*mut u8, GpuError> {
        // SAFETY: never empty.
        Ok(unsafe { alloc(Layout::from_size_align(bytes, 64).unwrap()) })
    }

    unsafe fn free_pinned(&self, address: *mut u8, bytes: usize) {
        // SAFETY: `alloc_pinned` took it with this layout.
        unsafe { dealloc(address, Layout::from_size_align(bytes, 64).unwrap()) }
    }

    unsafe fn copy_in(&self, _: Queue, from: &[u8], to: u64) -> Result<(), GpuError> {
        // SAFETY: the caller vouches for both ends.
        unsafe { (to as *mut u8).copy_from_nonoverlapping(from.as_ptr(), from.len()) };
        Ok(())
    }

    unsafe fn copy_out(&self, _: Queue, from: u64, to: &mut [u8]) -> Result<(), GpuError> {
        // SAFETY: the caller vouches for both ends.
        unsafe { (from as *const u8).copy_to_nonoverlapping(to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    unsafe fn clear(&self, _: Queue, address: u64, bytes: usize) -> Result<(), GpuError> {
        // SAFETY: the caller vouches for the address.
        unsafe { (address as *mut u8).write_bytes(0, bytes) };
        Ok(())
    }

    unsafe fn launch(&self, _: Queue, launch: Launch, arguments: &[u64]) -> Result<(), GpuError> {
        let name = CString::new(launch.function).unwrap();
        let told = self.with_library(launch.source, |library| {
            let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: `kernels/cpu/entry.cpp` declares it so, and the caller vouches for the arguments.
            let failure = unsafe {
                let run: Symbol<'_, Entry> = library.get(b"shim_launch").unwrap();
                run(
                    name.as_ptr(),
                    launch.grid.as_ptr(),
                    launch.block,
                    arguments.as_ptr(),
                    arguments.len() as u32,
                    self.order,
                )
            };
            // SAFETY: a text of the library's own, or null.
            (!failure.is_null()).then(|| unsafe { CStr::from_ptr(failure) }.to_string_lossy().into_owned())
        });
        match told.or_else(|| self.trespass()) {
            Some(reason) => Err(GpuError::Driver { doing: format!("running {}", launch.function), reason }),
            None => Ok(()),
        }
    }

    fn wait(&self, _: Queue) -> Result<(), GpuError> {
        Ok(())
    }
}
