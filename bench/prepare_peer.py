"""Python's part of bench/prepare.ts: makes the screen, prepares it with scanpy in backed mode, measures commands.

    python bench/prepare_peer.py make FILE CELLS GENES STORED     # stored counts a cell
    python bench/prepare_peer.py backed FILE TABLE
    python bench/prepare_peer.py measure COMMAND ...              # seconds, processor seconds, peak GB as JSON
"""
import json
import resource
import subprocess
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")


def make(path, cells, genes, stored):
    import anndata
    import h5py
    import pandas as pd
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    labels = np.array(["ctrl"] + ["TF%03d" % i for i in range(400)])
    names = ["TF%03d" % i if i < 400 else "G%d" % i for i in range(genes)]
    obs = pd.DataFrame({"perturbation": pd.Categorical(labels[rng.integers(0, 401, cells)])},
                       index=["c%d" % i for i in range(cells)])
    anndata.AnnData(sp.csr_matrix((cells, genes), dtype=np.float32), obs=obs,
                    var=pd.DataFrame(index=names)).write_h5ad(path)
    # Counts a piece at a time: the whole matrix need not fit in memory.
    with h5py.File(path, "a") as file:
        x, step, base = file["X"], 5000, np.arange(0, genes, genes // stored)[:stored]
        for name in ("data", "indices", "indptr"):
            del x[name]
        data = x.create_dataset("data", (cells * stored,), "f4", chunks=(1 << 18,))
        indices = x.create_dataset("indices", (cells * stored,), "i4", chunks=(1 << 18,))
        x["indptr"] = np.arange(cells + 1, dtype="i8") * stored
        for first in range(0, cells, step):
            n = min(step, cells - first)
            place = slice(first * stored, (first + n) * stored)
            indices[place] = (base[None] + rng.integers(0, genes // stored, (n, stored))).ravel()
            data[place] = 1 + rng.poisson(1.0, n * stored)


def backed(path, table):
    import anndata
    import pandas as pd
    import scanpy as sc
    import scipy.sparse as sp

    screen = anndata.read_h5ad(path, backed="r")
    labels = screen.obs.perturbation.cat
    sums = np.zeros((len(labels.categories), screen.n_vars))
    for x, first, end in screen.chunked_X(6000):
        chunk = anndata.AnnData(sp.csr_matrix(x))
        sc.pp.normalize_total(chunk, target_sum=1e4)
        sc.pp.log1p(chunk)
        group = (labels.codes.values[first:end], np.arange(end - first))
        sums += (sp.csr_matrix((np.ones(end - first), group), shape=(len(sums), end - first)) @ chunk.X).toarray()
    means = sums / np.bincount(labels.codes)[:, None]
    out = pd.DataFrame(means, index=labels.categories, columns=screen.var_names)
    (out.drop(index="ctrl") - out.loc["ctrl"]).to_csv(table)


def measure(command):
    start = time.time()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = {"wall": time.time() - start, "cpu": usage.ru_utime + usage.ru_stime}
    print(json.dumps({**seconds, "peakGb": usage.ru_maxrss / 1e6}))


mode, arguments = sys.argv[1], sys.argv[2:]
if mode == "make":
    make(arguments[0], *map(int, arguments[1:]))
elif mode == "backed":
    backed(*arguments)
else:
    measure(arguments)
