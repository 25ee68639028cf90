"""The work of bench/boosting.ts by Python's XGBoost: seconds as one line of JSON, predictions as predictions.npy in the
folder of the inputs. Run by bench/boosting.ts."""

import json
import resource
import sys
import time

import numpy as np
import xgboost
from sklearn.multioutput import MultiOutputRegressor

folder, threads, method, leaves = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
train, test, targets = (np.load(f"{folder}/{name}.npy") for name in ("train", "test", "targets"))

start = time.perf_counter()
settings = {"nthread": threads, "tree_method": method, "base_score": 0.5}
if leaves == "vector":
    model = xgboost.XGBRegressor(multi_strategy="multi_output_tree", **settings)
else:
    model = MultiOutputRegressor(xgboost.XGBRegressor(**settings))
predictions = model.fit(train, targets).predict(test)
seconds = time.perf_counter() - start

np.save(f"{folder}/predictions.npy", predictions.astype(np.float32))
peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peak_mib": peak_mib, "version": f"xgboost {xgboost.__version__}"}))
