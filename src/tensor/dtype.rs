//! The dtypes of the safetensors format, all of them by name.

use std::fmt;
use std::str::FromStr;

/// Element type of a stored tensor, as the safetensors format names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(non_camel_case_types, reason = "the names of the format, to the letter")]
pub enum Dtype {
    /// One byte a truth value: zero is false.
    BOOL,
    /// Packed 4-bit float (MXFP4), two elements a byte.
    F4,
    /// Packed 6-bit float, 2 exponent and 3 mantissa bits.
    F6_E2M3,
    /// Packed 6-bit float, 3 exponent and 2 mantissa bits.
    F6_E3M2,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 8-bit integer.
    I8,
    /// 8-bit float, 5 exponent and 2 mantissa bits.
    F8_E5M2,
    /// 8-bit float, 4 exponent and 3 mantissa bits, no infinities.
    F8_E4M3,
    /// 8-bit power of two (a scale of a block).
    F8_E8M0,
    /// 8-bit float E4M3 without negative zero.
    F8_E4M3FNUZ,
    /// 8-bit float E5M2 without negative zero.
    F8_E5M2FNUZ,
    /// Signed 16-bit integer.
    I16,
    /// Unsigned 16-bit integer.
    U16,
    /// IEEE half precision.
    F16,
    /// Brain float: f32's exponent, 7 mantissa bits.
    BF16,
    /// Signed 32-bit integer.
    I32,
    /// Unsigned 32-bit integer.
    U32,
    /// IEEE single precision.
    F32,
    /// Complex of two F32.
    C64,
    /// IEEE double precision.
    F64,
    /// Signed 64-bit integer.
    I64,
    /// Unsigned 64-bit integer.
    U64,
}

/// How the elements of a dtype are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberKind {
    /// A floating-point number with a mantissa of that many stored bits.
    Float {
        /// Stored mantissa bits (the leading one is not stored).
        mantissa_bits: u32,
    },
    /// An integer or a truth value, read as a number.
    Integer,
    /// Not read as numbers; two tensors are compared as bytes.
    Opaque,
}

impl Dtype {
    /// Every dtype of the format.
    pub const ALL: [Self; 22] = [
        Self::BOOL,
        Self::F4,
        Self::F6_E2M3,
        Self::F6_E3M2,
        Self::U8,
        Self::I8,
        Self::F8_E5M2,
        Self::F8_E4M3,
        Self::F8_E8M0,
        Self::F8_E4M3FNUZ,
        Self::F8_E5M2FNUZ,
        Self::I16,
        Self::U16,
        Self::F16,
        Self::BF16,
        Self::I32,
        Self::U32,
        Self::F32,
        Self::C64,
        Self::F64,
        Self::I64,
        Self::U64,
    ];

    /// Width of one element in bits; 4 and 6 for the packed dtypes.
    pub const fn bits(self) -> u32 {
        match self {
            Self::F4 => 4,
            Self::F6_E2M3 | Self::F6_E3M2 => 6,
            Self::BOOL
            | Self::U8
            | Self::I8
            | Self::F8_E5M2
            | Self::F8_E4M3
            | Self::F8_E8M0
            | Self::F8_E4M3FNUZ
            | Self::F8_E5M2FNUZ => 8,
            Self::I16 | Self::U16 | Self::F16 | Self::BF16 => 16,
            Self::I32 | Self::U32 | Self::F32 => 32,
            Self::C64 | Self::F64 | Self::I64 | Self::U64 => 64,
        }
    }

    /// Whole bytes of one element, or `None` for the packed dtypes.
    pub const fn bytes(self) -> Option<usize> {
        match self.bits() {
            4 | 6 => None,
            bits => Some(bits as usize / 8),
        }
    }

    /// Whether and how the elements are read as numbers.
    pub const fn kind(self) -> NumberKind {
        match self {
            Self::F64 => NumberKind::Float { mantissa_bits: 52 },
            Self::F32 => NumberKind::Float { mantissa_bits: 23 },
            Self::F16 => NumberKind::Float { mantissa_bits: 10 },
            Self::BF16 => NumberKind::Float { mantissa_bits: 7 },
            Self::F8_E4M3 => NumberKind::Float { mantissa_bits: 3 },
            Self::F8_E5M2 => NumberKind::Float { mantissa_bits: 2 },
            Self::BOOL
            | Self::U8
            | Self::I8
            | Self::I16
            | Self::U16
            | Self::I32
            | Self::U32
            | Self::I64
            | Self::U64 => NumberKind::Integer,
            Self::F4
            | Self::F6_E2M3
            | Self::F6_E3M2
            | Self::F8_E8M0
            | Self::F8_E4M3FNUZ
            | Self::F8_E5M2FNUZ
            | Self::C64 => NumberKind::Opaque,
        }
    }

    /// The format's own name, as it stands in a header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BOOL => "BOOL",
            Self::F4 => "F4",
            Self::F6_E2M3 => "F6_E2M3",
            Self::F6_E3M2 => "F6_E3M2",
            Self::U8 => "U8",
            Self::I8 => "I8",
            Self::F8_E5M2 => "F8_E5M2",
            Self::F8_E4M3 => "F8_E4M3",
            Self::F8_E8M0 => "F8_E8M0",
            Self::F8_E4M3FNUZ => "F8_E4M3FNUZ",
            Self::F8_E5M2FNUZ => "F8_E5M2FNUZ",
            Self::I16 => "I16",
            Self::U16 => "U16",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::I32 => "I32",
            Self::U32 => "U32",
            Self::F32 => "F32",
            Self::C64 => "C64",
            Self::F64 => "F64",
            Self::I64 => "I64",
            Self::U64 => "U64",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A dtype name that the format does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown dtype {}", crate::tensor::Printable(.0))]
pub struct UnknownDtype(pub String);

impl FromStr for Dtype {
    type Err = UnknownDtype;

    fn from_str(name: &str) -> Result<Self, UnknownDtype> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name).ok_or_else(|| UnknownDtype(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dtype_is_found_by_its_own_name() {
        for dtype in Dtype::ALL {
            assert_eq!(dtype.name().parse(), Ok(dtype));
        }
        assert_eq!("F128".parse::<Dtype>(), Err(UnknownDtype("F128".into())));
    }
}
