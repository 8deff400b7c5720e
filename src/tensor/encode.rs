//! Numbers written as a checkpoint stores them: the other direction of the plain reading.

use half::{bf16, f16};

use super::Dtype;

/// Little-endian bytes of numbers in a float dtype of 16, 32 or 64 bits, each rounded to the nearest, ties to even; none for any other dtype.
///
/// A number that the dtype represents keeps its value.
pub fn encode(dtype: Dtype, numbers: impl IntoIterator<Item = f32>) -> Option<Vec<u8>> {
    let numbers = numbers.into_iter();
    Some(match dtype {
        Dtype::F64 => each(numbers, |x| f64::from(x).to_le_bytes()),
        Dtype::F32 => each(numbers, f32::to_le_bytes),
        Dtype::BF16 => each(numbers, |x| bf16::from_f32(x).to_le_bytes()),
        Dtype::F16 => each(numbers, |x| f16::from_f32(x).to_le_bytes()),
        _ => return None,
    })
}

fn each<const N: usize>(numbers: impl Iterator<Item = f32>, write: impl Fn(f32) -> [u8; N]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.size_hint().0.saturating_mul(N));
    numbers.for_each(|x| bytes.extend_from_slice(&write(x)));
    bytes
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::super::decode;
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let numbers = [0.0_f32, -0.0, 1.0, -2.5, 0.007_812_5, 448.0];
        for dtype in [Dtype::F64, Dtype::F32, Dtype::BF16, Dtype::F16] {
            let bytes = encode(dtype, numbers).unwrap();
            let mut read = [9.0; 6];
            decode(dtype, &bytes, &mut read);
            assert_eq!(read, numbers.map(f64::from), "{dtype}");
        }
        assert_eq!(encode(Dtype::I64, numbers), None);
    }

    #[test]
    fn what_lies_between_two_numbers_goes_to_the_nearer_and_halves_to_the_even_one() {
        // bf16 has 8 bits of significand: 1 + 2⁻⁸ is half way, 1 + 3·2⁻⁸ too.
        let half_way = [1.0 + 2.0_f32.powi(-8), 1.0 + 3.0 * 2.0_f32.powi(-8)];
        let expected = [1.0, 1.0 + 2.0_f32.powi(-6)];
        assert_eq!(encode(Dtype::BF16, half_way), encode(Dtype::BF16, expected));
    }
}
