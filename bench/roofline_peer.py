"""What the processor gives NumPy: GFLOP/s of a product of squares, GB/s of additions in memory and in the cache.

Usage: roofline_peer.py THREADS SIZE LENGTH_IN_MEMORY LENGTH_IN_CACHE; prints one line of JSON. Run by bench/roofline.ts.
"""
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

threads, size, *lengths = map(int, sys.argv[1:5])
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(threads)  # read where the libraries are loaded

import numpy as np


def best_seconds(run, repeats):
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def additions(length):
    """c = a + b, a slice a thread (NumPy itself takes one): three arrays of bytes a call."""
    a, b, c = (np.full(length, value, np.float32) for value in (1, 2, 0))
    bounds = [length * i // threads for i in range(threads + 1)]
    times = max(1, 2**22 // length)  # a slice in the cache is over too soon to hand it out each time

    def part(i):
        here = slice(bounds[i], bounds[i + 1])
        for _ in range(times):
            np.add(a[here], b[here], out=c[here])

    with ThreadPoolExecutor(threads) as pool:
        run = lambda: list(pool.map(part, range(threads)))
        run()
        return 12 * length * times / best_seconds(run, 5) / 1e9


a, b, c = (np.full((size, size), 0.5, np.float32) for _ in range(3))
run = lambda: np.matmul(a, b, out=c)
run()
gflops = 2 * size**3 / best_seconds(run, 3) / 1e9
del a, b, c
memory, cache = map(additions, lengths)
print(json.dumps({"gflops": gflops, "memory": memory, "cache": cache}))
