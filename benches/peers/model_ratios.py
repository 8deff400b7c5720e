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
            rate = way["units"] / way["seconds"]
            memory = f"{way['anonymous_mib']:.0f}" if "anonymous_mib" in way else ""
            ratio = ours["units"] / ours["seconds"] / rate
            print(f"| {title} | {way['way']} | {way['seconds']:.3f} | {rate:.4g} | {ratio:.2f} | {memory} |")
            if "check" in way and abs(way["check"] - ours["check"]) > 1e-3 * abs(ours["check"]):
                wrong += 1
                print(f"{title}: {way['way']} found {way['check']}, we found {ours['check']}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
