#!/usr/bin/env python3
"""Times a command that runs a model, process start, loading and report included: ours_model.py RUNS ARGUMENT...

The binary is $DIAGNOSE. Anonymous memory is the largest RssAnon seen in one more run, polled, which is not timed.
"""

import json
import os
import subprocess
import sys

from ours import peak_anonymous
from timing import best, threads


def units_and_check(record):
    """What was counted, and a number that a peer must find as well."""
    if record["schema"].startswith("diagnose.keys/"):
        norms = [case["unprefixed_key_norm"] for case in record["cases"]]
        return len(norms), sum(norms) / len(norms)
    model = record["models"][0]
    return model["tokens"], model["mean_nll"]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    command = [os.environ["DIAGNOSE"], *sys.argv[2:], "--format", "json", "--threads", str(threads())]
    seconds, done = best(int(sys.argv[1]), lambda: subprocess.run(command, check=True, capture_output=True))
    units, check = units_and_check(json.loads(done.stdout))
    line = {"way": "diagnose", "seconds": seconds, "units": units, "check": check, "anonymous_mib": peak_anonymous(command)}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
