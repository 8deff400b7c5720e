"""What the kernels do, as one would write it in PyTorch on the same card.

    torch_kernels.py                        times, a line a figure as benches/gpu has them
    torch_kernels.py --beside OURS THEIRS   a table of both
"""

import sys

REPEATS = 10


def best(work):
    """Milliseconds by the device's clock, the best of several after one that is not counted."""
    import torch

    work()
    least = float("inf")
    for _ in range(REPEATS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        least = min(least, start.elapsed_time(end))
    return least


def pair_stats(torch, dtype):
    """The statistics of a pair in pieces of 64 Mi elements, in f64 sums; no quantiles, which would need a sort."""
    elements = 2 * 2**30 // torch.finfo(dtype).bits * 8
    before = torch.randn(elements, device="cuda", dtype=dtype) * 0.02
    after = before + torch.randn(elements, device="cuda", dtype=dtype) * 2e-4

    def work():
        sums = torch.zeros(5, dtype=torch.float64, device="cuda")
        for a, b in zip(before.split(2**26), after.split(2**26)):
            d = b.float() - a.float()
            sums[0] += a.float().square().sum(dtype=torch.float64)
            sums[1] += b.float().square().sum(dtype=torch.float64)
            sums[2] += d.square().sum(dtype=torch.float64)
            sums[3] += d.abs().sum(dtype=torch.float64)
            sums[4] = torch.maximum(sums[4], d.abs().max())
            (a != b).sum(), (~a.isfinite()).sum(), (~b.isfinite()).sum()

    return best(work)


def delta_matvec(torch, transposed):
    """(B − A) X with Δ formed, and its products in f32: f64 would take four times the memory again."""
    before = torch.randn(16384, 16384, device="cuda", dtype=torch.bfloat16)
    after = before + torch.randn(16384, 16384, device="cuda", dtype=torch.bfloat16) * 0.01
    x = torch.randn(16384, 8, device="cuda")

    def work():
        delta = after.float() - before.float()
        (delta.T if transposed else delta) @ x

    return best(work)


def second_moment(torch):
    keys = torch.randn(16384, 6400, device="cuda")
    total = torch.zeros(6400, 6400, device="cuda", dtype=torch.float64)

    def work():
        wide = keys.double()
        total.addmm_(wide.T, wide)

    return best(work)


def matrix_rate(torch):
    """TFLOP/s of the library's square product in f64."""
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.float64)
    return 2 * 8192**3 / (best(lambda: a @ a) * 1e-3) / 1e12


def key_fraction(torch):
    u, m, r = (torch.randn(8192, 6400, device="cuda", dtype=torch.float64) for _ in range(3))

    def work():
        for a, b in [(u, u), (m, m), (r, r), (r, u), (r, m), (u, m)]:
            (a * b).sum(1)
        (u - m).square().sum(1)

    return best(work)


def position_stats(torch):
    x = torch.randn(512, 256, 1600, device="cuda")

    def work():
        wide = x.double()
        wide.mean((0, 2)), wide.var((0, 2), correction=0), wide.amin((0, 2)), wide.amax((0, 2))
        wide.norm(dim=2).mean(0), wide.isnan().sum((0, 2)), wide.isinf().sum((0, 2))

    return best(work)


def rank_permute(torch):
    """1000 permutations in batches: ranks once, then a product of permuted ranks with those of all tasks."""
    ranks = lambda values: values.argsort(-1).argsort(-1).double()
    x, ys = ranks(torch.randn(70000, device="cuda")), ranks(torch.randn(20, 70000, device="cuda"))

    def work():
        for _ in range(10):
            order = torch.rand(100, 70000, device="cuda").argsort(1)
            x[order] @ ys.T

    return best(work) / 1e3


def measure():
    import torch

    figures = {
        "pair_stats bf16": (lambda: pair_stats(torch, torch.bfloat16), "ms"),
        "pair_stats f32": (lambda: pair_stats(torch, torch.float32), "ms"),
        "delta_matvec": (lambda: delta_matvec(torch, False), "ms"),
        "delta_matvec transposed": (lambda: delta_matvec(torch, True), "ms"),
        "second_moment": (lambda: second_moment(torch), "ms"),
        "matrix rate": (lambda: matrix_rate(torch), "TFLOP/s of a square product in f64"),
        "key_fraction": (lambda: key_fraction(torch), "ms"),
        "position_stats": (lambda: position_stats(torch), "ms"),
        "rank_permute": (lambda: rank_permute(torch), "s"),
    }
    print(f"# PyTorch {torch.__version__}, {torch.cuda.get_device_name()}")
    for name, (time, unit) in figures.items():
        print(f"{name}\t{time():.4f}\t{unit}", flush=True)
        torch.cuda.empty_cache()


def read(path):
    lines = (line.rstrip("\n").split("\t") for line in open(path, encoding="utf-8"))
    return {line[0]: float(line[1]) for line in lines if len(line) == 3 and not line[0].startswith(("#", "check"))}


def beside(ours, theirs):
    print("| kernel | ours | PyTorch | PyTorch / ours |\n|---|--:|--:|--:|")
    for name in theirs:
        if name in ours:
            print(f"| {name} | {ours[name]:.3f} | {theirs[name]:.3f} | {theirs[name] / ours[name]:.2f} |")
    if "matrix rate" in theirs and "second_moment rate" in ours:
        print(f"\nsecond_moment: {ours['second_moment rate'] / theirs['matrix rate']:.2f} of the library's matrix rate, goal 0.7")


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "--beside":
        beside(read(sys.argv[2]), read(sys.argv[3]))
    else:
        measure()
