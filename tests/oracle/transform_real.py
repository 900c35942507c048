"""Reference figures for transform.fit on real data, made once with scikit-learn 1.9.1.

Usage: transform_real.py FOLDER_OF_DATASETS. Writes transform_real.json beside itself.
"""

import json
import pathlib
import sys

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler

folder = pathlib.Path(sys.argv[1])
cards = pd.read_csv(folder / "CC GENERAL.csv").drop(columns="CUST_ID")
power = make_pipeline(
    SimpleImputer(strategy="median"), PowerTransformer(standardize=False), StandardScaler()
)
x = power.fit_transform(cards)
pca = PCA(0.95, svd_solver="full").fit(x)
scores = pca.transform(x)

bank = pd.read_csv(folder / "bank-full.csv", sep=";").drop(columns="y")
text = list(bank.columns[bank.dtypes != np.int64])
numbers = [c for c in bank.columns if c not in text]
prepare = ColumnTransformer([
    ("n", StandardScaler(), numbers),
    ("t", OneHotEncoder(sparse_output=False, min_frequency=0.05), text),
])
y = prepare.fit_transform(bank)
out = {
    "cards": {
        "lambdas": dict(zip(cards.columns, power[1].lambdas_.tolist())),
        "variance_ratio": pca.explained_variance_ratio_.tolist(),
        "first_row": scores[0].tolist(),
        "last_row": scores[-1].tolist(),
    },
    "bank": {
        "n_features": y.shape[1],
        "means": y.mean(axis=0).tolist(),
        "last_row": y[-1].tolist(),
    },
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, indent=1) + "\n")
