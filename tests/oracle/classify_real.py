"""Makes tests/oracle/classify_real.json: cross-validated figures of scikit-learn and XGBoost on public tables.

Made with Python 3.11, numpy 2.4.6, pandas 3, scikit-learn 1.9.1, xgboost 3.2.0. Run: python classify_real.py FOLDER
"""

import json
import pathlib
import sys

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

folder = pathlib.Path(sys.argv[1])


def tables():
    telco = pd.read_csv(folder / "Telco-Customer-Churn.csv", na_values=" ").drop(columns="customerID")
    yield "Telco-Customer-Churn.csv", telco, "Churn"
    bank = pd.read_csv(folder / "BankChurners.csv").iloc[:, :-2].drop(columns="CLIENTNUM")
    yield "BankChurners.csv", bank, "Attrition_Flag"
    shipping = pd.read_csv(folder / "Shipping.csv", encoding="utf-8-sig").drop(columns="ID")
    yield "Shipping.csv", shipping, shipping.columns[-1]


out = {}
for file, table, target in tables():
    y = table.pop(target).astype("category").cat.codes
    numbers, texts = make_column_selector(dtype_include="number"), make_column_selector(dtype_exclude="number")
    for name, model in {
        "logistic": LogisticRegression(),
        "forest": RandomForestClassifier(100, random_state=0, n_jobs=1),
        "xgboost": XGBClassifier(tree_method="hist", n_jobs=1),
    }.items():
        numeric = [SimpleImputer(strategy="median"), StandardScaler()][: 2 if name == "logistic" else 1]
        prepare = make_column_transformer(
            (make_pipeline(*numeric), numbers), (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts)
        )
        # Figures of one shuffle are lucky or not by up to a point; the mean of three is steadier.
        folds = [
            part for seed in range(3) for part in StratifiedKFold(5, shuffle=True, random_state=seed).split(table, y)
        ]
        scoring = {"accuracy": "accuracy", "macro_f1": "f1_macro", "roc_auc_ovr": "roc_auc", "log_loss": "neg_log_loss"}
        found = cross_validate(make_pipeline(prepare, model), table, y, cv=folds, scoring=scoring)
        figures = {m: round(float(abs(found[f"test_{m}"].mean())), 5) for m in scoring}
        out.setdefault(file, {})[name] = figures
        print(file, name, figures, flush=True)
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=1) + "\n")
