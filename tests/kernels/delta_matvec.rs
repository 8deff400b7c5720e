//! Products of a difference with eight vectors, against plain sums in f64.

use collapse_diagnostics::gpu::delta_matvec::{DeviceDelta, MAX_BLOCK, VECTORS};
use collapse_diagnostics::gpu::{GpuError, Machine};
use collapse_diagnostics::tensor::{Dtype, decode};

use super::shim::{Shim, need_compiler};

const DTYPES: [Dtype; 5] = [Dtype::F32, Dtype::F16, Dtype::BF16, Dtype::F8_E4M3, Dtype::F8_E5M2];
/// Half an ulp of one.
const UNIT: f64 = f64::EPSILON / 2.0;
/// Threads of a block, and the order in which they have their turns.
const RUNS: [(u32, u64); 4] = [(32, 0), (64, 1), (128, 7), (256, 0)];

/// Numbers without a pattern, in −1…1.
struct Numbers(u64);

impl Numbers {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 32
    }

    fn next(&mut self) -> f64 {
        self.bits() as f64 / f64::from(u32::MAX) * 2.0 - 1.0
    }

    fn block(&mut self, components: usize) -> Vec<f64> {
        (0..components * VECTORS).map(|_| self.next()).collect()
    }

    /// Finite elements of a dtype. Every second is of any size that its dtype has, where a sum's bound stays finite in f64.
    fn stored(&mut self, dtype: Dtype, elements: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..elements {
            let (bits, small) = (self.bits(), self.next() as f32);
            let any_size = bits & 1 == 0;
            match dtype {
                Dtype::F32 if any_size => {
                    bytes.extend((small * 2f32.powi((bits >> 8) as i32 % 120)).to_le_bytes());
                }
                Dtype::F32 => bytes.extend(small.to_le_bytes()),
                Dtype::F16 if any_size => bytes.extend(((bits >> 8) as u16 & 0xbbff).to_le_bytes()),
                Dtype::F16 => bytes.extend(half::f16::from_f32(small).to_le_bytes()),
                Dtype::BF16 => bytes.extend(half::bf16::from_f32(small).to_le_bytes()),
                // Not the codes of NaN and infinity.
                Dtype::F8_E4M3 => bytes.push((bits >> 8) as u8 & 0xf7),
                _ => bytes.push((bits >> 8) as u8 & 0xbf),
            }
        }
        bytes
    }
}

/// A difference as bytes and as f64.
struct Case {
    dtype: Dtype,
    shape: (usize, usize),
    before: Vec<u8>,
    after: Vec<u8>,
    difference: Vec<f64>,
}

impl Case {
    fn new(dtype: Dtype, shape: (usize, usize), seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let (before, after) =
            (numbers.stored(dtype, shape.0 * shape.1), numbers.stored(dtype, shape.0 * shape.1));
        Self::of(dtype, shape, before, after)
    }

    fn of(dtype: Dtype, shape: (usize, usize), before: Vec<u8>, after: Vec<u8>) -> Self {
        let elements = shape.0 * shape.1;
        let (mut a, mut difference) = (vec![0.0; elements], vec![0.0; elements]);
        decode(dtype, &before, &mut a);
        decode(dtype, &after, &mut difference);
        for (b, a) in difference.iter_mut().zip(a) {
            *b -= a;
        }
        Self { dtype, shape, before, after, difference }
    }

    fn on<'m>(&self, machine: &'m dyn Machine) -> DeviceDelta<'m> {
        DeviceDelta::new(machine, self.dtype, self.shape, &self.before, &self.after).unwrap()
    }

    /// The product or the transposed one, and for each element the bound of another order's error and this one's.
    fn expected(&self, vectors: &[f64], transposed: bool) -> Vec<(f64, f64)> {
        let (rows, cols) = self.shape;
        let (outputs, terms) = if transposed { (cols, rows) } else { (rows, cols) };
        let mut expected = Vec::new();
        for output in 0..outputs {
            for vector in 0..VECTORS {
                let (mut sum, mut sizes) = (0.0f64, 0.0f64);
                for term in 0..terms {
                    let at = if transposed { term * cols + output } else { output * cols + term };
                    let factor = vectors[term * VECTORS + vector];
                    sum = self.difference[at].mul_add(factor, sum);
                    sizes += (self.difference[at] * factor).abs();
                }
                expected.push((sum, 2.01 * terms as f64 * UNIT * sizes));
            }
        }
        expected
    }
}

fn assert_close(found: &[f64], expected: &[(f64, f64)], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, (sum, bound))) in found.iter().zip(expected).enumerate() {
        assert!((found - sum).abs() <= *bound, "{what}: element {at} is {found:e}, not {sum:e}");
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn both_products_are_plain_sums_for_every_dtype_shape_and_block() {
    need_compiler!();
    // One element; whole strips and vectors; rows that begin at odd places; one of everything beyond; several parts.
    let shapes = [(1, 1), (16, 128), (31, 136), (33, 257), (17, 33), (150, 300), (300, 32)];
    for (seed, shape) in (1..).zip(shapes) {
        for dtype in DTYPES {
            let case = Case::new(dtype, shape, seed);
            let (x, y) = (Numbers(seed + 50).block(shape.1), Numbers(seed + 90).block(shape.0));
            let (times, transposed) = (case.expected(&x, false), case.expected(&y, true));
            let mut seen: Option<[Vec<u64>; 4]> = None;
            // The large shapes are slow on a CPU.
            let runs = if shape.0 * shape.1 > 20_000 { &RUNS[1..3] } else { &RUNS[..] };
            for &(block, order) in runs {
                let shim = Shim::new(order);
                let mut delta = case.on(&shim);
                let what = format!("{dtype} {shape:?} block {block} order {order}");
                let found = [
                    delta.times(&x, block).unwrap(),
                    delta.transposed_times(&y, block).unwrap(),
                    delta.times_plainly(&x, block).unwrap(),
                    delta.transposed_times_plainly(&y, block).unwrap(),
                ];
                assert_close(&found[0], &times, &what);
                assert_close(&found[1], &transposed, &what);
                // One thread's sum is the reference, to the bit.
                for (found, expected) in [(&found[2], &times), (&found[3], &transposed)] {
                    assert!(found.iter().zip(expected).all(|(found, (sum, _))| found == sum), "{what}");
                }
                let found = found.map(|product| bits(&product));
                assert_eq!(seen.get_or_insert_with(|| found.clone()), &found, "{what}");
            }
        }
    }
}

#[test]
fn what_is_not_finite_stays_in_its_row_and_column() {
    need_compiler!();
    let (rows, cols) = (37, 264);
    let values: Vec<f32> = (0..rows * cols).map(|at| (at % 13) as f32).collect();
    let mut after = values.clone();
    after[5 * cols + 7] = f32::INFINITY;
    after[36 * cols + 263] = f32::NAN;
    let case = Case::of(
        Dtype::F32,
        (rows, cols),
        bytemuck::cast_slice(&values).to_vec(),
        bytemuck::cast_slice(&after).to_vec(),
    );
    let shim = Shim::new(0);
    let mut delta = case.on(&shim);
    let ones = |components: usize| vec![1.0; components * VECTORS];
    for (found, infinite, nan) in [
        (delta.times(&ones(cols), 64).unwrap(), 5, 36),
        (delta.transposed_times(&ones(rows), 64).unwrap(), 7, 263),
        (delta.times_plainly(&ones(cols), 64).unwrap(), 5, 36),
        (delta.transposed_times_plainly(&ones(rows), 64).unwrap(), 7, 263),
    ] {
        for (at, value) in found.iter().enumerate() {
            let expected = match at / VECTORS {
                place if place == infinite => *value == f64::INFINITY,
                place if place == nan => value.is_nan(),
                _ => *value == 0.0,
            };
            assert!(expected, "element {at} is {value}");
        }
    }
}

#[test]
fn a_vector_that_is_not_finite_stays_in_its_lane() {
    need_compiler!();
    let case = Case::new(Dtype::BF16, (20, 65), 3);
    let shim = Shim::new(0);
    let mut delta = case.on(&shim);
    let mut x = vec![1.0; 65 * VECTORS];
    x[64 * VECTORS + 3] = f64::INFINITY;
    let y = delta.times(&x, 32).unwrap();
    assert!(y.iter().enumerate().all(|(at, value)| value.is_finite() == (at % VECTORS != 3)));
}

#[test]
fn an_empty_matrix_has_products_of_nothing_or_of_zeros() {
    need_compiler!();
    let shim = Shim::new(0);
    for (rows, cols) in [(0, 0), (0, 5), (4, 0)] {
        let mut delta = DeviceDelta::new(&shim, Dtype::F16, (rows, cols), &[], &[]).unwrap();
        assert_eq!(delta.times(&vec![1.0; cols * VECTORS], 32).unwrap(), vec![0.0; rows * VECTORS]);
        assert_eq!(
            delta.transposed_times(&vec![1.0; rows * VECTORS], 32).unwrap(),
            vec![0.0; cols * VECTORS]
        );
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    need_compiler!();
    let shim = Shim::new(0);
    let short = DeviceDelta::new(&shim, Dtype::F32, (2, 3), &[0; 24], &[0; 20]);
    assert!(matches!(short, Err(GpuError::Shape { needs: 24, has: 20, .. })));
    let huge = DeviceDelta::new(&shim, Dtype::F32, (usize::MAX, 3), &[], &[]);
    assert!(matches!(huge, Err(GpuError::Shape { .. })));
    assert!(matches!(
        DeviceDelta::new(&shim, Dtype::I32, (1, 1), &[0; 4], &[0; 4]),
        Err(GpuError::Driver { .. })
    ));
    assert!(DeviceDelta::reads(Dtype::F8_E5M2) && !DeviceDelta::reads(Dtype::F64));
    let mut delta = DeviceDelta::new(&shim, Dtype::F32, (2, 3), &[0; 24], &[0; 24]).unwrap();
    assert!(matches!(delta.times(&[0.0; 16], 32), Err(GpuError::Shape { needs: 192, has: 128, .. })));
    for block in [0, 33, MAX_BLOCK + 32] {
        assert!(matches!(delta.times(&[0.0; 24], block), Err(GpuError::Driver { .. })));
    }
}
