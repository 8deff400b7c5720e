#!/usr/bin/env bash
# Times ROME edits beside the published algorithm in transformers, on the same files and the same cores, and prints a table of ratios.
#
#   benches/peers/edits.sh [EDITS] [LARGE]      of the world's model and of a random GPT-2 of 124M parameters, default 20 and 3
#
# ROME=DIR puts a checkout of kmeng01/rome beside both; GROWTH=N sets the length of the sequence that shows whether an edit costs the same at its end (1000, 0 for none).
# THREADS, FOLDER and PYTHON as in models.sh. Seconds are the median of the edits, one behind the other; loading is not counted for anybody.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
edits=${1:-20}
large=${2:-3}
growth=${GROWTH:-1000}
folder=${FOLDER:-$root/target/edits}
python=${PYTHON:-$([ -x "$root/.venv/bin/python" ] && echo "$root/.venv/bin/python" || echo python3)}
export THREADS=${THREADS:-$(nproc)}
export OMP_NUM_THREADS=$THREADS MKL_NUM_THREADS=$THREADS RAYON_NUM_THREADS=$THREADS

if ! "$python" -c 'import torch, transformers' 2>/dev/null; then
    echo "$python has no torch and transformers: python3 -m venv .venv && .venv/bin/pip install -r benches/peers/requirements.txt" >&2
    exit 2
fi
lines=$(mktemp)
trap 'rm -rf "$lines" "$folder"' EXIT

ours() {
    cargo bench --quiet --manifest-path "$root/Cargo.toml" --bench edits -- "$@" | grep '^{'
}

# beside TITLE MODEL CASES CONTEXTS LAYER EDITS: everybody's edits of the same cases
beside() {
    echo "{\"case\": \"$1\"}" >>"$lines"
    shift
    ours "$@" >>"$lines"
    "$python" "$here/rome_transformers.py" "$@" >>"$lines"
    [ -z "${ROME:-}" ] || "$python" "$here/rome_transformers.py" "$@" --rome "$ROME" >>"$lines"
}

world=$root/fixtures/world
"$python" "$here/make_gpt2.py" "$folder" "$large" 1
beside "ROME edit, world, layer 0 of 3" "$world/model" "$world/cases.json" "$world/contexts.json" 0 "$edits"
beside "ROME edit, 124M, layer 5 of 12" "$folder/model" "$folder/cases.json" "$folder/contexts.json" 5 "$large"

echo
echo "$(uname -m), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $THREADS threads, $(date -u +%F)"
echo
"$python" "$here/model_ratios.py" <"$lines"
if [ "$growth" -gt 0 ]; then
    echo
    echo "A sequence of $growth edits, medians of its first and of its last quarter:"
    ours "$world/model" "$world/cases.json" "$world/contexts.json" 0 "$growth"
fi
