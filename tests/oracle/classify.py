"""Makes tests/oracle/classify.json: what scikit-learn and XGBoost answer on small data.

Made with Python 3.11, numpy 2.4.6, scikit-learn 1.9.1, xgboost 3.2.0. Run: python classify.py
The features of the boosting cases are small integers, so that every distinct value is a bin of its
own and float32 loses nothing; the forest's are continuous, so that no two splits tie.
"""

import json
import pathlib

import numpy as np
import xgboost as xgb
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    roc_auc_score,
)
from sklearn.tree import DecisionTreeClassifier


def tidy(a, digits=12):
    a = np.asarray(a, dtype=float)
    return [
        tidy(row, digits) if np.ndim(row) else (None if np.isnan(row) else round(float(row), digits))
        for row in a
    ]


def boosting(rng):
    n = 150
    x = rng.integers(0, 7, (n, 4)).astype(float)
    score = x[:, 0] + x[:, 1] * (x[:, 2] > 3) + rng.normal(0, 1, n)
    y3 = np.digitize(score, np.quantile(score, [0.5, 0.8]))
    y2 = (y3 > 0).astype(int)
    gaps = x.copy()
    gaps[rng.random((n, 4)) < 0.15] = np.nan
    cases = []
    strict = {"max_depth": 3, "reg_lambda": 2.5, "reg_alpha": 0.3, "gamma": 0.2, "min_child_weight": 3, "learning_rate": 0.1}
    for name, data, y, params in [
        ("three classes", x, y3, {}),
        ("two classes", x, y2, {}),
        ("missing values", gaps, y3, {}),
        ("missing values, two classes, every penalty", gaps, y2, strict),
        ("three classes, every penalty", x, y3, strict),
    ]:
        model = xgb.XGBClassifier(n_estimators=8, tree_method="hist", n_jobs=1, **params).fit(data, y)
        cases.append({
            "name": name, "x": tidy(data), "y": y.tolist(), "params": params,
            "probabilities": tidy(model.predict_proba(data), 8),
        })
    return cases


def logistic(rng):
    n = 90
    x = rng.normal(0, 1, (n, 3)).round(3)
    score = x @ np.array([1.0, -2.0, 0.5]) + rng.normal(0, 1, n)
    y3 = np.digitize(score, np.quantile(score, [0.3, 0.8]))
    cases = []
    for name, y, c, weight in [
        ("three classes", y3, 1.0, None),
        ("two classes", (y3 > 1).astype(int), 1.0, None),
        ("three classes, balanced, strong penalty", y3, 0.05, "balanced"),
        ("two classes, balanced", (y3 > 1).astype(int), 10.0, "balanced"),
    ]:
        model = LogisticRegression(C=c, class_weight=weight, tol=1e-11, max_iter=10000).fit(x, y)
        cases.append({
            "name": name, "x": tidy(x), "y": y.tolist(), "c": c, "balanced": weight is not None,
            "coefficients": tidy(model.coef_), "intercepts": tidy(model.intercept_),
            "probabilities": tidy(model.predict_proba(x)),
        })
    return cases


def trees(seed):
    """Looks for data on which no tie decides: then every seed of scikit-learn gives one tree."""
    cases = []
    for name, with_gaps, params in [
        ("shallow", False, {"max_depth": 4}),
        ("leaves of five, balanced", False, {"min_samples_leaf": 5, "class_weight": "balanced"}),
        ("splits of forty", False, {"min_samples_split": 40}),
        ("missing values", True, {"max_depth": 4}),
        ("missing values, leaves of eight", True, {"min_samples_leaf": 8}),
    ]:
        while True:
            seed += 1
            rng = np.random.default_rng(seed)
            x = rng.normal(0, 1, (130, 4)).round(4)
            y = np.digitize(x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(0, 0.7, 130), [-0.8, 0.8])
            if with_gaps:
                x[rng.random(x.shape) < 0.15] = np.nan
            fitted = [DecisionTreeClassifier(random_state=s, **params).fit(x, y) for s in range(9)]
            every = [np.append(f.predict_proba(x).ravel(), f.feature_importances_) for f in fitted]
            if all(np.allclose(every[0], e) for e in every):
                break
        cases.append({
            "name": name, "x": tidy(x), "y": y.tolist(), "params": params,
            "probabilities": tidy(fitted[0].predict_proba(x)), "importances": tidy(fitted[0].feature_importances_),
        })
    return cases


def scores(rng):
    cases = []
    for k, labels in [(2, None), (3, None), (4, [0, 1, 2, 3])]:
        p = rng.dirichlet(np.ones(k), 60).round(2)
        p[:, -1] = 1 - p[:, :-1].sum(axis=1)
        p = np.clip(p, 0, 1)
        y = np.array([rng.choice(k, p=0.5 * row / row.sum() + 0.5 / k) for row in p])
        hard = p.argmax(axis=1)
        auc = roc_auc_score(y, p[:, 1]) if k == 2 else roc_auc_score(y, p, multi_class="ovr", labels=labels)
        cases.append({
            "p": tidy(p, 17), "y": y.tolist(),
            "accuracy": accuracy_score(y, hard), "macro_f1": f1_score(y, hard, average="macro"),
            "balanced_accuracy": balanced_accuracy_score(y, hard), "log_loss": log_loss(y, p, labels=range(k)),
            "roc_auc_ovr": auc, "confusion": confusion_matrix(y, hard, labels=range(k)).tolist(),
        })
    return cases


out = {
    "boosting": boosting(np.random.default_rng(1)),
    "logistic": logistic(np.random.default_rng(2)),
    "trees": trees(3),
    "scores": scores(np.random.default_rng(4)),
}
text = json.dumps(out, separators=(",", ":")).replace("],[", "],\n[")
pathlib.Path(__file__).with_suffix(".json").write_text(text + "\n")
