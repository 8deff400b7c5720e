#!/usr/bin/env python3
"""The script of somebody who knows torch well: two buffers for all tensors, everything in place. torch_tuned.py BEFORE AFTER [RUNS]"""

import math

import torch
from safetensors import safe_open
from timing import best, pair_arguments, pair_bytes, report, threads


class Buffers:
    """Float32 room for one tensor of each side, reused while the shape stays."""

    def __init__(self):
        self.before = self.after = torch.empty(0)

    def fill(self, before, after):
        if self.before.shape != before.shape:
            self.before = torch.empty(before.shape, dtype=torch.float32)
            self.after = torch.empty_like(self.before)
        self.before.copy_(before)
        self.after.copy_(after)
        return self.before, self.after


def compare(before_path, after_path, buffers):
    delta_squares = before_squares = largest = 0.0
    with safe_open(before_path, "pt") as before, safe_open(after_path, "pt") as after:
        for name in before.keys():  # noqa: SIM118 (a file, not a dict)
            w, delta = buffers.fill(before.get_tensor(name), after.get_tensor(name))
            delta.sub_(w)
            before_squares += torch.linalg.vector_norm(w).item() ** 2
            delta_squares += torch.linalg.vector_norm(delta).item() ** 2
            low, high = torch.aminmax(delta)
            largest = max(largest, -low.item(), high.item())
    return {"delta_norm": math.sqrt(delta_squares), "before_norm": math.sqrt(before_squares), "max_abs_delta": largest}


def main():
    before, after, runs = pair_arguments(__doc__)
    torch.set_num_threads(threads())
    buffers = Buffers()
    seconds, result = best(runs, lambda: compare(before, after, buffers))
    report("torch, tuned", seconds, pair_bytes(before, after), **result)


if __name__ == "__main__":
    main()
