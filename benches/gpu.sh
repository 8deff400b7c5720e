#!/usr/bin/env bash
# The kernels on a GPU: checked against the processor, timed, and put beside PyTorch on the same card.
#
#   benches/gpu.sh [PROGRAM] [--device N] [--seed S] [--dir DIR]
#
# PROGRAM is what `cargo bench --bench gpu --no-run` makes, carried here: this builds nothing and needs no Rust. Without it the newest below
# target/release/deps is taken. DIR is where two files of 2 GiB go for a while. PyTorch is used where python3 has it with CUDA, compute-sanitizer where it is
# on the PATH (a check only, in which times mean nothing). Exit 1 where a check fails, 2 where there is no device.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [ $# -gt 0 ] && [ -x "$1" ]; then
    program=$1
    shift
else
    program=$(find "$here/../target/release/deps" -maxdepth 1 -name 'gpu-*' -type f -perm -u+x 2>/dev/null | xargs -r ls -t | head -n 1)
fi
if [ -z "$program" ]; then
    echo 'error: no program: make it with `cargo bench --bench gpu --no-run` and name it' >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$program" "$@" | tee "$work/ours"

if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck initcheck synccheck; do
        compute-sanitizer --tool "$tool" --error-exitcode 1 "$program" --checks-only "$@" >"$work/$tool" 2>&1 || { cat "$work/$tool"; exit 1; }
        printf 'compute-sanitizer %s\tclean\n' "$tool"
    done
else
    echo 'SKIPPED: compute-sanitizer, which is not on the PATH'
fi

if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    python3 "$here/peers/torch_kernels.py" | tee "$work/torch"
    echo
    python3 "$here/peers/torch_kernels.py" --beside "$work/ours" "$work/torch"
else
    echo 'SKIPPED: PyTorch, because python3 has none that finds a GPU'
fi
