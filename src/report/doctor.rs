//! `diagnose.doctor/1`: what the machine offers.

use std::io::{self, Write};

use serde::Serialize;

use super::json::{self, Tool};
use super::number::bytes;
use crate::tensor::Printable;

/// What `diagnose doctor` found.
#[derive(Clone, Debug, Serialize)]
pub struct DoctorReport {
    /// Architecture, operating system and C library that the program was built for.
    pub target: String,
    /// The engine behind factorisations.
    pub linear_algebra: String,
    /// The instruction set that the comparison of buffers runs on.
    pub simd: String,
    /// Worker threads.
    pub threads: usize,
    /// Bytes of memory, where the system tells.
    pub memory_total: Option<u64>,
    /// Bytes that a new program can have without swapping.
    pub memory_available: Option<u64>,
    /// How a checkpoint in the current directory is read.
    pub io: String,
    /// What CUDA there is.
    pub cuda: CudaState,
}

/// What was found of CUDA; each part is there or says why not.
#[derive(Clone, Debug, Serialize)]
pub struct CudaState {
    /// The CUDA version that the driver speaks.
    pub driver: Option<String>,
    /// The version of the run-time compiler that kernels go through.
    pub nvrtc: Option<String>,
    /// Devices by ordinal.
    pub devices: Vec<DeviceState>,
    /// What is missing.
    pub missing: Vec<String>,
}

/// One device.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceState {
    /// The N of `--device cuda:N`.
    pub ordinal: usize,
    /// As the driver calls it.
    pub name: String,
    /// Such as `9.0`.
    pub compute_capability: String,
    /// Bytes of device memory.
    pub memory: u64,
}

impl DoctorReport {
    /// One JSON document.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        #[derive(Serialize)]
        struct Document<'a> {
            schema: &'static str,
            tool: Tool,
            #[serde(flatten)]
            found: &'a DoctorReport,
        }
        json::write_document(&Document { schema: "diagnose.doctor/1", tool: Tool::THIS, found: self }, out)
    }

    /// A line a finding.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        let memory = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), bytes);
        let or_absent = |version: &Option<String>| version.clone().unwrap_or_else(|| "not found".to_owned());
        let mut rows = vec![
            ("diagnose", format!("{} for {}", env!("CARGO_PKG_VERSION"), self.target)),
            ("algebra", self.linear_algebra.clone()),
            ("SIMD", self.simd.clone()),
            ("threads", self.threads.to_string()),
            ("memory", format!("{}, {} available", memory(self.memory_total), memory(self.memory_available))),
            ("reading", self.io.clone()),
            ("CUDA driver", or_absent(&self.cuda.driver)),
            ("NVRTC", or_absent(&self.cuda.nvrtc)),
        ];
        for DeviceState { ordinal, name, compute_capability, memory } in &self.cuda.devices {
            let name = Printable(name);
            rows.push((
                "device",
                format!("cuda:{ordinal} {name}, compute {compute_capability}, {}", bytes(*memory)),
            ));
        }
        rows.extend(self.cuda.missing.iter().map(|reason| ("no CUDA", reason.clone())));
        for (label, finding) in rows {
            writeln!(out, "{label:13}{finding}")?;
        }
        Ok(())
    }
}
