#!/usr/bin/env python3
"""Puts files into the page cache in large folios: written back, evicted, read once from front to back. warm.py FILE...

Pages that a program has just written, or that were read here and there, lie in small folios, and a mapped read of them is two to three times
slower. Every way is timed on files that went through here.
"""

import os
import sys


def warm(path):
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    while os.read(file, 1 << 24):
        pass
    os.close(file)


for name in sys.argv[1:]:
    warm(name)
