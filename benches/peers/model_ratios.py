#!/usr/bin/env python3
"""A table of rates from the JSON lines of measurements on standard input, laid out as ratios.py wants them, with "units" in the place of bytes."""

import sys

from ratios import cases


def main():
    wrong = 0
    print("| job | way | seconds | units/s | ours is × as fast | anonymous MiB |")
    print("|---|---|---:|---:|---:|---:|")
    for title, ways in cases(sys.stdin):
        ours = next(way for way in ways if way["way"].startswith("diagnose"))
        for way in ways:
            memory = f"{way['anonymous_mib']:.0f}" if "anonymous_mib" in way else ""
            ratio, rate = way["seconds"] / ours["seconds"], way["units"] / way["seconds"]
            print(f"| {title} | {way['way']} | {way['seconds']:.3f} | {rate:.4g} | {ratio:.2f} | {memory} |")
            if abs(way.get("check", 0) - ours.get("check", 0)) > 1e-3 * abs(ours.get("check", 0)):
                wrong += 1
                print(f"{title}: {way['way']} found {way['check']}, we found {ours['check']}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
