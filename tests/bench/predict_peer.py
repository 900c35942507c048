"""What predict.yaml does, with pandas, scikit-learn and XGBoost.

`predict_peer.py train CUSTOMERS LABELS MODEL` fits the pipeline on the segments that ours found, `predict_peer.py predict
MODEL NEW OUT` answers new customers: one process that reads CSV, makes the features, asks the model, writes Parquet.
"""

import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import joblib
import numpy as np
import pandas as pd
from reference_peer import classifiers, features, preparation, read
from sklearn.pipeline import Pipeline


def train(customers, labels, model):
    table, labels = read(customers), pd.read_parquet(labels)
    segments = table[["customer_id"]].merge(labels, on="customer_id")["segment"].to_numpy()
    frame = features(table)
    boosted = dict(classifiers())["xgboost"]
    joblib.dump(Pipeline([("prepare", preparation(frame)), ("boost", boosted)]).fit(frame, segments), model)


def predict(model, new, out):
    pipeline = joblib.load(model)
    table = read(new)
    p = pipeline.predict_proba(features(table))
    columns = {"customer_id": table["customer_id"], "segment": p.argmax(axis=1).astype(np.int32)}
    pd.DataFrame(columns | {f"p_{k}": p[:, k] for k in range(p.shape[1])}).to_parquet(out, index=False)


if __name__ == "__main__":
    {"train": train, "predict": predict}[sys.argv[1]](*sys.argv[2:])
