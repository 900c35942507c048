"""Reference results for transform.fit, made once with scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6.

Writes transform.json beside itself: a small mixed table and, for each way of preparing it, what was asked
for and the matrix that a scikit-learn pipeline gives.
"""

import json
import pathlib

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, PowerTransformer, RobustScaler,
    StandardScaler,
)

N = 80
rng = np.random.default_rng(20261103)
group = rng.integers(0, 3, N)
frame = pd.DataFrame({
    "age": np.round(rng.normal(40, 12, N)),
    "income": np.round(np.exp(rng.normal(10, 1, N)), 2),
    "change": np.round(rng.standard_t(2, N) * 5 - 2 * group, 3),
    "visits": rng.poisson(2 + 3 * group).astype(float),
    "flat": np.full(N, 0.1),
    "country": rng.choice(["DE", "AT", "CH", "FR", "IT"], N, p=[0.5, 0.3, 0.1, 0.06, 0.04]),
    "size": rng.choice(["S", "M", "L"], N),
})
for name, share in [("age", 0.1), ("income", 0.05), ("visits", 0.2), ("country", 0.1)]:
    frame.loc[rng.random(N) < share, name] = np.nan
frame = frame.astype({"country": object, "size": object}).where(frame.notna(), np.nan)
NUMERIC = ["age", "income", "change", "visits", "flat"]
POSITIVE = ["age", "income", "visits"]
TEXT = ["country", "size"]


class Clip(FunctionTransformer):
    """Learns quantiles of its columns and clips at them."""

    def __init__(self, low=0.01, high=0.99):
        super().__init__(validate=False)
        self.low, self.high = low, high

    def fit(self, X, y=None):
        self.limits_ = np.nanquantile(np.asarray(X, float), [self.low, self.high], axis=0)
        return self

    def transform(self, X):
        return np.clip(np.asarray(X, float), *self.limits_)


def power():
    return PowerTransformer(standardize=False)


def log1p():
    return FunctionTransformer(np.log1p)


def columns(numeric, text, numeric_names=NUMERIC, text_names=TEXT):
    return ColumnTransformer(
        [("n", numeric, numeric_names), ("t", text, text_names)], sparse_threshold=0
    )


onehot = lambda **k: OneHotEncoder(sparse_output=False, **k)
mode = lambda: SimpleImputer(strategy="most_frequent")
CASES = {
    "example": (
        {
            "numeric": {"impute": "median", "clip": [0.01, 0.99], "power": "yeo-johnson",
                        "scale": "standard"},
            "categorical": {"impute": "most_frequent", "encode": "onehot", "min_frequency": 0.1},
        },
        columns(
            make_pipeline(SimpleImputer(strategy="median"), Clip(), power(), StandardScaler()),
            make_pipeline(mode(), onehot(min_frequency=0.1)),
        ),
    ),
    "pca by variance": (
        {
            "numeric": {"impute": "median", "scale": "standard"},
            "categorical": {"min_frequency": 8},
            "reduce": {"pca": {"variance": 0.9}},
        },
        make_pipeline(
            columns(
                make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
                make_pipeline(mode(), onehot(min_frequency=8)),
            ),
            PCA(0.9, svd_solver="full"),
        ),
    ),
    "pca, whitened": (
        {
            "columns": POSITIVE,
            "numeric": {"power": "log1p", "scale": "none"},
            "reduce": {"pca": {"components": 2, "whiten": True}},
        },
        make_pipeline(
            ColumnTransformer([("n", make_pipeline(SimpleImputer(), log1p()), POSITIVE)]),
            PCA(2, whiten=True, svd_solver="full"),
        ),
    ),
    "minmax and ordinal": (
        {
            "numeric": {"impute": "most_frequent", "scale": "minmax"},
            "categorical": {"impute": "constant", "fill_value": "none of these", "encode": "ordinal"},
        },
        columns(
            make_pipeline(mode(), MinMaxScaler()),
            make_pipeline(
                SimpleImputer(strategy="constant", fill_value="none of these"), OrdinalEncoder()
            ),
        ),
    ),
    "robust, missing as a level": (
        {
            "numeric": {"impute": "constant", "fill_value": -1, "scale": "robust"},
            "categorical": {"impute": "none"},
        },
        columns(
            make_pipeline(
                SimpleImputer(strategy="constant", fill_value=-1), RobustScaler()
            ),
            onehot(),
        ),
    ),
    "nothing imputed": (
        {"columns": NUMERIC, "numeric": {"impute": "none", "power": "yeo-johnson"}},
        ColumnTransformer([("n", make_pipeline(power(), StandardScaler()), NUMERIC)]),
    ),
}


def values(array):
    return [[None if np.isnan(v) else v for v in row] for row in np.asarray(array, float).tolist()]


lambdas = {
    "exponential": rng.exponential(3, 200),
    "lognormal": np.exp(rng.normal(8, 2, 200)),
    "normal": rng.normal(-5, 2, 200),
    "left skewed": -rng.exponential(1, 200) ** 2,
    "both signs": rng.standard_t(1.5, 200),
    "counts": rng.poisson(0.7, 200).astype(float),
    "large": 1e9 + rng.exponential(1e6, 200),
    "tiny": rng.exponential(1e-6, 200),
    "two values": np.repeat([1.0, 50.0], [150, 50]),
}
power_transformer = lambda x: float(power().fit(np.round(x, 12)[:, None]).lambdas_[0])
out = {
    "table": {c: [None if pd.isna(v) else v for v in frame[c]] for c in frame.columns},
    "cases": {
        name: {"with": params, "matrix": values(model.fit_transform(frame))}
        for name, (params, model) in CASES.items()
    },
    "lambdas": {
        name: {"values": np.round(x, 12).tolist(), "lambda": power_transformer(x)}
        for name, x in lambdas.items()
    },
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
print(path, path.stat().st_size)
