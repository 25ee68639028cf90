"""The linear scripts' work in NumPy, pandas, SciPy, scikit-learn and matplotlib, as a whole process.

Usage: linear_peer.py pca|embed REPO_ROOT OUTPUT NT_FOLDER each|once

"each" correlates every resampled profile anew (scipy.stats.pearsonr), which is where the Python scripts spend nine tenths of
their time; "once" correlates every profile once, as we do.
"""
import sys
from pathlib import Path

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import pearsonr
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold

model, root, output, ntv2, bootstrap = sys.argv[1], *map(Path, sys.argv[2:5]), sys.argv[5]
LAMBDA = 0.1

genes = (root / "artifacts/gene_index.txt").read_text().split()
targets = pd.read_csv(root / "artifacts/targets_377_overlap.csv", index_col=0)[genes]
table = pd.read_csv(root / "tf_sequences.csv", usecols=["gene_name", "gene_id"])
ids = table.set_index("gene_name").gene_id.reindex(targets.index)
Y = targets.to_numpy(dtype=np.float32)
if model == "embed":
    def rows(kind, wanted):
        vectors = np.load(ntv2 / f"NTv2_50m_{kind}_embeddings.npy")
        position = {name: i for i, name in enumerate(np.load(ntv2 / f"NTv2_50m_{kind}_ids.npy", allow_pickle=True))}
        return vectors[[position[name] for name in wanted]]
    G_all, P_all = rows("gene", genes), rows("tf", ids)
else:
    position = {name: i for i, name in enumerate(genes)}
    own = np.array([position[name] for name in ids])

heldout, training = np.zeros_like(Y), np.full_like(Y, np.nan)
for train, test in KFold(5, shuffle=True, random_state=42).split(Y):
    mean = Y[train].mean(axis=0, keepdims=True).T
    centred = Y[train].T - mean
    if model == "embed":
        G, P = G_all, P_all
    else:
        G = PCA(n_components=10, svd_solver="full").fit_transform(centred)
        P = G[own]
    A = np.linalg.solve(G.T @ G + LAMBDA * np.eye(G.shape[1]), G.T @ centred)
    W = np.linalg.solve(P[train].T @ P[train] + LAMBDA * np.eye(P.shape[1]), (A @ P[train]).T).T
    heldout[test] = (G @ W @ P[test].T + mean).T
    fresh = train[np.isnan(training[train, 0])]
    training[fresh] = (G @ W @ P[fresh].T + mean).T


def pearson(truth, predicted):
    mask = np.isfinite(truth) & np.isfinite(predicted)
    return pearsonr(truth[mask], predicted[mask])[0]


def all_pearson(truth, predicted):
    return np.array([pearson(a, b) for a, b in zip(truth, predicted)])


observed, rng, means = all_pearson(Y, heldout), np.random.default_rng(42), []
for _ in range(200):
    drawn = rng.integers(0, len(Y), size=len(Y))
    resampled = observed[drawn] if bootstrap == "once" else all_pearson(Y[drawn], heldout[drawn])
    means.append(resampled.mean())

output.mkdir(parents=True, exist_ok=True)
for name, predicted in (("pred_vs_gt", heldout), ("pred_vs_gt_train", training)):
    plt.figure(figsize=(8, 7))
    plt.hexbin(Y.ravel(), predicted.ravel(), gridsize=50, bins="log", mincnt=1, extent=(-1, 1, -1, 1))
    plt.colorbar()
    plt.plot([-1, 1], [-1, 1], "r--")
    plt.savefig(output / f"{name}.png", dpi=150)
    plt.close()
frame = pd.DataFrame(heldout, index=targets.index, columns=genes)
try:
    frame.to_parquet(output / "predictions.parquet")
except ImportError:  # Debian has no pyarrow; the time of this step is then left to the peer's advantage
    np.save(output / "predictions.npy", heldout)
print(observed.mean(), *np.percentile(means, [2.5, 97.5]))
