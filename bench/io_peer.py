"""The work of bench/io.ts in pandas and matplotlib: milliseconds of each part as one line of JSON. Run by bench/io.ts."""

import json
import sys
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

folder, repeats = sys.argv[1], int(sys.argv[2])
try:
    import pyarrow
except ImportError:
    pyarrow = None


def timed(work):
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return {"first": times[0], "median": sorted(times[1:])[repeats // 2]}


def read_csv():
    return pd.read_csv(f"{folder}/targets.csv", index_col=0).to_numpy(np.float32)


def plot():
    plt.figure(figsize=(8, 8))
    plt.hexbin(truth.ravel(), predicted.ravel(), gridsize=50, bins="log", mincnt=1, extent=(-1, 1, -1, 1))
    plt.colorbar(label="log10(count)")
    plt.plot([-1, 1], [-1, 1], "r--")
    plt.title("Pred vs GT")
    plt.savefig(f"{folder}/peer.png", dpi=150)
    plt.close()


truth, predicted = (np.load(f"{folder}/{name}.npy") for name in ("truth", "predicted"))
frame = pd.read_csv(f"{folder}/targets.csv", index_col=0).astype(np.float32)
frame[:] = predicted
result = {
    "versions": f"pandas {pd.__version__}, matplotlib {matplotlib.__version__}"
    + (f", pyarrow {pyarrow.__version__}" if pyarrow else ", no pyarrow"),
    "read CSV": timed(read_csv),
    "read .npy": timed(lambda: np.load(f"{folder}/truth.npy")),
    "write Parquet": timed(lambda: frame.to_parquet(f"{folder}/peer.parquet")) if pyarrow else None,
    "read Parquet": timed(lambda: pd.read_parquet(f"{folder}/predicted.parquet")) if pyarrow else None,
    "hexagon plot, PNG": timed(plot),
}
print(json.dumps(result))
