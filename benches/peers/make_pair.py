#!/usr/bin/env python3
"""Makes a pair of checkpoints to time a comparison on: make_pair.py KIND DTYPE BYTES FOLDER

KIND   dense      every element of every tensor moved, ||delta|| / ||before|| = 1 % before rounding
       identical  a real copy, so that every byte of both files must be read
       rank-one   one tensor with a rank-one update of 1 %, the others copies
DTYPE  bf16, f16 or f32
BYTES  size of one file, reached in tensors of 1600 x 6400 (GPT-2 XL's MLP)

Writes FOLDER/before.safetensors and FOLDER/after.safetensors. One block is drawn, W ~ N(0, 0.02^2), and every tensor is that block rolled by
another number of rows: the statistics are those of real weights, and 2 GB take seconds. Same arguments, same bytes.
"""

import json
import sys
from pathlib import Path

import numpy as np

ROWS, COLS = 1600, 6400
SIGMA, RELATIVE = 0.02, 0.01
NAMES = {"bf16": "BF16", "f16": "F16", "f32": "F32"}


def encode(values, dtype):
    """Little-endian bytes of float32 values in a stored dtype, rounded to nearest even; as unsigned integers."""
    if dtype == "f32":
        return values.view(np.uint32)
    if dtype == "f16":
        return values.astype(np.float16).view(np.uint16)
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def blocks(kind):
    """One matrix before and after, in float32."""
    rng = np.random.default_rng(20240607)
    before = SIGMA * rng.standard_normal((ROWS, COLS), dtype=np.float32)
    if kind == "dense":
        moved = before + RELATIVE * SIGMA * rng.standard_normal((ROWS, COLS), dtype=np.float32)
    else:
        left, right = rng.standard_normal(ROWS, dtype=np.float32), rng.standard_normal(COLS, dtype=np.float32)
        scale = RELATIVE * np.linalg.norm(before) / (np.linalg.norm(left) * np.linalg.norm(right))
        moved = before + np.float32(scale) * np.outer(left, right)
    return before, moved


def header(count, dtype, tensor_bytes):
    """The length-prefixed JSON header of a file of `count` equal tensors."""
    entries = {
        f"transformer.h.{i}.mlp.c_fc.weight": {
            "dtype": NAMES[dtype],
            "shape": [ROWS, COLS],
            "data_offsets": [i * tensor_bytes, (i + 1) * tensor_bytes],
        }
        for i in range(count)
    }
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def write(path, block, count, dtype, edited=None):
    """`count` tensors, each `block` rolled; the one in the middle is `edited` where that is given."""
    with open(path, "wb") as file:
        file.write(header(count, dtype, block.nbytes))
        for i in range(count):
            chosen = edited if edited is not None and i == count // 2 else block
            file.write(np.roll(chosen, 7 * i, axis=0).tobytes())


def main(kind, dtype, size, folder):
    before, after = (encode(values, dtype) for values in blocks(kind))
    count = max(1, round(int(size) / before.nbytes))
    Path(folder).mkdir(parents=True, exist_ok=True)
    write(Path(folder) / "before.safetensors", before, count, dtype)
    edited = after if kind == "rank-one" else None
    write(Path(folder) / "after.safetensors", after if kind == "dense" else before, count, dtype, edited)


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in ("dense", "identical", "rank-one") or sys.argv[2] not in NAMES:
        sys.exit(__doc__)
    main(*sys.argv[1:])
