#!/usr/bin/env bash
# Times `diagnose deltas` beside what people use today, on the same files and the same cores, and prints a table of ratios.
#
#   benches/peers/compare.sh [BYTES]        size of one file of a pair, default 2000000000
#
# PYTHON    a Python with requirements.txt installed (default: .venv/bin/python where it is, else python3)
# DIAGNOSE  the binary (default: the release build)      THREADS  for everybody (default: all cores)
# RUNS      runs of a peer, the best counts (default 3); ours runs 5 times      FOLDER  where the pairs are made (default: target/peers)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
bytes=${1:-2000000000}
runs=${RUNS:-3}
folder=${FOLDER:-$root/target/peers}
python=${PYTHON:-$([ -x "$root/.venv/bin/python" ] && echo "$root/.venv/bin/python" || echo python3)}
export THREADS=${THREADS:-$(nproc)}
export DIAGNOSE=${DIAGNOSE:-$root/target/release/diagnose}
export OMP_NUM_THREADS=$THREADS OPENBLAS_NUM_THREADS=$THREADS MKL_NUM_THREADS=$THREADS

if [ ! -x "$DIAGNOSE" ]; then
    echo "no binary at $DIAGNOSE: run cargo build --release first" >&2
    exit 2
fi
if ! "$python" -c 'import numpy, scipy' 2>/dev/null; then
    echo "$python has no NumPy and SciPy: python3 -m venv .venv && .venv/bin/pip install -r benches/peers/requirements.txt" >&2
    exit 2
fi
ways=(numpy_mmap.py)
if "$python" -c 'import torch, safetensors.torch' 2>/dev/null; then
    ways=(torch_obvious.py torch_tuned.py "${ways[@]}")
else
    echo "skipped: $python has no torch, so the torch scripts are not timed" >&2
fi

lines=$(mktemp)
trap 'rm -rf "$lines" "$folder"' EXIT

# pair KIND DTYPE BYTES: a fresh pair in the page cache, and the case it opens
pair() {
    rm -rf "$folder"
    "$python" "$here/make_pair.py" "$1" "$2" "$3" "$folder"
    "$python" "$here/warm.py" "$folder"/*.safetensors
    before=$folder/before.safetensors after=$folder/after.safetensors
    echo "{\"case\": \"$1 $2, 2 × $(($(stat -c %s "$before") / 1000000)) MB\"}" >>"$lines"
    echo "$1 $2" >&2
}

for dtype in bf16 f16 f32; do
    pair dense "$dtype" "$bytes"
    "$python" "$here/ours.py" "$before" "$after" 5 -- --spectrum none >>"$lines"
    for way in "${ways[@]}"; do
        "$python" "$here/$way" "$before" "$after" "$runs" >>"$lines"
    done
done

pair identical bf16 "$bytes"
"$python" "$here/ours.py" "$before" "$after" 5 >>"$lines"
for way in "${ways[@]}"; do
    "$python" "$here/$way" "$before" "$after" "$runs" >>"$lines"
done

# One matrix of 1600 × 6400, so that the time is that of the spectrum.
pair rank-one bf16 20480000
"$python" "$here/ours.py" "$before" "$after" 5 >>"$lines"
"$python" "$here/gesdd.py" "$before" "$after" 1 >>"$lines"

echo
echo "$(uname -m), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $THREADS threads, $(date -u +%F); best of 5 (ours) and of $runs"
echo
"$python" "$here/ratios.py" <"$lines"
