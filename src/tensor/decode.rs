//! Bytes of any numeric dtype as f64, element by element: the plain, portable reading.

use half::f16;

use super::{Dtype, NumberKind};

/// Reads little-endian elements of `dtype` into `out`, widened to f64.
///
/// Shapes: `bytes` holds `out.len()` elements; a shorter `bytes` leaves the rest of `out` as it was.
/// Exact for every dtype but the 64-bit integers, which are rounded to f64 beyond 2⁵³.
/// An opaque dtype (see [`NumberKind::Opaque`]) leaves `out` untouched.
pub fn decode(dtype: Dtype, bytes: &[u8], out: &mut [f64]) {
    match dtype {
        Dtype::F64 => each(bytes, out, f64::from_le_bytes),
        Dtype::F32 => each(bytes, out, |b| f64::from(f32::from_le_bytes(b))),
        Dtype::F16 => each(bytes, out, |b| f16::from_le_bytes(b).to_f64()),
        Dtype::BF16 => {
            each(bytes, out, |b| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)));
        }
        Dtype::F8_E4M3 => each(bytes, out, |[b]| f64::from(f8_e4m3_to_f32(b))),
        Dtype::F8_E5M2 => each(bytes, out, |[b]| f64::from(f8_e5m2_to_f32(b))),
        Dtype::BOOL => each(bytes, out, |[b]| f64::from(u8::from(b != 0))),
        Dtype::U8 => each(bytes, out, |[b]| f64::from(b)),
        Dtype::I8 => each(bytes, out, |b| f64::from(i8::from_le_bytes(b))),
        Dtype::I16 => each(bytes, out, |b| f64::from(i16::from_le_bytes(b))),
        Dtype::U16 => each(bytes, out, |b| f64::from(u16::from_le_bytes(b))),
        Dtype::I32 => each(bytes, out, |b| f64::from(i32::from_le_bytes(b))),
        Dtype::U32 => each(bytes, out, |b| f64::from(u32::from_le_bytes(b))),
        Dtype::I64 => each(bytes, out, |b| i64::from_le_bytes(b) as f64),
        Dtype::U64 => each(bytes, out, |b| u64::from_le_bytes(b) as f64),
        Dtype::F4
        | Dtype::F6_E2M3
        | Dtype::F6_E3M2
        | Dtype::F8_E8M0
        | Dtype::F8_E4M3FNUZ
        | Dtype::F8_E5M2FNUZ
        | Dtype::C64 => debug_assert_eq!(dtype.kind(), NumberKind::Opaque),
    }
}

fn each<const N: usize>(bytes: &[u8], out: &mut [f64], read: impl Fn([u8; N]) -> f64) {
    for (element, slot) in bytes.as_chunks::<N>().0.iter().zip(out) {
        *slot = read(*element);
    }
}

/// The 8-bit float with 4 exponent bits (bias 7) and 3 mantissa bits; 0x7f and 0xff are NaN, no infinities.
pub fn f8_e4m3_to_f32(bits: u8) -> f32 {
    let magnitude = bits & 0x7f;
    let value = match (magnitude >> 3, magnitude & 7) {
        (15, 7) => f32::NAN,
        (0, mantissa) => f32::from(mantissa) * 2f32.powi(-9),
        (exponent, mantissa) => f32::from(8 + mantissa) * 2f32.powi(i32::from(exponent) - 10),
    };
    if bits & 0x80 == 0 { value } else { -value }
}

/// The 8-bit float with 5 exponent bits (bias 15) and 2 mantissa bits: the upper half of an IEEE half.
pub fn f8_e5m2_to_f32(bits: u8) -> f32 {
    f16::from_bits(u16::from(bits) << 8).to_f32()
}

/// Distance between neighbouring numbers of `dtype` around `value` (the unit in the last place).
///
/// ```text
/// step = 2^(max(⌊log₂ |value|⌋, e_min) − mantissa bits)
/// ```
///
/// Degenerate: zero and subnormals give the smallest step of the dtype; integers give 1 (their values
/// are exact, but a float rounded to them is not); a non-finite value and an opaque dtype give 0.
pub fn rounding_step(dtype: Dtype, value: f64) -> f64 {
    let NumberKind::Float { mantissa_bits } = dtype.kind() else {
        return f64::from(u8::from(dtype.kind() == NumberKind::Integer));
    };
    if !value.is_finite() {
        return 0.0;
    }
    let smallest_exponent = match dtype {
        Dtype::F16 | Dtype::F8_E5M2 => -14,
        Dtype::F8_E4M3 => -6,
        Dtype::F64 => -1022,
        _ => -126,
    };
    let exponent = (((value.to_bits() >> 52) & 0x7ff) as i32 - 1023).max(smallest_exponent);
    2f64.powi(exponent - mantissa_bits.cast_signed())
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "what is rounded is meant to be")]
mod tests {
    use super::*;

    fn one(dtype: Dtype, bytes: &[u8]) -> f64 {
        let mut out = [0.0];
        decode(dtype, bytes, &mut out);
        out[0]
    }

    #[test]
    fn each_numeric_dtype_reads_its_own_bytes() {
        assert_eq!(one(Dtype::F64, &(-1.5f64).to_le_bytes()), -1.5);
        assert_eq!(one(Dtype::F32, &0.1f32.to_le_bytes()), f64::from(0.1f32));
        assert_eq!(one(Dtype::F16, &[0x00, 0x3c]), 1.0);
        assert_eq!(one(Dtype::BF16, &[0xc0, 0xbf]), -1.5);
        assert_eq!(one(Dtype::I8, &[0xff]), -1.0);
        assert_eq!(one(Dtype::U64, &u64::MAX.to_le_bytes()), 18_446_744_073_709_551_615.0);
        assert_eq!(one(Dtype::BOOL, &[2]), 1.0);
        assert_eq!(one(Dtype::F4, &[2]), 0.0);
    }

    #[test]
    fn eight_bit_floats_follow_the_ocp_tables() {
        assert_eq!(f8_e4m3_to_f32(0x7e), 448.0);
        assert_eq!(f8_e4m3_to_f32(0x01), 2f32.powi(-9));
        assert_eq!(f8_e4m3_to_f32(0x08), 2f32.powi(-6));
        assert_eq!(f8_e4m3_to_f32(0xb8), -1.0);
        assert!(f8_e4m3_to_f32(0xff).is_nan());
        assert_eq!(f8_e5m2_to_f32(0x7b), 57344.0);
        assert_eq!(f8_e5m2_to_f32(0xfc), f32::NEG_INFINITY);
        assert_eq!(f8_e5m2_to_f32(0x01), 2f32.powi(-16));
    }

    #[test]
    fn the_rounding_step_is_the_gap_to_the_next_number() {
        for value in [1.0, 1.999, 0.3, 70_000.0, 2f64.powi(-130)] {
            let x = value as f32;
            let gap = f64::from(f32::from_bits(x.to_bits() + 1)) - f64::from(x);
            assert_eq!(rounding_step(Dtype::F32, f64::from(x)), gap);
        }
        assert_eq!(rounding_step(Dtype::BF16, 1.0), 2f64.powi(-7));
        assert_eq!(rounding_step(Dtype::F16, 1e-7), 2f64.powi(-24));
        assert_eq!(rounding_step(Dtype::F32, f64::NAN), 0.0);
    }
}
