//! What runs kernels: a CUDA device, or in the tests the CPU, a fibre a thread.
//!
//! [`Machine`] is the face of both, a handful of raw operations on addresses. Everything above it is safe: [`Memory`] and
//! [`Pinned`] own what they point to, and each kernel has one function that checks lengths before it launches.

#![expect(unsafe_code, reason = "addresses of another machine's memory cannot be checked by the compiler")]

use std::fmt;

use bytemuck::Pod;

use super::GpuError;
use super::sources::Source;

/// A list of operations that run one after the other; two of them run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Where everything goes that has no reason to be beside something else.
    First,
    /// Beside the first.
    Second,
}

impl Queue {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];
}

/// Which function of which file, on how many threads.
#[derive(Clone, Copy, Debug)]
pub struct Launch {
    /// The file.
    pub source: &'static Source,
    /// Its `extern "C" __global__` function.
    pub function: &'static str,
    /// Blocks; none of the three is 0.
    pub grid: [u32; 3],
    /// Threads of a block, a multiple of 32 up to 1024.
    pub block: u32,
}

/// What runs kernels.
///
/// Addresses are those that [`alloc`](Self::alloc) of the same machine gave, or lie inside what it gave. Operations of a
/// queue may be over only when [`wait`](Self::wait) returns.
pub trait Machine: Send + Sync {
    /// As a person knows it.
    fn name(&self) -> &str;

    /// Memory of the machine, not cleared, aligned to 256 bytes.
    ///
    /// # Errors
    /// [`GpuError::Memory`] where there is not as much.
    fn alloc(&self, bytes: usize) -> Result<u64, GpuError>;

    /// Gives it back.
    ///
    /// # Safety
    /// The address is one that `alloc` gave, and no operation on it is under way.
    unsafe fn free(&self, address: u64);

    /// Memory of the host that copies run from and to at full speed.
    ///
    /// # Errors
    /// [`GpuError::Memory`].
    fn alloc_pinned(&self, bytes: usize) -> Result<*mut u8, GpuError>;

    /// Gives it back.
    ///
    /// # Safety
    /// The address is one that `alloc_pinned` gave with that size, and no operation on it is under way.
    unsafe fn free_pinned(&self, address: *mut u8, bytes: usize);

    /// Copies to the machine.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    ///
    /// # Safety
    /// `to` has room for all bytes; `from` lives and stays as it is until the queue is waited for.
    unsafe fn copy_in(&self, queue: Queue, from: &[u8], to: u64) -> Result<(), GpuError>;

    /// Copies from the machine.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    ///
    /// # Safety
    /// So many bytes lie at `from`; `to` lives and is not looked at until the queue is waited for.
    unsafe fn copy_out(&self, queue: Queue, from: u64, to: &mut [u8]) -> Result<(), GpuError>;

    /// Sets bytes to zero.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    ///
    /// # Safety
    /// So many bytes lie at `address`.
    unsafe fn clear(&self, queue: Queue, address: u64, bytes: usize) -> Result<(), GpuError>;

    /// Runs a kernel; `arguments` are its pointers and integers, each in 64 bits.
    ///
    /// # Errors
    /// [`GpuError::Compile`] at a file's first launch, [`GpuError::Driver`].
    ///
    /// # Safety
    /// The arguments are those of the function, and everything it reads and writes with them is there.
    unsafe fn launch(&self, queue: Queue, launch: Launch, arguments: &[u64]) -> Result<(), GpuError>;

    /// Returns when everything asked of the queue is done.
    ///
    /// # Errors
    /// [`GpuError::Driver`] of any of it.
    fn wait(&self, queue: Queue) -> Result<(), GpuError>;
}

/// Memory of a machine, given back when dropped.
pub struct Memory<'m> {
    machine: &'m dyn Machine,
    address: u64,
    bytes: usize,
}

impl<'m> Memory<'m> {
    /// So many bytes of zeros.
    ///
    /// # Errors
    /// [`GpuError::Memory`], [`GpuError::Driver`].
    pub fn zeroed(machine: &'m dyn Machine, bytes: usize) -> Result<Self, GpuError> {
        let memory = Self::new(machine, bytes)?;
        memory.clear(Queue::First)?;
        machine.wait(Queue::First)?;
        Ok(memory)
    }

    /// So many bytes of whatever stood there.
    ///
    /// # Errors
    /// [`GpuError::Memory`].
    pub fn new(machine: &'m dyn Machine, bytes: usize) -> Result<Self, GpuError> {
        // A length of nothing has an address too.
        let address = machine.alloc(bytes.max(1))?;
        Ok(Self { machine, address, bytes })
    }

    /// A copy of a list.
    ///
    /// # Errors
    /// [`GpuError::Memory`], [`GpuError::Driver`].
    pub fn of<T: Pod>(machine: &'m dyn Machine, values: &[T]) -> Result<Self, GpuError> {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let memory = Self::new(machine, bytes.len())?;
        // SAFETY: the memory has that length, and `values` is borrowed until the copy is done.
        unsafe { machine.copy_in(Queue::First, bytes, memory.address) }?;
        machine.wait(Queue::First)?;
        Ok(memory)
    }

    /// Its machine.
    pub fn machine(&self) -> &'m dyn Machine {
        self.machine
    }

    /// Whether it is memory of that machine.
    pub fn lies_on(&self, machine: &dyn Machine) -> bool {
        std::ptr::addr_eq(std::ptr::from_ref(self.machine), std::ptr::from_ref(machine))
    }

    /// Where it begins, as a kernel's argument.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Its length.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Fills with zeros, in its turn of the queue.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn clear(&self, queue: Queue) -> Result<(), GpuError> {
        // SAFETY: the memory has that length.
        unsafe { self.machine.clear(queue, self.address, self.bytes) }
    }

    /// Everything in it, when all that was asked of the queue is done; what does not fill a value is left out.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn read<T: Pod>(&self, queue: Queue) -> Result<Vec<T>, GpuError> {
        let mut values = vec![T::zeroed(); self.bytes / size_of::<T>()];
        // SAFETY: `values` is at most as long as the memory, and is waited for before it is seen.
        unsafe { self.machine.copy_out(queue, self.address, bytemuck::cast_slice_mut(&mut values)) }?;
        self.machine.wait(queue)?;
        Ok(values)
    }

    /// Copies the first bytes of pinned memory to its own first ones, in their turn of the queue.
    ///
    /// # Errors
    /// [`GpuError::Shape`] where either is shorter; [`GpuError::Driver`].
    pub fn take_from(&self, queue: Queue, pinned: &Pinned<'_>, bytes: usize) -> Result<(), GpuError> {
        let from = pinned.as_slice().get(..bytes).filter(|_| bytes <= self.bytes);
        let from = from.ok_or(GpuError::Shape { what: "a copy", needs: bytes, has: self.bytes })?;
        // SAFETY: both have that length; who fills the pinned memory waits for the queue first, as `Pinned` demands.
        unsafe { self.machine.copy_in(queue, from, self.address) }
    }

    /// Copies its own first bytes to the first ones of pinned memory, in their turn of the queue.
    ///
    /// # Errors
    /// [`GpuError::Shape`] where either is shorter; [`GpuError::Driver`].
    pub(super) fn give_to(
        &self,
        queue: Queue,
        pinned: &mut Pinned<'_>,
        bytes: usize,
    ) -> Result<(), GpuError> {
        let to = pinned.as_mut_slice().get_mut(..bytes).filter(|_| bytes <= self.bytes);
        let to = to.ok_or(GpuError::Shape { what: "a copy", needs: bytes, has: self.bytes })?;
        // SAFETY: both have that length; who looks at the pinned memory waits for the queue first, as `Pinned` demands.
        unsafe { self.machine.copy_out(queue, self.address, to) }
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        for queue in Queue::BOTH {
            // What went wrong before was told by whoever waited for it.
            let _ = self.machine.wait(queue);
        }
        // SAFETY: the address is of `alloc`, and nothing is under way any more.
        unsafe { self.machine.free(self.address) }
    }
}

impl fmt::Debug for Memory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.bytes, self.machine.name())
    }
}

/// Memory of the host that copies run from beside everything else, given back when dropped.
///
/// Who writes into it, or reads what was copied there, waits first for the queue that it was last copied on.
pub struct Pinned<'m> {
    machine: &'m dyn Machine,
    address: *mut u8,
    bytes: usize,
}

impl<'m> Pinned<'m> {
    /// So many bytes of zeros.
    ///
    /// # Errors
    /// [`GpuError::Memory`].
    pub fn new(machine: &'m dyn Machine, bytes: usize) -> Result<Self, GpuError> {
        let address = machine.alloc_pinned(bytes.max(1))?;
        // SAFETY: so many bytes lie there.
        unsafe { address.write_bytes(0, bytes) };
        Ok(Self { machine, address, bytes })
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        // SAFETY: so many bytes lie there, written by `new`, for as long as self lives.
        unsafe { std::slice::from_raw_parts(self.address, self.bytes) }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed by no one else.
        unsafe { std::slice::from_raw_parts_mut(self.address, self.bytes) }
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        for queue in Queue::BOTH {
            let _ = self.machine.wait(queue);
        }
        // SAFETY: the address is of `alloc_pinned`, and nothing is under way any more.
        unsafe { self.machine.free_pinned(self.address, self.bytes.max(1)) }
    }
}
