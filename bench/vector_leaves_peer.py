"""XGBoost's vector leaves (one tree for all genes) beside a tree a gene, on the first fold of hs27_xgboost.ts: mean Pearson r
over the held-out TFs, squared error, processor seconds and peak memory of each, a process each.

    python bench/vector_leaves_peer.py DATA_DIR [GENES]

DATA_DIR is laid out as hs27_xgboost.ts takes it; GENES are spread evenly over the targets.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

arguments = dict(enumerate(sys.argv))
root, genes, strategy = Path(sys.argv[1]), int(arguments.get(2, 32)), arguments.get(3)


def measure():
    targets = pd.read_csv(root / "data/artifacts/targets_377.csv").set_index("gene_id")
    ids = (root / "HyenaDNA_outputs/hyenadna_tf_gene_index.txt").read_text().split()
    vectors = np.load(root / "HyenaDNA_outputs/hyenadna_tf_embeddings_mean.npy")
    known = sorted(set(ids) & set(targets.index))
    x = StandardScaler().fit_transform(vectors[[ids.index(name) for name in known]])
    y = targets.loc[known].select_dtypes("number").to_numpy(np.float32)
    y = y[:, np.linspace(0, y.shape[1], genes, endpoint=False, dtype=int)]
    train, test = next(iter(KFold(5, shuffle=True, random_state=42).split(x)))
    if strategy == "mean":
        start = time.process_time()
        predicted = np.broadcast_to(y[train].mean(0), y[test].shape)
    else:
        model = xgboost.XGBRegressor(tree_method="hist", multi_strategy=strategy, nthread=1)
        start = time.process_time()
        predicted = model.fit(x[train], y[train]).predict(x[test])
    seconds = time.process_time() - start
    return {
        "model": strategy,
        "shape": [len(train), len(test), x.shape[1], genes],
        "mean r": round(float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(y[test], predicted)])), 4),
        "squared error": round(float(((y[test] - predicted) ** 2).mean()), 6),
        "processor seconds": round(seconds, 1),
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


if strategy:
    print(json.dumps(measure()))
else:
    print(f"xgboost {xgboost.__version__}, one thread", flush=True)
    for name in ("mean", "one_output_per_tree", "multi_output_tree"):
        subprocess.run([sys.executable, __file__, str(root), str(genes), name], check=True)
