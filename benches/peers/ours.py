#!/usr/bin/env python3
"""Times the binary as a user runs it, process start and report included: ours.py BEFORE AFTER [RUNS] -- FLAGS

The binary is $DIAGNOSE. Anonymous memory is the largest RssAnon seen in one more run, polled, which is not timed.
"""

import json
import os
import subprocess
import sys
import time

from timing import best, pair_arguments, pair_bytes, report, threads


def peak_anonymous(command):
    """Largest RssAnon in MiB that /proc showed while the command ran."""
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/status") as status:
                    peak = max(peak, *(int(line.split()[1]) for line in status if line.startswith("RssAnon")), 0)
            except (OSError, TypeError):
                pass
            time.sleep(0.002)
    return peak / 1024


def values_of(record):
    """What the peers give too, from our record."""
    changed = [tensor for tensor in record["tensors"] if tensor["status"] == "changed"]
    summary = {"delta_norm": record["summary"]["delta_norm"]}
    summary["max_abs_delta"] = max((tensor["max_abs_delta"] for tensor in changed), default=0.0)
    if len(changed) == len(record["tensors"]):  # ours covers the changed tensors, the peers' all of them
        summary["before_norm"] = record["summary"]["before_norm"]
    spectra = [tensor["spectrum"] for tensor in changed if tensor.get("spectrum")]
    if spectra:
        summary |= {key: spectra[0][key] for key in ("spectral_norm", "stable_rank", "numerical_rank")}
    return summary


def main():
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    flags = sys.argv[split + 1 :]
    del sys.argv[split:]
    before, after, runs = pair_arguments(__doc__)
    command = [os.environ["DIAGNOSE"], "deltas", before, after, "--format", "json", "--threads", str(threads()), *flags]
    seconds, _ = best(runs, lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    anonymous = peak_anonymous(command)
    record = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    report("diagnose", seconds, pair_bytes(before, after), anonymous_mib=anonymous, **values_of(record))


if __name__ == "__main__":
    main()
