#!/usr/bin/env python3
"""LAPACK's full SVD of the one matrix that changed, as people take it to see a rank. gesdd.py BEFORE AFTER [RUNS]

Times the decomposition alone, of delta in float32 and in float64; reading and subtracting are not counted.
"""

import numpy as np
from numpy_mmap import mapped, widened
from scipy.linalg import svd
from timing import best, pair_arguments, report

ROWS = 1600


def changed_matrix(before_path, after_path):
    before, after = mapped(before_path), mapped(after_path)
    for name, (dtype, stored) in before.items():
        if not np.array_equal(stored.view(np.uint8), after[name][1].view(np.uint8)):
            return (widened(*after[name]) - widened(dtype, stored)).reshape(ROWS, -1)
    raise SystemExit("nothing changed: make the pair with kind rank-one")


def main():
    before, after, runs = pair_arguments(__doc__)
    delta = changed_matrix(before, after)
    for way, matrix in (("gesdd, f32", delta), ("gesdd, f64", delta.astype(np.float64))):
        seconds, (_, values, _) = best(runs, lambda m=matrix: svd(m, full_matrices=False, lapack_driver="gesdd"))
        energy = np.sum(values.astype(np.float64) ** 2)
        report(way, seconds, matrix.nbytes, spectral_norm=float(values[0]), stable_rank=float(energy / values[0] ** 2))


if __name__ == "__main__":
    main()
