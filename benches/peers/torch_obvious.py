#!/usr/bin/env python3
"""The script that everybody writes: load both files, upcast, subtract, take norms. torch_obvious.py BEFORE AFTER [RUNS]"""

import math

import torch
from safetensors.torch import load_file
from timing import best, pair_arguments, pair_bytes, report, threads


def compare(before_path, after_path):
    before, after = load_file(before_path), load_file(after_path)
    delta_squares = before_squares = largest = 0.0
    for name in before:
        w = before[name].float()
        delta = after[name].float() - w
        delta_squares += delta.norm().item() ** 2
        before_squares += w.norm().item() ** 2
        largest = max(largest, delta.abs().max().item())
    return {"delta_norm": math.sqrt(delta_squares), "before_norm": math.sqrt(before_squares), "max_abs_delta": largest}


def main():
    before, after, runs = pair_arguments(__doc__)
    torch.set_num_threads(threads())
    seconds, result = best(runs, lambda: compare(before, after))
    report("torch, obvious", seconds, pair_bytes(before, after), **result)


if __name__ == "__main__":
    main()
