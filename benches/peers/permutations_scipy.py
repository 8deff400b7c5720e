#!/usr/bin/env python3
"""Permutation p-values of Spearman's rho of one list against many, as people take them. permutations_scipy.py [ROWS LISTS PERMUTATIONS]

Two ways: scipy.stats.spearmanrho with a PermutationMethod, list by list, which ranks again in every permutation (timed on so many
permutations of a single list and multiplied, which the line says); and NumPy with ranks taken once and one product a permutation.
"""

import json
import sys
import time

import numpy as np
from scipy import stats

TIMED = 10


def say(way, seconds, permutations):
    print(json.dumps({"way": way, "seconds": seconds, "units": permutations}), flush=True)


def main():
    rows, lists, permutations = (int(given) for given in (sys.argv[1:] + ["70000", "20", "1000"][len(sys.argv) - 1 :]))
    random = np.random.default_rng(1)
    x = random.random(rows)
    ys = [np.floor(random.random(rows) * (2 + 50 * at)) for at in range(lists)]

    begin = time.perf_counter()
    stats.spearmanrho(x, ys[-1], method=stats.PermutationMethod(n_resamples=TIMED, rng=np.random.default_rng(2)))
    seconds = time.perf_counter() - begin
    say(f"SciPy spearmanrho (from {TIMED} permutations of 1 list)", seconds / TIMED * permutations * lists, permutations)

    begin = time.perf_counter()
    ranks = stats.rankdata(x) - (rows + 1) / 2
    table = np.stack([stats.rankdata(y) - (rows + 1) / 2 for y in ys], axis=1)
    observed = np.abs(ranks @ table)
    extreme = sum((np.abs(random.permutation(ranks) @ table) >= observed).astype(int) for _ in range(permutations))
    say("NumPy, ranks once", time.perf_counter() - begin, permutations)
    assert ((1 + extreme) / (1 + permutations) <= 1).all()


if __name__ == "__main__":
    main()
