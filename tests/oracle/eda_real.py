"""Figures of columns and pairs of public datasets, as pandas and scipy have them.

Made eda_real.json with Python 3.11 or later, numpy 2.4.6, pandas 3.1.1, scipy 1.17.1.
Usage: eda_real.py FOLDER > eda_real.json
"""
import itertools
import json
import os
import sys

import numpy as np
import pandas as pd
from scipy import stats

QUANTILES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
FILES = {
    "Mall_Customers.csv": {},
    "CC GENERAL.csv": {},
    "marketing_campaign.csv": dict(sep="\t"),
    "Telco-Customer-Churn.csv": {},
}


def none(value):
    return None if pd.isna(value) else float(value)


def describe(s):
    q1, q3 = s.quantile(0.25), s.quantile(0.75)
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    known = s.dropna()
    mad = stats.median_abs_deviation(known)
    far = 0.6745 * (known - known.median()).abs() / mad > 3.5 if mad > 0 else known != known
    return {"count": int(s.count()), "missing": int(s.isna().sum()), "distinct": int(s.nunique()),
            "mean": none(s.mean()), "std": none(s.std()), "min": none(s.min()), "max": none(s.max()),
            "quantiles": [none(s.quantile(q)) for q in QUANTILES],
            "skewness": none(s.skew()), "kurtosis": none(s.kurt()), "mad": none(mad),
            "zeros": int((s == 0).sum()), "negatives": int((s < 0).sum()),
            "outliers_iqr": int(((s < low) | (s > high)).sum()), "outliers_mad": int(far.sum())}


def pairs(frame, numeric, text):
    out = []
    for i, left in enumerate(numeric):
        for right in numeric[i + 1:]:
            for method in ["pearson", "spearman"]:
                out.append([left, right, method, none(frame[left].corr(frame[right], method=method))])
    for i, left in enumerate(text):
        for right in text[i + 1:]:
            both = frame[[left, right]].dropna()
            observed = pd.crosstab(both[left], both[right])
            if min(observed.shape) > 1:
                out.append([left, right, "cramers_v", stats.contingency.association(observed, method="cramer")])
    for left, right in itertools.product(numeric, text):
        both = frame[[left, right]].dropna()
        tenths = np.searchsorted(np.unique(np.quantile(frame[left].dropna(), np.arange(1, 10) / 10)), both[left])
        observed = pd.crosstab(tenths, both[right])
        names = [left, right] if list(frame).index(left) < list(frame).index(right) else [right, left]
        if min(observed.shape) > 1:
            out.append([*names, "cramers_v", stats.contingency.association(observed, method="cramer")])
    return out


result = {}
for name, options in FILES.items():
    path = os.path.join(sys.argv[1], name)
    frame = pd.read_csv(path, keep_default_na=False, na_values=["", " "], **options)
    numeric = [c for c in frame.select_dtypes("number")]
    levels = {c: frame[c].nunique() for c in frame.select_dtypes(exclude="number")}
    text = [c for c, n in levels.items() if 1 < n <= 100 and "Dt" not in c]
    duplicated = int(frame.duplicated().sum())
    result[name] = {"sep": options.get("sep", ","), "rows": len(frame), "duplicates": duplicated,
                    "columns": {c: describe(frame[c].astype(float)) for c in numeric},
                    "correlations": pairs(frame, numeric, text)}
print(json.dumps(result, separators=(",", ":")))
