#!/usr/bin/env python3
"""Makes eda.json: a small table and what pandas, numpy and scipy say of it, in all and by segment.

Made with Python 3.11, numpy 2.4.6, pandas 3.1.1, scipy 1.17.1.
Usage: python eda.py > eda.json
"""
import itertools
import json

import numpy as np
import pandas as pd
from scipy import stats

QUANTILES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]


def none(value):
    return None if pd.isna(value) else float(value)


def table(n=257):
    rng = np.random.default_rng(20261123)
    normal = rng.normal(50, 12, n)
    spend = np.exp(rng.normal(3, 1.1, n)) * (normal / 50)
    visits = rng.negative_binomial(3, 0.25, n).astype(float)
    tiny = rng.normal(0, 1e-7, n) + 1e-3
    plan = rng.choice(["free", "basic", "plus"], n, p=[0.6, 0.3, 0.1])
    channel = np.where(rng.random(n) < 0.7, np.where(plan == "free", "web", "app"),
                       rng.choice(["web", "app", "store"], n)).astype(object)
    frame = pd.DataFrame({"normal": normal.round(4), "spend": spend.round(2), "visits": visits, "tiny": tiny,
                          "plan": plan.astype(object), "channel": channel, "active": rng.random(n) < 0.4})
    frame.loc[rng.random(n) < 0.1, "normal"] = np.nan
    frame.loc[rng.random(n) < 0.2, "visits"] = np.nan
    frame.loc[rng.random(n) < 0.15, "channel"] = None
    return frame


def describe(s):
    q1, q3 = s.quantile(0.25), s.quantile(0.75)
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    top = s.value_counts().reset_index()
    top.columns = ["value", "count"]
    top = top.sort_values(["count", "value"], ascending=[False, True]).iloc[0]
    known = s.dropna()
    mad = stats.median_abs_deviation(known)
    far = 0.6745 * (known - known.median()).abs() / mad > 3.5
    return {"count": int(s.count()), "missing": int(s.isna().sum()), "distinct": int(s.nunique()),
            "mean": none(s.mean()), "std": none(s.std()), "min": none(s.min()), "max": none(s.max()),
            "quantiles": [none(s.quantile(q)) for q in QUANTILES],
            "skewness": none(s.skew()), "kurtosis": none(s.kurt()),
            "zeros": int((s == 0).sum()), "negatives": int((s < 0).sum()),
            "outliers_iqr": int(((s < low) | (s > high)).sum()), "top_count": int(top["count"]),
            "mad": none(mad), "outliers_mad": int(far.sum())}


def histogram(s, bins):
    counts, edges = np.histogram(s.dropna(), bins=bins)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def pairs(frame):
    out = []
    numeric = ["normal", "spend", "visits", "tiny", "active"]
    for i, left in enumerate(numeric):
        for right in numeric[i + 1:]:
            a, b = frame[left].astype(float), frame[right].astype(float)
            for method in ["pearson", "spearman"]:
                out.append([left, right, method, none(a.corr(b, method=method))])
    text = ["plan", "channel", "active"]
    for i, left in enumerate(text):
        for right in text[i + 1:]:
            both = frame[[left, right]].dropna()
            observed = pd.crosstab(both[left], both[right])
            out.append([left, right, "cramers_v", stats.contingency.association(observed, method="cramer")])
    for left, right in itertools.product(["normal", "spend", "visits", "tiny"], text):
        both = frame[[left, right]].dropna()
        tenths = np.searchsorted(np.unique(np.quantile(frame[left].dropna(), np.arange(1, 10) / 10)), both[left])
        observed = pd.crosstab(tenths, both[right])
        names = [left, right] if list(frame).index(left) < list(frame).index(right) else [right, left]
        out.append([*names, "cramers_v", stats.contingency.association(observed, method="cramer")])
    return out


def segments(frame):
    """Every column in every segment: [segment, column, level, figures...], as the `profile` artifact has them."""
    labels = np.random.default_rng(7).choice([0, 1, 2, -1], len(frame), p=[0.5, 0.3, 0.15, 0.05])
    rows = []
    for segment in sorted(set(labels.tolist())):
        part = frame[labels == segment]
        for name in ["normal", "spend", "visits", "tiny"]:
            own, every = part[name], frame[name]
            rows.append([segment, name, None, int(own.count()),
                         [none(own.mean()), none(own.median()), none(own.std()),
                          none((own.mean() - every.mean()) / every.std()), none(own.mean() / every.mean() - 1)]])
        for name in ["plan", "channel"]:
            own, every = part[name].value_counts(), frame[name].value_counts(normalize=True)
            for level in every.index:
                count = int(own.get(level, 0))
                share = count / own.sum()
                rows.append([segment, name, level, count, [share, share / every[level]]])
    return {"labels": labels.tolist(), "profile": rows}


def main():
    frame = table()
    columns = {}
    for name in frame:
        columns[name] = [None if pd.isna(v) else v for v in frame[name].tolist()]
    numeric = ["normal", "spend", "visits", "tiny"]
    result = {"table": columns,
              "columns": {name: describe(frame[name]) for name in numeric},
              "histograms": {name: histogram(frame[name], 30) for name in ["normal", "spend", "tiny"]},
              "correlations": pairs(frame),
              "segments": segments(frame)}
    print(json.dumps(result, separators=(",", ":")))


main()
