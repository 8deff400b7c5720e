//! The second moment of keys, against `linalg::engine::add_gram`.

use collapse_diagnostics::gpu::second_moment::{
    BLOCK, GROUP, Keys, Version, add_second_moment, add_second_moment_by,
};
use collapse_diagnostics::gpu::{GpuError, Machine, Memory, Queue};
use collapse_diagnostics::linalg::engine::add_gram;
use collapse_diagnostics::tensor::{Dtype, Matrix, decode};

use super::shim::{Shim, need_compiler};

const VERSIONS: [Version; 3] = [Version::Plain, Version::Tiles, Version::TensorCores];
/// Half an ulp of one.
const UNIT: f64 = f64::EPSILON / 2.0;

/// The blocks that a version can have, each with the order in which threads have their turns.
fn runs(version: Version) -> &'static [(u32, u64)] {
    match version {
        Version::Plain => &[(32, 0), (256, 1), (1024, 7)],
        Version::Tiles => &[(32, 0), (64, 1), (256, 7), (512, 0)],
        Version::TensorCores => &[(BLOCK, 0), (BLOCK, 1), (BLOCK, 7)],
    }
}

/// Numbers without a pattern, in −1…1.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 2f32.powi(23) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn stored(dtype: Dtype, values: &[f32]) -> Vec<u8> {
    match dtype {
        Dtype::F16 => values.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect(),
        Dtype::BF16 => values.iter().flat_map(|value| half::bf16::from_f32(*value).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// Keys, which of them count, and what the sum was before.
struct Case {
    dtype: Dtype,
    rows: usize,
    cols: usize,
    bytes: Vec<u8>,
    skip: Option<Vec<u8>>,
    before: Vec<f64>,
}

impl Case {
    fn new(dtype: Dtype, (rows, cols): (usize, usize), masked: bool) -> Self {
        let bytes = stored(dtype, &numbers(rows * cols, (rows + cols) as u64));
        let skip = masked.then(|| (0..rows).map(|row| u8::from(row % 3 == 1) * 7).collect());
        let before = numbers(cols * cols, 77).into_iter().map(f64::from).collect();
        Self { dtype, rows, cols, bytes, skip, before }
    }

    fn run(&self, machine: &dyn Machine, version: Version, block: u32) -> Result<Vec<f64>, GpuError> {
        let (values, sum) = (Memory::of(machine, &self.bytes)?, Memory::of(machine, &self.before)?);
        let (dtype, rows, cols, skip) = (self.dtype, self.rows, self.cols, self.skip.as_deref());
        add_second_moment_by(
            machine,
            version,
            block,
            Keys { dtype, values: &values, rows, cols, skip },
            &sum,
        )?;
        sum.read(Queue::First)
    }

    /// The reference, and of each element the bound of its error and another's.
    fn expected(&self) -> (Matrix, Matrix) {
        let mut keys = vec![0.0; self.rows * self.cols];
        decode(self.dtype, &self.bytes, &mut keys);
        let counts = |row: usize| self.skip.as_ref().is_none_or(|skip| skip[row] == 0);
        let kept: Vec<f64> = (0..self.rows)
            .filter(|row| counts(*row))
            .flat_map(|row| keys[row * self.cols..(row + 1) * self.cols].to_vec())
            .collect();
        let kept = Matrix::from_shape_vec((kept.len() / self.cols, self.cols), kept).unwrap();
        let mut sum = Matrix::from_shape_vec((self.cols, self.cols), self.before.clone()).unwrap();
        let mut bound = sum.mapv(f64::abs);
        add_gram(&mut sum, &kept).unwrap();
        add_gram(&mut bound, &kept.mapv(f64::abs)).unwrap();
        (sum, bound * (2.01 * self.rows as f64 * UNIT))
    }

    fn is_right(&self, found: &[f64]) -> bool {
        let (sum, bound) = self.expected();
        let close = |((i, j), sum): ((usize, usize), &f64)| {
            let at = i * self.cols + j;
            if j > i { found[at] == self.before[at] } else { (found[at] - sum).abs() <= bound[(i, j)] }
        };
        found.len() == sum.len() && sum.indexed_iter().all(close)
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn every_version_adds_what_the_cpu_adds() {
    need_compiler!();
    // One element; whole tiles and groups of rows; one of everything beyond; more than one tile of either size.
    let shapes = [(1, 1), (16, 128), (33, 31), (15, 129), (50, 65), (5, 257)];
    for (at, shape) in shapes.into_iter().enumerate() {
        for (dtype, masked) in [(Dtype::F32, at % 2 == 0), (Dtype::F16, false), (Dtype::BF16, true)] {
            let case = Case::new(dtype, shape, masked);
            let mut in_order = None;
            for version in VERSIONS {
                let mut seen = None;
                for &(block, order) in runs(version) {
                    let found = case.run(&Shim::new(order), version, block).unwrap();
                    let what = format!("{dtype} {shape:?} {version:?} block {block} order {order}");
                    assert!(case.is_right(&found), "{what}");
                    let found = bits(&found);
                    assert_eq!(seen.get_or_insert_with(|| found.clone()), &found, "{what}");
                    if version != Version::TensorCores {
                        assert_eq!(in_order.get_or_insert_with(|| found.clone()), &found, "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn rows_may_be_split_between_calls() {
    need_compiler!();
    let whole = Case::new(Dtype::F32, (41, 67), true);
    for version in VERSIONS {
        let split = if version == Version::TensorCores { 2 * GROUP } else { 13 };
        let part = |rows: std::ops::Range<usize>, before: Vec<f64>| Case {
            dtype: whole.dtype,
            rows: rows.len(),
            cols: whole.cols,
            bytes: whole.bytes[rows.start * whole.cols * 4..rows.end * whole.cols * 4].to_vec(),
            skip: whole.skip.as_ref().map(|skip| skip[rows].to_vec()),
            before,
        };
        let shim = Shim::new(0);
        let first = part(0..split, whole.before.clone()).run(&shim, version, BLOCK).unwrap();
        let both = part(split..41, first).run(&shim, version, BLOCK).unwrap();
        assert_eq!(bits(&both), bits(&whole.run(&shim, version, BLOCK).unwrap()), "{version:?}");
    }
}

#[test]
fn what_is_not_finite_stays_in_its_row_and_column_and_out_where_left_out() {
    need_compiler!();
    let (rows, cols) = (19, 70);
    let mut values = numbers(rows * cols, 9);
    values[3 * cols + 5] = f32::INFINITY;
    values[18 * cols + 69] = f32::NAN;
    values[7 * cols + 40] = f32::NAN;
    let skip = (0..rows).map(|row| u8::from(row == 7)).collect();
    let before = vec![0.0; cols * cols];
    let case =
        Case { dtype: Dtype::F32, rows, cols, bytes: stored(Dtype::F32, &values), skip: Some(skip), before };
    for version in VERSIONS {
        let found = case.run(&Shim::new(0), version, BLOCK).unwrap();
        for (at, value) in found.iter().enumerate() {
            let (i, j) = (at / cols, at % cols);
            let hit = j <= i && [i, j].iter().any(|place| [5, 69].contains(place));
            assert_eq!(!value.is_finite(), hit, "{version:?} at {i}, {j}: {value}");
        }
    }
}

#[test]
fn without_any_of_its_barriers_a_version_is_wrong() {
    need_compiler!();
    // Four groups of rows, so that both places of version 3 are used twice.
    let case = Case::new(Dtype::F32, (64, 66), false);
    for (version, barrier) in [
        (Version::Tiles, "__syncthreads();  // The rows are there."),
        (Version::Tiles, "__syncthreads();  // The rows were used."),
        (Version::TensorCores, "__syncthreads();  // The first rows are there."),
        (Version::TensorCores, "__syncthreads();  // The next rows are there, and these were used."),
    ] {
        let right = |order| {
            let shim = Shim::edited(order, "second_moment", barrier, "");
            case.run(&shim, version, BLOCK).is_ok_and(|found| case.is_right(&found))
        };
        assert!(![0, 1, 7].into_iter().all(right), "{version:?} does not need {barrier}");
    }
    assert!(
        VERSIONS.into_iter().all(|version| case.is_right(&case.run(&Shim::new(7), version, BLOCK).unwrap()))
    );
}

#[test]
fn no_rows_add_nothing() {
    need_compiler!();
    let shim = Shim::new(0);
    let (keys, sum) = (Memory::zeroed(&shim, 0).unwrap(), Memory::of(&shim, &[1.5, 2.5, 3.5, 4.5]).unwrap());
    add_second_moment(&shim, Dtype::F32, &keys, 0, 2, None, &sum).unwrap();
    assert_eq!(sum.read::<f64>(Queue::First).unwrap(), [1.5, 2.5, 3.5, 4.5]);
    // All left out is the same.
    let keys = Memory::of(&shim, &[f32::NAN; 4]).unwrap();
    add_second_moment(&shim, Dtype::F32, &keys, 2, 2, Some(&[1, 1]), &sum).unwrap();
    assert_eq!(sum.read::<f64>(Queue::First).unwrap(), [1.5, 2.5, 3.5, 4.5]);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    need_compiler!();
    let shim = Shim::new(0);
    let (keys, sum) = (Memory::zeroed(&shim, 24).unwrap(), Memory::zeroed(&shim, 72).unwrap());
    let add = |dtype, rows, cols, skip| add_second_moment(&shim, dtype, &keys, rows, cols, skip, &sum);
    assert!(matches!(add(Dtype::F32, 3, 3, None), Err(GpuError::Shape { needs: 36, has: 24, .. })));
    assert!(matches!(add(Dtype::F16, 1, 4, None), Err(GpuError::Shape { needs: 128, has: 72, .. })));
    assert!(matches!(add(Dtype::F32, 2, 3, Some(&[0])), Err(GpuError::Shape { needs: 2, has: 1, .. })));
    assert!(matches!(add(Dtype::F32, usize::MAX, 3, None), Err(GpuError::Shape { .. })));
    assert!(matches!(add(Dtype::F64, 1, 3, None), Err(GpuError::Driver { .. })));
    let keys = Keys { dtype: Dtype::F32, values: &keys, rows: 2, cols: 3, skip: None };
    for (version, block) in [
        (Version::Tiles, 0),
        (Version::Tiles, 1024),
        (Version::Plain, 48),
        (Version::Plain, 2048),
        (Version::TensorCores, 128),
    ] {
        assert!(matches!(
            add_second_moment_by(&shim, version, block, keys, &sum),
            Err(GpuError::Driver { .. })
        ));
    }
    let other = Shim::new(0);
    let elsewhere = add_second_moment_by(&other, Version::Plain, 32, keys, &sum);
    assert!(matches!(elsewhere, Err(GpuError::Driver { .. })));
}
