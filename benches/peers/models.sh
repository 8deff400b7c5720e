#!/usr/bin/env bash
# Times the commands that run a model beside transformers, on the same files and the same cores, and prints a table of ratios.
#
#   benches/peers/models.sh [CASES] [TEXTS]     of the model of 124M parameters, default 1000 and 60
#
# Same variables as compare.sh; FOLDER is target/models by default. Ours is a whole process, loading and report included; of the peers only the work counts.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cases=${1:-1000}
texts=${2:-60}
runs=${RUNS:-2}
folder=${FOLDER:-$root/target/models}
python=${PYTHON:-$([ -x "$root/.venv/bin/python" ] && echo "$root/.venv/bin/python" || echo python3)}
export THREADS=${THREADS:-$(nproc)}
export DIAGNOSE=${DIAGNOSE:-$root/target/release/diagnose}
export OMP_NUM_THREADS=$THREADS MKL_NUM_THREADS=$THREADS

if ! "$python" -c 'import torch, transformers' 2>/dev/null; then
    echo "$python has no torch and transformers: python3 -m venv .venv && .venv/bin/pip install -r benches/peers/requirements.txt" >&2
    exit 2
fi
lines=$(mktemp)
trap 'rm -rf "$lines" "$folder"' EXIT

# scan TITLE MODEL LAYER CASES: keys of 21 contexts a case at one layer
scan() {
    echo "{\"case\": \"$1\"}" >>"$lines"
    "$python" "$here/ours_model.py" "$runs" keys --model "$2" --case "$4" --contexts "$folder/contexts.json" --layer "$3" --no-moments >>"$lines"
    [ "${5:-}" = alone ] || "$python" "$here/scan_transformers.py" "$2" "$4" "$folder/contexts.json" "$3" >>"$lines"
}

"$python" "$here/make_gpt2.py" "$folder" "$cases" "$texts"
"$python" "$here/warm.py" "$folder/model/model.safetensors"
scan "keys of $cases cases, 124M, layer 5 of 12" "$folder/model" 5 "$folder/cases.json"
scan "keys of $cases cases, world, layer 0 of 3" "$root/fixtures/world/model" 0 "$folder/cases.json"

echo "{\"case\": \"perplexity of $texts texts, 124M\"}" >>"$lines"
"$python" "$here/ours_model.py" "$runs" perplexity --model "$folder/model" --texts "$folder/texts.txt" >>"$lines"
"$python" "$here/perplexity_transformers.py" "$folder/model" "$folder/texts.txt" "$runs" >>"$lines"

# Sum, then factor and solve: a case each, so that every peer stands beside its own.
for size in "3072 8192" "6400 8192"; do
    read -r length count <<<"$size"
    ours=$(cargo bench --quiet --manifest-path "$root/Cargo.toml" --bench moments -- "$length" "$count" | grep '^{')
    peer=$("$python" "$here/moment_numpy.py" "$length" "$count")
    for line in 1 2; do
        echo "{\"case\": \"keys of length $length\"}" >>"$lines"
        sed -n "${line}p" <<<"$ours" >>"$lines"
        sed -n "${line}p" <<<"$peer" >>"$lines"
    done
done

# Growth of the scan: the same cases, ten and a hundred times as many.
for count in 100 1000 10000; do
    "$python" -c "import json, sys; sys.path.insert(0, '$here'); from make_gpt2 import cases; json.dump(cases($count), open('$folder/growth.json', 'w'))"
    scan "keys of $count cases, world" "$root/fixtures/world/model" 0 "$folder/growth.json" alone
done

echo
echo "$(uname -m), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $THREADS threads, $(date -u +%F); best of $runs; transformers scans 100 of the cases, once"
echo
"$python" "$here/model_ratios.py" <"$lines"
