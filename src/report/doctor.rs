//! `diagnose.doctor/1`: what the machine offers.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use super::json::{self, Tool};
use super::number::bytes;
use crate::tensor::Printable;

/// Name and version of the record.
const SCHEMA: &str = "diagnose.doctor/1";

/// The whole document.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Record<'a> {
    schema: &'static str,
    tool: Tool,
    #[serde(flatten)]
    found: &'a DoctorReport,
}

/// What `diagnose doctor` found.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

/// What was found of CUDA.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CudaState {
    /// The driver, by the CUDA version that it speaks.
    pub driver: Component,
    /// The run-time compiler that kernels go through.
    pub nvrtc: Component,
    /// Devices by ordinal.
    pub devices: Vec<DeviceState>,
}

/// A library that is there, or the reason why it is not.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Component {
    /// Its version, where it is there.
    pub version: Option<String>,
    /// What was found in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<Result<String, String>> for Component {
    fn from(found: Result<String, String>) -> Self {
        match found {
            Ok(version) => Self { version: Some(version), reason: None },
            Err(reason) => Self { version: None, reason: Some(reason) },
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version.as_ref().or(self.reason.as_ref()).map_or("unknown", String::as_str))
    }
}

/// One device.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
        json::write_document(&Record { schema: SCHEMA, tool: Tool::THIS, found: self }, out)
    }

    /// A line a finding.
    ///
    /// # Errors
    /// Where `out` does not take it.
    pub fn write_table(&self, out: &mut dyn Write) -> io::Result<()> {
        let memory = |n: Option<u64>| n.map_or_else(|| "unknown".to_owned(), bytes);
        let mut rows = vec![
            ("diagnose", format!("{} for {}", env!("CARGO_PKG_VERSION"), self.target)),
            ("linear algebra", self.linear_algebra.clone()),
            ("SIMD", self.simd.clone()),
            ("threads", self.threads.to_string()),
            ("memory", format!("{}, {} available", memory(self.memory_total), memory(self.memory_available))),
            ("--io auto", self.io.clone()),
            ("CUDA driver", self.cuda.driver.to_string()),
            ("NVRTC", self.cuda.nvrtc.to_string()),
        ];
        for DeviceState { ordinal, name, compute_capability, memory } in &self.cuda.devices {
            let name = Printable(name);
            rows.push((
                "device",
                format!("cuda:{ordinal} {name}, compute {compute_capability}, {}", bytes(*memory)),
            ));
        }
        for (label, finding) in rows {
            writeln!(out, "{label:16}{finding}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
crate::report::schema::published!(SCHEMA, Record<'static>);
