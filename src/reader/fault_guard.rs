//! Keeps a truncated file from killing the process.
//!
//! Reading a mapped page that lies past the end of its file raises SIGBUS, whose default is death. Here a
//! handler looks the address up among the maps of this program. Where it is one of ours, zero pages take
//! the place of the rest of that map, a flag is set, and the read goes on; whoever reads asks for the flag
//! afterwards and throws the numbers away. Any other fault goes to whoever handled SIGBUS before.

#![expect(unsafe_code, reason = "a signal handler, and the system calls it may make")]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Most maps at one time; a file beyond them is read without a map.
const SLOTS: usize = 4096;

/// One watched map. `start` is 0 while the slot watches nothing.
struct Slot {
    taken: AtomicBool,
    start: AtomicUsize,
    len: AtomicUsize,
    faulted: AtomicBool,
}

/// Fixed and lock-free, because a signal handler may neither allocate nor wait.
static TABLE: [Slot; SLOTS] = [const {
    Slot {
        taken: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        faulted: AtomicBool::new(false),
    }
}; SLOTS];

/// What SIGBUS did before this module took it, or `None` where it could not be taken.
static PREVIOUS: OnceLock<Option<libc::sigaction>> = OnceLock::new();

static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);

/// Watches one map for as long as it lives; it must be dropped before the map goes.
pub(super) struct Watch(&'static Slot);

impl Watch {
    /// Watches `len` bytes at `start`, or gives `None` where no slot or no handler is to be had.
    pub(super) fn over(start: *const u8, len: usize) -> Option<Self> {
        PREVIOUS.get_or_init(install).as_ref()?;
        let claim = |slot: &&Slot| !slot.taken.swap(true, Ordering::AcqRel);
        let slot = TABLE.iter().find(claim)?;
        slot.faulted.store(false, Ordering::Relaxed);
        slot.len.store(len, Ordering::Relaxed);
        slot.start.store(start.addr(), Ordering::Release);
        Some(Self(slot))
    }

    /// True once a page of the map could not be read and zeros stand in its place.
    pub(super) fn faulted(&self) -> bool {
        self.0.faulted.load(Ordering::Acquire)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.start.store(0, Ordering::Release);
        self.0.taken.store(false, Ordering::Release);
    }
}

/// Takes SIGBUS over and returns what handled it before.
fn install() -> Option<libc::sigaction> {
    // SAFETY: sysconf reads a constant of the system.
    let page_size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    PAGE_SIZE
        .store(usize::try_from(page_size).ok().filter(|size| size.is_power_of_two())?, Ordering::Release);
    // SAFETY: an all-zero sigaction is a valid value of the plain C struct: no flags, empty mask, SIG_DFL.
    let (mut previous, mut ours): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_bus_error;
    ours.sa_sigaction = handler as *const () as usize;
    // On the alternate stack where a thread has one, as Rust's own handler of stack overflow needs it.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: both structs live on this stack, and the handler has the signature that SA_SIGINFO asks for.
    let status = unsafe { libc::sigaction(libc::SIGBUS, &raw const ours, &raw mut previous) };
    (status == 0).then_some(previous)
}

/// Runs inside the faulting read: atomics and system calls only, no allocation, no lock, no panic.
extern "C" fn on_bus_error(_signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo_t; si_addr is set for every fault.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr().addr()) };
    let sent_by_a_process = code <= 0 || code == libc::SI_USER;
    if !sent_by_a_process
        && let Some((slot, end)) = slot_of(address)
        && put_zeros(address, end)
    {
        slot.faulted.store(true, Ordering::Release);
        return;
    }
    hand_on(sent_by_a_process);
}

/// The watched map that holds `address`, with its end.
fn slot_of(address: usize) -> Option<(&'static Slot, usize)> {
    TABLE.iter().find_map(|slot| {
        let start = slot.start.load(Ordering::Acquire);
        let end = start.checked_add(slot.len.load(Ordering::Relaxed))?;
        (start != 0 && start <= address && address < end).then_some((slot, end))
    })
}

/// Maps zeros over everything from the page of `address` up to the page that holds `end`.
fn put_zeros(address: usize, end: usize) -> bool {
    let page = PAGE_SIZE.load(Ordering::Acquire);
    let from = address & !(page - 1);
    let Some(len) = end.checked_next_multiple_of(page).and_then(|end| end.checked_sub(from)) else {
        return false;
    };
    let flags = libc::MAP_FIXED | libc::MAP_ANONYMOUS | libc::MAP_PRIVATE;
    // SAFETY: the range lies inside a map that this program owns (a map covers whole pages) and that
    // cannot go away meanwhile, as the thread in this handler is still reading it. The kernel swaps the
    // pages in one step, and they stay readable.
    let mapped = unsafe { libc::mmap(ptr::without_provenance_mut(from), len, libc::PROT_READ, flags, -1, 0) };
    mapped != libc::MAP_FAILED
}

/// Puts the earlier handler back. A fault then repeats and reaches it; a signal that was sent is sent again.
fn hand_on(sent_by_a_process: bool) {
    // SAFETY: sigaction and raise are async-signal-safe; an all-zero sigaction means the default action.
    unsafe {
        let default: libc::sigaction = std::mem::zeroed();
        let previous = PREVIOUS.get().and_then(Option::as_ref).unwrap_or(&default);
        libc::sigaction(libc::SIGBUS, previous, ptr::null_mut());
        if sent_by_a_process {
            libc::raise(libc::SIGBUS);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests take apart what they made")]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use memmap2::Mmap;

    use super::*;

    const CHILD: &str = "DIAGNOSE_TEST_CHILD";

    /// A mapped file of ones, longer than two pages of any size; cut it, and reading it faults.
    fn cut_map() -> (File, Mmap) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![1; 2 * 65_536]).unwrap();
        // SAFETY: the test itself is the only one to change the file.
        let map = unsafe { Mmap::map(&file).unwrap() };
        (file, map)
    }

    /// Runs one test of this module again in a process of its own, which it may kill; gives the signal.
    fn signal_of_child(test: &str) -> Option<i32> {
        Command::new(std::env::current_exe().unwrap())
            .args([&format!("reader::fault_guard::tests::{test}"), "--exact"])
            .env(CHILD, "1")
            .output()
            .unwrap()
            .status
            .signal()
    }

    fn is_child() -> bool {
        std::env::var_os(CHILD).is_some()
    }

    #[test]
    fn a_fault_in_a_watched_map_reads_zeros_and_is_remembered() {
        let (file, map) = cut_map();
        let watch = Watch::over(map.as_ptr(), map.len()).unwrap();
        assert_eq!((map.last().copied(), watch.faulted()), (Some(1), false));
        file.set_len(65_536).unwrap();
        assert_eq!((map.last().copied(), watch.faulted()), (Some(0), true));
        assert_eq!(map.first(), Some(&1), "what is still in the file stays readable");
    }

    #[test]
    fn a_slot_is_clean_when_it_is_used_again() {
        let (file, map) = cut_map();
        let watch = Watch::over(map.as_ptr(), map.len()).unwrap();
        file.set_len(0).unwrap();
        assert_eq!((map.first().copied(), watch.faulted()), (Some(0), true));
        drop(watch);
        assert!(!Watch::over(map.as_ptr(), map.len()).unwrap().faulted());
    }

    #[test]
    fn a_fault_in_a_foreign_map_still_kills() {
        if is_child() {
            let (_, watched) = cut_map();
            let _watch = Watch::over(watched.as_ptr(), watched.len()).unwrap();
            let (file, foreign) = cut_map();
            file.set_len(0).unwrap();
            std::process::exit(i32::from(*foreign.last().unwrap()));
        }
        assert_eq!(signal_of_child("a_fault_in_a_foreign_map_still_kills"), Some(libc::SIGBUS));
    }

    #[test]
    fn signals_that_other_processes_send_still_kill() {
        if is_child() {
            let (_, map) = cut_map();
            let _watch = Watch::over(map.as_ptr(), map.len()).unwrap();
            // Rust's own handler, which is next in line, swallows one and then steps aside.
            for _ in 0..3 {
                // SAFETY: a process may send itself any signal.
                unsafe { libc::raise(libc::SIGBUS) };
            }
            std::process::exit(0);
        }
        assert_eq!(signal_of_child("signals_that_other_processes_send_still_kill"), Some(libc::SIGBUS));
    }
}
