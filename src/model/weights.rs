//! The tensors of a checkpoint under the names that their architecture gives them, widened to f32.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use half::f16;
use rayon::prelude::*;

use super::ModelError;
use super::names::strip_known_prefixes;
use crate::reader::Checkpoint;
use crate::tensor::{Dtype, Entry, NumberKind, Source, f8_e4m3_to_f32, f8_e5m2_to_f32};

/// Elements that one task widens.
const TASK_ELEMENTS: usize = 1 << 18;

/// Other spellings of parts of names: BERT's first conversions, T5 where the encoder was saved alone, GPT-NeoX as
/// newer versions of transformers save it.
const ALIASES: [(&str, &str); 4] = [
    ("LayerNorm.weight", "LayerNorm.gamma"),
    ("LayerNorm.bias", "LayerNorm.beta"),
    ("shared.", "embed_tokens."),
    ("embed_out.", "lm_head."),
];

/// A checkpoint's tensors by their bare names: without known prefixes and without the root of the architecture.
pub(super) struct Weights {
    checkpoint: Checkpoint,
    stored: BTreeMap<String, String>,
    dtype: DType,
}

impl Weights {
    /// Sorts the names. `root` is what the architecture may put before all of them.
    pub(super) fn new(checkpoint: Checkpoint, root: &str, dtype: DType) -> Result<Self, ModelError> {
        let mut stored = BTreeMap::new();
        for name in checkpoint.entries().keys() {
            let bare = strip_known_prefixes(name);
            let bare = bare.strip_prefix(root).unwrap_or(bare).to_owned();
            if let Some(first) = stored.insert(bare.clone(), name.clone()) {
                let path = checkpoint.path().to_owned();
                return Err(ModelError::AmbiguousTensor { path, tensor: bare, first, second: name.clone() });
            }
        }
        Ok(Self { checkpoint, stored, dtype })
    }

    /// The checkpoint itself.
    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The name of a tensor as the checkpoint has it.
    pub(super) fn stored_name(&self, bare: &str) -> Option<&str> {
        let alias = |(ours, other): &(&str, &str)| self.stored.get(&bare.replace(ours, other));
        self.stored.get(bare).or_else(|| ALIASES.iter().find_map(alias)).map(String::as_str)
    }

    fn path(&self) -> PathBuf {
        self.checkpoint.path().to_owned()
    }

    /// The entry of a tensor, which must have that shape and hold floats.
    pub(super) fn entry(&self, bare: &str, shape: &[usize]) -> Result<&Entry, ModelError> {
        let stored = self.stored_name(bare).and_then(|name| self.checkpoint.entries().get(name));
        let Some(entry) = stored else {
            return Err(ModelError::MissingTensor { path: self.path(), tensor: bare.to_owned() });
        };
        if !entry.shape.0.iter().copied().eq(shape.iter().map(|extent| *extent as u64)) {
            let (found, needed) = (entry.shape.0.clone(), shape.to_vec());
            return Err(ModelError::Shape { path: self.path(), tensor: entry.name.clone(), found, needed });
        }
        match entry.dtype.kind() {
            NumberKind::Float { .. } => Ok(entry),
            _ => {
                Err(ModelError::NoFloat { path: self.path(), tensor: entry.name.clone(), dtype: entry.dtype })
            }
        }
    }

    /// The numbers of a tensor in f32, exact but for those of an F64 tensor, which are rounded.
    pub(super) fn numbers(&self, bare: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let entry = self.entry(bare, shape)?;
        let mut scratch = Vec::new();
        let len = usize::try_from(entry.bytes).unwrap_or(usize::MAX);
        let bytes = self.checkpoint.read(entry, 0, len, &mut scratch)?;
        let mut numbers = vec![0.0; shape.iter().product()];
        let width = entry.dtype.bytes().unwrap_or(1);
        numbers
            .par_chunks_mut(TASK_ELEMENTS)
            .zip(bytes.par_chunks(TASK_ELEMENTS * width))
            .for_each(|(numbers, bytes)| widen(entry.dtype, bytes, numbers));
        Ok(numbers)
    }

    /// A tensor of these numbers in the type that the model runs in.
    pub(super) fn tensor(&self, numbers: Vec<f32>, shape: &[usize]) -> Result<Tensor, ModelError> {
        Ok(Tensor::from_vec(numbers, shape, &Device::Cpu)?.to_dtype(self.dtype)?)
    }

    /// The type that the model runs in.
    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }
}

/// Reads little-endian floats of `dtype` into `out`.
fn widen(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    match dtype {
        Dtype::F32 => each(bytes, out, f32::from_le_bytes),
        Dtype::BF16 => each(bytes, out, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
        Dtype::F16 => each(bytes, out, |b| f16::from_le_bytes(b).to_f32()),
        #[expect(clippy::cast_possible_truncation, reason = "rounding to the nearest is meant")]
        Dtype::F64 => each(bytes, out, |b| f64::from_le_bytes(b) as f32),
        Dtype::F8_E4M3 => each(bytes, out, |[b]| f8_e4m3_to_f32(b)),
        Dtype::F8_E5M2 => each(bytes, out, |[b]| f8_e5m2_to_f32(b)),
        other => debug_assert!(!matches!(other.kind(), NumberKind::Float { .. }), "{other} is not read"),
    }
}

fn each<const N: usize>(bytes: &[u8], out: &mut [f32], read: impl Fn([u8; N]) -> f32) {
    for (element, slot) in bytes.as_chunks::<N>().0.iter().zip(out) {
        *slot = read(*element);
    }
}
