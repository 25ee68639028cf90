"""The linear scripts' work in NumPy, pandas, scikit-learn and matplotlib, as the Python scripts do it: whole process."""
import sys
from pathlib import Path

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold

model, root, output, ntv2 = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
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
    a, b = truth[mask], predicted[mask]
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def mean_pearson(truth, predicted):
    return np.mean([pearson(a, b) for a, b in zip(truth, predicted)])


rng, values = np.random.default_rng(42), []
for _ in range(200):  # the scripts correlate every resampled profile anew
    drawn = rng.integers(0, len(Y), size=len(Y))
    values.append(mean_pearson(Y[drawn], heldout[drawn]))

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
print(mean_pearson(Y, heldout), *np.percentile(values, [2.5, 97.5]))
