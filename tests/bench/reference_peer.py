"""What reference.yaml does, with pandas, scikit-learn and XGBoost in one process: `reference_peer.py CUSTOMERS NEW OUT`.

Numbers of clusters, starts, limits and classifiers are those of the pipeline file. Where scikit-learn leaves a choice, the
quicker one is taken: brute force for DBSCAN in 14 dimensions, one Ward tree of a sample for every number of clusters (the
rest goes to the nearest centre), one sample of 10,000 rows for every silhouette. Prints seconds a step as JSON.
"""

import json
import os
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (accuracy_score, davies_bouldin_score, f1_score, log_loss, pairwise_distances_argmin,
                             silhouette_score)
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

SEED, KS = 42, range(2, 11)
WARD_ROWS, DBSCAN_ROWS, SILHOUETTE_ROWS = 5_000, 20_000, 10_000
LEVELS = ["gender", "country", "channel", "plan"]
LOGS = {"log_income": "income", "log_tenure": "tenure_days", "log_recency": "recency_days", "log_frequency": "frequency",
        "log_monetary": "monetary", "log_sessions": "sessions_30d", "log_tickets": "support_tickets"}
KEPT = ["age", "returns_rate", "email_open_rate", "discount_share", "nps"]


def read(path):
    return pd.read_csv(path, parse_dates=["signup_date"])


def profile(table):
    """The figures of an exploratory report."""
    numbers = table.select_dtypes("number")
    return {
        "describe": numbers.describe(percentiles=[.01, .05, .25, .5, .75, .95, .99]),
        "shape": numbers.agg(["skew", "kurt"]),
        "pearson": numbers.corr(), "spearman": numbers.corr(method="spearman"),
        "histograms": {c: np.histogram(numbers[c].dropna(), bins=50) for c in numbers},
        "levels": {c: table[c].value_counts() for c in table.columns.difference(numbers.columns)},
        "missing": table.isna().sum(), "distinct": table.nunique(), "duplicates": table.duplicated().sum(),
    }


def features(table):
    tenure = (pd.Timestamp("2026-01-01") - table["signup_date"]).dt.days.astype(float)
    table = table.assign(tenure_days=tenure)
    out = table[KEPT + LEVELS].copy()
    for name, column in LOGS.items():
        out[name] = np.log1p(table[column].astype(float))
    out["recency_ratio"] = table["recency_days"] / tenure.clip(lower=1)
    out["orders_per_year"] = np.log1p(table["frequency"] / tenure.clip(lower=30) * 365.25)
    out["signup_month"] = table["signup_date"].dt.month.astype(float)
    return out


def preparation(frame):
    numbers = [c for c in frame.columns if c not in LEVELS]
    return ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ("levels", make_pipeline(SimpleImputer(strategy="most_frequent"),
                                 OneHotEncoder(handle_unknown="ignore", sparse_output=False)), LEVELS),
    ])


def kmeans(x, _):
    for k in KS:
        yield f"kmeans/k={k}", KMeans(k, n_init=10, random_state=SEED).fit(x).labels_


def mixtures(x, _):
    for k in KS:
        yield f"gmm/k={k}", GaussianMixture(k, max_iter=200, random_state=SEED).fit(x).predict(x)


def ward(x, rng):
    sample = x[rng.choice(len(x), min(len(x), WARD_ROWS), replace=False)]
    tree = linkage(sample, "ward")
    for k in KS:
        cut = fcluster(tree, k, "maxclust")
        centres = np.vstack([sample[cut == i].mean(axis=0) for i in np.unique(cut)])
        yield f"hierarchical/k={k}", pairwise_distances_argmin(x, centres)


def dbscan(x, rng):
    sample = x[rng.choice(len(x), min(len(x), DBSCAN_ROWS), replace=False)]
    some = sample[: 5_000]
    near = NearestNeighbors(n_neighbors=30, algorithm="brute", n_jobs=-1).fit(sample)
    eps = float(np.median(near.kneighbors(some)[0][:, -1]))
    model = DBSCAN(eps=eps, min_samples=30, algorithm="brute", n_jobs=-1).fit(sample)
    cores = NearestNeighbors(n_neighbors=1, algorithm="brute", n_jobs=-1).fit(model.components_)
    distance, nearest = cores.kneighbors(x)
    labels = model.labels_[model.core_sample_indices_][nearest[:, 0]]
    yield "dbscan", np.where(distance[:, 0] <= eps, labels, -1)


def judge(x, labels):
    inside = labels >= 0
    segments, sizes = np.unique(labels[inside], return_counts=True)
    if len(segments) < 2:
        return {"silhouette": None}
    x, labels = x[inside], labels[inside]
    return {
        "silhouette": silhouette_score(x, labels, sample_size=min(SILHOUETTE_ROWS, len(x)), random_state=SEED),
        "davies_bouldin": davies_bouldin_score(x, labels),
        "min_share": sizes.min() / len(inside), "noise": 1 - inside.mean(),
    }


def classifiers():
    yield "forest", RandomForestClassifier(200, n_jobs=-1, random_state=SEED)
    yield "xgboost", XGBClassifier(n_estimators=200, max_depth=6, learning_rate=0.1, n_jobs=-1, random_state=SEED)
    yield "logistic", LogisticRegression(max_iter=500)


def main(customers, new, out):
    seconds, started = {}, time.perf_counter()

    def lap(name):
        nonlocal started
        seconds[name], started = round(time.perf_counter() - started, 3), time.perf_counter()

    table = read(customers)
    assert table["customer_id"].is_unique
    table.to_parquet(f"{out}/customers.parquet")
    lap("ingest")
    profile(table)
    lap("profile")
    frame = features(table)
    x = np.ascontiguousarray(make_pipeline(preparation(frame), PCA(0.9, svd_solver="full")).fit_transform(frame))
    lap("prepare")
    rng, candidates = np.random.default_rng(SEED), {}
    for algorithm in (kmeans, mixtures, ward, dbscan):
        candidates.update((name, labels.astype("int32")) for name, labels in algorithm(x, rng))
        lap(algorithm.__name__)
    judged = {name: judge(x, labels) for name, labels in candidates.items()}
    lap("judge")
    fit = {n: j for n, j in judged.items()
           if j["silhouette"] is not None and j["min_share"] >= 0.01 and j["noise"] <= 0.1}
    best = max(fit, key=lambda n: fit[n]["silhouette"])
    pd.DataFrame({"customer_id": table["customer_id"], **candidates}).to_parquet(f"{out}/labels.parquet")
    inside = candidates[best] >= 0
    y = pd.factorize(candidates[best][inside], sort=True)[0]
    parts = train_test_split(frame[inside], y, test_size=0.2, stratify=y, random_state=SEED)
    lap("best")
    models, scores = {}, {}
    for name, classifier in classifiers():
        models[name] = make_pipeline(preparation(frame), classifier).fit(parts[0], parts[2])
        p = models[name].predict_proba(parts[1])
        scores[name] = {"accuracy": accuracy_score(parts[3], p.argmax(axis=1)),
                        "macro_f1": f1_score(parts[3], p.argmax(axis=1), average="macro"),
                        "log_loss": log_loss(parts[3], p)}
        lap(name)
    champion = max(scores, key=lambda n: scores[n]["macro_f1"])
    fresh = read(new)
    p = models[champion].predict_proba(features(fresh))
    pd.DataFrame({"customer_id": fresh["customer_id"], "segment": p.argmax(axis=1), "p": p.max(axis=1)}).to_parquet(
        f"{out}/predictions.parquet")
    lap("predict")
    print(json.dumps({"seconds": seconds, "best": best, "silhouette": judged[best]["silhouette"], "champion": champion,
                      "scores": scores}))


if __name__ == "__main__":
    main(*sys.argv[1:])
