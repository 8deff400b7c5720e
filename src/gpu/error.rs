//! Why a kernel has no result.

/// Why a kernel has no result.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// There is no device of that number, or no driver, or no compiler.
    #[error("{0}")]
    Absent(String),
    /// Less memory than is needed.
    #[error("{device} has no {bytes} bytes of memory left: {reason}")]
    Memory {
        /// Which.
        device: String,
        /// So many.
        bytes: usize,
        /// As the driver has it.
        reason: String,
    },
    /// A kernel does not compile for the device.
    #[error("kernels/{source_file}.cu does not compile: {log}")]
    Compile {
        /// Which.
        source_file: &'static str,
        /// What the compiler says.
        log: String,
    },
    /// The driver refuses, or something it did before has failed.
    #[error("{doing}: {reason}")]
    Driver {
        /// What was asked for.
        doing: String,
        /// As the driver has it.
        reason: String,
    },
    /// Buffers that do not belong together.
    #[error("{what} needs {needs} bytes and has {has}")]
    Shape {
        /// Of what.
        what: &'static str,
        /// The least.
        needs: usize,
        /// What there is.
        has: usize,
    },
}
