#!/usr/bin/env bash
# Time and anonymous memory of `diagnose deltas` while the pair grows: both files of a pair together hold 1, 2, 4 and 8 GB.
#
#   benches/peers/growth.sh [BYTES]...      sizes of one file
#
# Same variables as compare.sh. A pair that does not fit the page cache twice over measures the disk.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
folder=${FOLDER:-$root/target/growth}
python=${PYTHON:-$([ -x "$root/.venv/bin/python" ] && echo "$root/.venv/bin/python" || echo python3)}
export THREADS=${THREADS:-$(nproc)}
export DIAGNOSE=${DIAGNOSE:-$root/target/release/diagnose}

[ $# -gt 0 ] || set -- 500000000 1000000000 2000000000 4000000000
lines=$(mktemp)
trap 'rm -rf "$lines" "$folder"' EXIT
for bytes in "$@"; do
    rm -rf "$folder"
    "$python" "$here/make_pair.py" dense bf16 "$bytes" "$folder"
    "$python" "$here/warm.py" "$folder"/*.safetensors
    echo "{\"case\": \"dense bf16, 2 × $((bytes / 1000000)) MB\"}" >>"$lines"
    "$python" "$here/ours.py" "$folder/before.safetensors" "$folder/after.safetensors" 5 -- --spectrum none >>"$lines"
done
"$python" "$here/ratios.py" <"$lines"
