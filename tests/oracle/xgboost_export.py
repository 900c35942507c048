"""Loads exported models in real XGBoost and compares probabilities: `xgboost_export.py ORCHESTRATE`.

Makes a project, trains a boosted model of three classes and one of two on its data (with missing values, levels, single
rows near thresholds), exports both with the features of their rows, and asks XGBoost for the rows held out. Asks it for contributions too, which `predict --explain` tells. Fails if a
probability differs by more than 1e-6, or if the labels differ where the two best probabilities do not tie.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
import xgboost as xgb

PIPELINE = """
pipeline: parity
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: id } }
  several: { uses: classify.xgboost, inputs: { table: customers }, with: { target: kind, drop: [good] } }
  two: { uses: classify.xgboost, inputs: { table: customers }, with: { target: good, drop: [kind], subsample: 0.7 } }
"""


def customers(n=8000, seed=0):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 5, n)
    x = rng.normal(size=(n, 6)) + kind[:, None] * rng.normal(size=(5, 6))[kind] * 0.3
    x[:, 1] = 1e9 + np.round(x[:, 1] * 100)  # single precision cannot tell neighbours apart
    x[:, 2] = np.round(x[:, 2], 1)
    x[:, 3] *= 1e-20
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(6)])
    frame[rng.random(frame.shape) < 0.05] = np.nan
    frame["level"] = np.array(["a", "b<c", "d [e]"])[(kind + rng.integers(0, 2, n)) % 3]
    frame["kind"] = np.char.add("k", kind.astype(str))
    frame["good"] = np.where(rng.random(n) < 0.2 + kind / 8, "true", "false")
    frame.insert(0, "id", [f"c{i}" for i in range(n)])
    return frame


def explain_alike(say, root, stage, features, booster, rows):
    """Returns the largest difference of `predict --explain` from XGBoost's `approx_contribs`, by column."""
    say("predict", "data/raw/customers.csv", "--stage", stage, "--explain=99", "-o", "why.parquet", "-q")
    why = pd.read_parquet(f"{root}/why.parquet").iloc[:500]
    rows = rows.iloc[:500]
    assert list(why["id"]) == list(rows["id"])
    theirs = booster.predict(xgb.DMatrix(rows[booster.feature_names]), pred_contribs=True, approx_contribs=True)
    columns = [feature["column"] for feature in features]
    n_reasons = sum(name.startswith("reason_") for name in why)
    assert n_reasons == len(set(columns))
    worst = 0.0
    for i, segment in enumerate(why["segment"]):
        of_class = theirs[i, segment] if theirs.ndim == 3 else theirs[i] * (1 if segment else -1)
        sums = dict.fromkeys(columns, 0.0)
        for column, value in zip(columns, of_class):
            sums[column] += value
        for n in range(1, n_reasons + 1):
            worst = max(worst, abs(sums[why[f"reason_{n}"].iloc[i]] - why[f"weight_{n}"].iloc[i]))
    return worst


def main(program):
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(f"{root}/pipelines")
        os.makedirs(f"{root}/data/raw")
        with open(f"{root}/pipelines/parity.yaml", "w") as file:
            file.write(PIPELINE)
        customers().to_csv(f"{root}/data/raw/customers.csv", index=False)

        def say(*args):
            out = subprocess.run([program, "-C", root, *args], check=True, capture_output=True, text=True)
            return json.loads(out.stdout) if "--json" in args else out.stdout

        say("run", "-q")
        for stage in ["several", "two"]:
            model, features = f"{root}/{stage}.json", f"{root}/{stage}.parquet"
            told = say("export", "latest", "--format", "xgboost", "--stage", stage, "-o", model,
                       "--features", features, "--json")
            path = say("path", f"{stage}.predictions").strip()
            ours = pd.read_parquet(path if os.path.isabs(path) else f"{root}/{path}")
            rows = pd.read_parquet(features).set_index("id").loc[ours["id"]]
            booster = xgb.Booster(model_file=model)
            assert booster.feature_names == list(rows.columns), (booster.feature_names, list(rows.columns))
            theirs = booster.predict(xgb.DMatrix(rows))
            if theirs.ndim == 1:
                theirs = np.column_stack([1 - theirs, theirs])
            own = ours[[f"p_{i}" for i in range(theirs.shape[1])]].to_numpy()
            worst = np.abs(own - theirs).max()
            same = (own.argmax(1) == theirs.argmax(1)).mean()
            gains = booster.get_score(importance_type="gain")
            shap = booster.predict(xgb.DMatrix(rows.iloc[:50]), pred_contribs=True)
            margin = booster.predict(xgb.DMatrix(rows.iloc[:50]), output_margin=True)
            told_apart = np.abs(shap.sum(-1) - margin).max()
            print(f"{stage}: {len(rows)} rows, {len(told['features'])} features, largest difference {worst:.2e}, "
                  f"same label {same:.4%}, {len(gains)} features with gain, contributions off by {told_apart:.1e}")
            explained = explain_alike(say, root, stage, told["features"], booster, pd.read_parquet(features))
            print(f"{stage}: `predict --explain` is off approx_contribs by {explained:.1e}")
            assert explained < 1e-4
            assert worst <= 1e-6 and same == 1.0 and np.isfinite(shap).all() and told_apart < 1e-3


if __name__ == "__main__":
    main(sys.argv[1])
