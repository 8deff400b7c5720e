#!/usr/bin/env python3
"""The same with NumPy on mapped files; bf16, which NumPy lacks, is widened by a shift of its bits. numpy_mmap.py BEFORE AFTER [RUNS]"""

import json
import math

import numpy as np
from timing import best, pair_arguments, pair_bytes, report

STORED = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}


def mapped(path):
    """{name: (dtype name, array on the file's own pages)}"""
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    entries = json.loads(data[8:start].tobytes())
    entries.pop("__metadata__", None)
    return {
        name: (entry["dtype"], data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]].view(STORED[entry["dtype"]]))
        for name, entry in entries.items()
    }


def widened(dtype, stored):
    if dtype == "BF16":
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float32, copy=False)


def compare(before_path, after_path):
    before, after = mapped(before_path), mapped(after_path)
    delta_squares = before_squares = largest = 0.0
    for name in before:
        w = widened(*before[name])
        delta = widened(*after[name]) - w
        delta_squares += float(np.dot(delta, delta))
        before_squares += float(np.dot(w, w))
        largest = max(largest, float(np.abs(delta).max()))
    return {"delta_norm": math.sqrt(delta_squares), "before_norm": math.sqrt(before_squares), "max_abs_delta": largest}


def main():
    before, after, runs = pair_arguments(__doc__)
    seconds, result = best(runs, lambda: compare(before, after))
    report("numpy, mapped", seconds, pair_bytes(before, after), **result)


if __name__ == "__main__":
    main()
