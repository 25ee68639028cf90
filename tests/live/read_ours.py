"""Loads what our_files.ts wrote with the packages that this Python has, and compares the numbers. Run by formats.ts.

    python read_ours.py FOLDER
"""

import importlib.util
import json
import pickle
import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
sys.path.insert(0, str(Path(__file__).parents[1] / "fixtures" / "nt"))
has = lambda module: importlib.util.find_spec(module) is not None
read = lambda name: json.loads((folder / name).read_text())
floats = lambda values: np.array([np.nan if v is None else v for v in values], "f4")
checked = []

if has("xgboost"):
    import xgboost

    for path in sorted((folder / "xgboost").glob("*_expected.json")):
        expected = json.loads(path.read_text())
        name = path.name.replace("_expected", "")
        booster = xgboost.Booster()
        booster.load_model(folder / "xgboost" / name)
        x = floats(expected["x"]).reshape(-1, expected["features"])
        predicted = booster.predict(xgboost.DMatrix(x))
        assert np.array_equal(predicted, floats(expected["predictions"])), (name, predicted, expected["predictions"])
        # Saved and loaded again by this version, and trained on: it is a whole model of theirs.
        again = xgboost.Booster()
        again.load_model(bytearray(booster.save_raw("ubj")))
        assert np.array_equal(again.predict(xgboost.DMatrix(x)), predicted), name
        target = xgboost.DMatrix(x, np.arange(len(x), dtype="f4"))
        more = xgboost.train({"max_depth": 2}, target, 2, xgb_model=booster)
        assert more.num_boosted_rounds() == booster.num_boosted_rounds() + 2, name
    checked.append(f"xgboost {xgboost.__version__}")

if has("transformers"):
    import torch
    import transformers
    from nt_v2 import NtV2ForSequenceClassification

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    logits = read("logits.json")
    inputs = dict(input_ids=torch.tensor(logits["ids"]), attention_mask=torch.tensor(logits["mask"]))

    def compare(name, model):
        with torch.no_grad():
            found = model.eval()(**inputs).logits.double().numpy().ravel()
        entry = logits["adapters"][name]
        assert np.abs(found - entry["logits"]).max() <= entry["atol"], (name, found, entry)

    for name in ("lists", "regex", "head"):
        compare(name, NtV2ForSequenceClassification.from_pretrained(folder / "merged" / name))
    checked.append(f"transformers {transformers.__version__}")
    if has("peft"):
        import peft

        # The base model is the merged one with its changes taken back: what make.py saved.
        base = Path(__file__).parents[1] / "fixtures" / "peft"
        base = next(path for path in base.iterdir() if path.is_dir()) / "base"
        for name in ("lists", "regex", "head"):
            model = NtV2ForSequenceClassification.from_pretrained(base)
            compare(name, peft.PeftModel.from_pretrained(model, folder / "adapters" / name))
        checked.append(f"peft {peft.__version__}")

index, columns = ["TP53", "größe", "a b", ""], ["ENSG1", "ENSG2", "ENSG3"]
values = np.load(folder / "frame.npy")
assert values.shape == (4, 3) and values.dtype == np.float32 and np.isnan(values[1, 0]) and values[3, 0] == -np.inf
assert np.load(folder / "ids.npy").tolist() == index
splits = pickle.loads((folder / "splits.pkl").read_bytes())
assert [(a.tolist(), b.tolist()) for a, b in splits["fold_splits"]] == [([0, 1, 2], [3, 4]), ([3, 4], [0, 1, 2])]
splits["fold_splits"][0][0][0] = 7  # their arrays can be written to
checked.append(f"numpy {np.__version__}")

path = str(folder / "frame.parquet")
same = lambda found: np.array_equal(np.asarray(found, "f4"), values, equal_nan=True)
if has("pandas") and has("pyarrow"):
    import pandas

    frame = pandas.read_parquet(path)
    assert list(frame.index) == index and list(frame.columns) == columns and same(frame.to_numpy())
    checked.append(f"pandas {pandas.__version__}")
if has("polars"):
    import polars

    assert same(polars.read_parquet(path).select(columns).to_numpy())
    checked.append(f"polars {polars.__version__}")
if has("duckdb"):
    import duckdb

    found = duckdb.sql(f"select ENSG1, ENSG2, ENSG3 from '{path}'").fetchall()
    assert same([[np.nan if v is None else v for v in row] for row in found])
    checked.append(f"duckdb {duckdb.__version__}")
print(", ".join(checked))
