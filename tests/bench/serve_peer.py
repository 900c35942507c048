"""The peer of `orchestrate serve`: FastAPI around the model of predict_peer.py, as an engineer writes it who wants it quick.

The fitted pipeline is taken apart once: medians, means, scales and levels are read out of it, a request fills one row of
numpy, and the booster is asked directly on one thread. `MODEL=model.joblib uvicorn serve_peer:app`; run as a program it
checks that its answers are those of the pipeline: `serve_peer.py CUSTOMERS`.
"""

import math
import os
import sys
from datetime import date

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel
from reference_peer import LEVELS, LOGS

app = FastAPI()
pipeline = joblib.load(os.environ["MODEL"])
prepare, classifier = (step for _, step in pipeline.steps)
classifier.set_params(n_jobs=1)
booster = classifier.get_booster()
booster.set_param({"nthread": 1})
NAMES = list(prepare.transformers_[0][2])
imputer, scaler = (step for _, step in prepare.named_transformers_["numbers"].steps)
FILL, MEAN, SCALE = imputer.statistics_, scaler.mean_, scaler.scale_
KNOWN = prepare.named_transformers_["levels"].steps[1][1].categories_
PLACES, width = [], len(NAMES)
for levels in KNOWN:
    PLACES.append({level: width + i for i, level in enumerate(levels)})
    width += len(levels)
TODAY = date(2026, 1, 1)


class Customer(BaseModel):
    customer_id: str
    age: float | None = None
    gender: str | None = None
    country: str | None = None
    signup_date: date
    channel: str | None = None
    plan: str | None = None
    income: float | None = None
    recency_days: float
    frequency: float
    monetary: float | None = None
    returns_rate: float | None = None
    sessions_30d: float | None = None
    email_open_rate: float | None = None
    support_tickets: float | None = None
    discount_share: float | None = None
    nps: float | None = None


def number(name, customer, tenure):
    if name == "recency_ratio":
        return customer.recency_days / max(tenure, 1)
    if name == "orders_per_year":
        return math.log1p(customer.frequency / max(tenure, 30) * 365.25)
    if name == "signup_month":
        return float(customer.signup_date.month)
    if name == "log_tenure":
        return math.log1p(tenure)
    value = getattr(customer, LOGS.get(name, name))
    if value is None:
        return math.nan
    return math.log1p(value) if name in LOGS else value


def features(customers):
    x = np.zeros((len(customers), width))
    for row, customer in zip(x, customers):
        tenure = float((TODAY - customer.signup_date).days)
        row[: len(NAMES)] = [number(name, customer, tenure) for name in NAMES]
        for places, name in zip(PLACES, LEVELS):
            place = places.get(getattr(customer, name))
            if place is not None:
                row[place] = 1.0
    numbers = x[:, : len(NAMES)]
    x[:, : len(NAMES)] = (np.where(np.isnan(numbers), FILL, numbers) - MEAN) / SCALE
    return x


def answer(customers):
    p = booster.inplace_predict(features(customers))
    return [{"customer_id": c.customer_id, "segment": int(row.argmax()), "p": row.tolist()} for c, row in zip(customers, p)]


@app.get("/health")
def health():
    return {"ok": True}


@app.post("/predict")
async def predict(customer: Customer):
    return answer([customer])[0]


@app.post("/predict_many")
async def predict_many(customers: list[Customer]):
    return answer(customers)


if __name__ == "__main__":
    import reference_peer

    table = reference_peer.read(sys.argv[1]).head(200)
    whole = pipeline.predict_proba(reference_peer.features(table))
    rows = table.assign(signup_date=table["signup_date"].dt.date).astype(object)
    customers = [Customer(**{k: v for k, v in row.items() if v == v}) for row in rows.to_dict("records")]
    alone = booster.inplace_predict(features(customers))
    assert np.abs(whole - alone).max() < 1e-5, np.abs(whole - alone).max()
    print("equal on 200 rows")
