#!/usr/bin/env python3
"""A table of ratios from the JSON lines of one or more measurements on standard input.

A line {"case": …} opens a case; the lines after it are the ways, ours called "diagnose". Values that differ from ours by more than 1 % are an error:
a comparison that gives another result is no peer.
"""

import json
import sys

CHECKED = ("delta_norm", "before_norm", "max_abs_delta", "spectral_norm")


def cases(lines):
    """[(title, [way, …]), …]"""
    found = []
    for line in map(json.loads, filter(str.strip, lines)):
        if "case" in line:
            found.append((line["case"], []))
        else:
            found[-1][1].append(line)
    return found


def disagreements(ours, way):
    shared = [key for key in CHECKED if key in ours and key in way]
    return [key for key in shared if abs(ours[key] - way[key]) > 0.01 * abs(ours[key])]


def main():
    wrong = 0
    print("| case | way | seconds | GB/s | times ours | anonymous MiB |")
    print("|---|---|---:|---:|---:|---:|")
    for title, ways in cases(sys.stdin):
        ours = next(way for way in ways if way["way"] == "diagnose")
        for way in ways:
            ratio, memory = way["seconds"] / ours["seconds"], way.get("anonymous_mib")
            memory = "" if memory is None else f"{memory:.1f}"
            print(f"| {title} | {way['way']} | {way['seconds']:.4f} | {way['gb_per_s']:.2f} | {ratio:.1f} | {memory} |")
            for key in disagreements(ours, way):
                wrong += 1
                print(f"{title}: {way['way']} found {key} {way[key]}, we found {ours[key]}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
