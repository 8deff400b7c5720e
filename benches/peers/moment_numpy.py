#!/usr/bin/env python3
"""Second moment and Cholesky factor of random keys by NumPy and SciPy, on their LAPACK: moment_numpy.py KEY_LENGTH ROWS [RUNS]"""

import json
import sys

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.linalg import cho_factor, cho_solve
from timing import best


def main():
    if not 3 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    length, rows, runs = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) == 4 else 3
    keys = np.random.default_rng(0).standard_normal((rows, length), dtype=np.float32)
    seconds, moment = best(runs, lambda: dsyrk(1.0, keys.astype(np.float64), trans=True, lower=True))
    print(json.dumps({"way": f"SciPy, dsyrk of {rows} keys", "seconds": seconds, "units": rows}), flush=True)
    moment = np.tril(moment) + np.tril(moment, -1).T
    moment[np.diag_indices(length)] += rows
    right = np.ones((length, 1))
    seconds, _ = best(runs, lambda: cho_solve(cho_factor(moment, lower=True), right))
    print(json.dumps({"way": "SciPy, cho_factor and cho_solve", "seconds": seconds, "units": 1}), flush=True)


if __name__ == "__main__":
    main()
