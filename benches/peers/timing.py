"""How every peer is timed: best of n runs of one function, one JSON line out."""

import json
import os
import sys
import time


def pair_arguments(usage):
    """BEFORE AFTER [RUNS] from the command line."""
    if not 3 <= len(sys.argv) <= 4:
        sys.exit(usage)
    return sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) == 4 else 3


def best(runs, work):
    """Shortest wall time of `runs` calls, and what the last call returned."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - begin)
    return min(times), result


def report(way, seconds, size, **values):
    """One line: the way, the seconds, the bytes of both files and the rate."""
    print(json.dumps({"way": way, "seconds": seconds, "bytes": size, "gb_per_s": size / seconds / 1e9, **values}), flush=True)


def pair_bytes(before, after):
    return os.path.getsize(before) + os.path.getsize(after)


def threads():
    """As many as compare.sh gives everybody, by default all cores."""
    return int(os.environ.get("THREADS", os.cpu_count()))
