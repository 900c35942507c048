"""Asks exported models in the programs that they are for: `export.py ORCHESTRATE [ROWS]`.

onnxruntime, ONNX's reference implementation, mlflow and xgboost answer generated rows (100,000 if not told otherwise) in
which values lie exactly on the thresholds of trees, are missing, or are levels that no run has seen; so does a bundle. Every
answer is held against `orchestrate predict` on the same file: the same label, probabilities within 1e-6, and no answer where
predict has none. It does not know how the models are made.
"""

import csv
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TOLERANCE = 1e-6

# What expressions, preparations and calibrations can be exported, in one pipeline.
WIDE = """
pipeline: wide
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: customer_id } }
  features:
    uses: features.derive
    inputs: { table: customers }
    with:
      columns:
        kept: age
        avg_order: monetary / nullif(frequency, 0)
        odd_orders: frequency % 2
        pairs: frequency // 2
        since: date_diff('month', signup_date, date '2026-01-01')
        year: year(signup_date) + quarter(signup_date) / 4
        weekday: dayofweek(signup_date)
        of_year: dayofyear(signup_date) - day(signup_date) * month(signup_date)
        weeks: date_diff('week', signup_date, date '2026-01-01') + date_diff('year', signup_date, date '2026-01-01')
        late: signup_date > date '2023-06-30' or newsletter
        never: signup_date + 30 < date '2020-03-01' and not newsletter
        band: case when income is null then 'none' when income < 30000 then 'low' when income between 30000 and 60000 then 'mid' else 'high' end
        quiet: case channel when 'app' then 0 when 'web' then 1 end
        loud: country in ('DE', 'FR') or channel not in ('store', 'web')
        best: greatest(age, sessions_30d, nps)
        least_of: least(returns_rate, discount_share, email_open_rate)
        filled: coalesce(email_open_rate, discount_share, 0.5)
        rounded: round(monetary / 7, 1) + round(monetary) + trunc(income / 1000) + floor(age / 10.0) + ceil(nps / 3.0)
        curve: ln(1 + abs(income - 40000)) + sqrt(monetary) + exp(-recency_days / 100.0) + power(age, 1.5) + sin(age) + log10(income)
        whole: cast(income / 3 as integer) + try_cast(returns_rate * 10 as integer) + sign(nps - 5)
        like_a: channel like '_pp' or country like 'U%' or starts_with(plan, 'b') or contains(gender, 'al')
        joined: plan || '-' || channel
        equal: age is distinct from nps
        unread: lower(country)
      where: frequency > 0 and (age is null or age >= 18)
      drop: [signup_date, unread]
  prepare:
    uses: transform.fit
    inputs: { table: features }
    with:
      numeric: { impute: median, clip: [0.01, 0.99], power: yeo-johnson, scale: standard }
      categorical: { impute: most_frequent, encode: onehot, min_frequency: 0.01 }
      reduce: { pca: { variance: 0.95 } }
  kmeans: { uses: cluster.kmeans, inputs: { matrix: prepare.matrix }, with: { k: 5 } }
  platt: { uses: classify.logistic, inputs: { table: features, labels: kmeans.labels }, with: { calibrate: sigmoid } }
  steps:
    uses: classify.forest
    inputs: { table: features, labels: kmeans.labels }
    with: { trees: 40, calibrate: isotonic, min_samples_leaf: 5, numeric: { impute: none, indicator: true }, categorical: { impute: none, encode: ordinal, unknown: other, min_frequency: 0.2 } }
  scaled:
    uses: classify.xgboost
    inputs: { table: features, labels: kmeans.labels }
    with: { rounds: 30, numeric: { impute: mean, power: log1p, clip: [0.05, 0.95], scale: robust, columns: [age, monetary, frequency] }, categorical: { encode: frequency, columns: [band, joined, pairs, late] } }
  two:
    uses: classify.xgboost
    inputs: { table: features }
    with: { target: newsletter, rounds: 20, drop: [late, never] }
  strict:
    uses: classify.forest
    inputs: { table: features, labels: kmeans.labels }
    with: { trees: 20, numeric: { impute: none, columns: [age, income] }, categorical: { impute: none, unknown: error, columns: [country, plan] } }
  on_components: { uses: classify.logistic, inputs: { table: prepare.matrix, labels: kmeans.labels } }
"""

TIMES = """
pipeline: times
stages:
  visits: { uses: ingest.csv, with: { path: data/raw/visits.csv, id: id } }
  features:
    uses: features.derive
    inputs: { table: visits }
    with:
      columns:
        late: hour(at) * 60 + minute(at) > 719
        hours: date_diff('hour', at, timestamp '2025-01-01 00:00:00')
        seconds: epoch(at) - 1.7e9
        day: cast(at as date)
        days: day - date '2024-01-01'
  clock: { uses: classify.logistic, inputs: { table: features }, with: { target: late, columns: [hours, seconds, days, label] } }
  dated: { uses: classify.xgboost, inputs: { table: features }, with: { target: late, rounds: 5, numeric: { dates: days, columns: [at, day] } } }
"""


def visits(path, n_rows, rng):
    """Writes timestamps in the shapes that they come in."""
    with open(path, "w") as file:
        file.write("id,at,label\n")
        for i in range(n_rows):
            day, time = f"{rng.randint(1999, 2026)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}", f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"
            at = rng.choice(["", f"{day} {time}", f"{day}T{time}", f"{day} {time}.{rng.randint(0, 999999):06}", "2024-02-29 23:59:59.5"])
            file.write(f"v{i},{at},{rng.random()}\n")


def dirty(source, target, cuts, rng):
    """Copies a CSV, making a tenth of the cells a tie, a missing value, or a level that is not known."""
    with open(source) as read, open(target, "w", newline="") as write:
        rows = csv.DictReader(read)
        out = csv.DictWriter(write, rows.fieldnames)
        out.writeheader()
        for row in rows:
            for name in rows.fieldnames[1:]:
                roll = rng.random()
                if roll < 0.03:
                    row[name] = ""
                elif roll < 0.09 and name in cuts:
                    row[name] = repr(rng.choice(cuts[name]))
                elif roll < 0.09 and name in ("gender", "country", "channel", "plan"):
                    row[name] = rng.choice(["Atlantis", "<other>", "<missing>", "DE ", "ü"])
            out.writerow(row)


def read(path):
    with open(path) as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def answers(path):
    table = read(path)
    p = [name for name in table if name.startswith("p_")]
    number = lambda v: float(v) if v else np.nan
    return np.array([int(s) if s else -1 for s in table["segment"]]), np.array([[number(v) for v in table[n]] for n in p]).T


def same(who, labels, p, expected):
    own, own_p = expected
    differ = np.flatnonzero(labels != own)
    assert not len(differ), f"{who}: {len(differ)} labels differ, the first in row {differ[0]}: {labels[differ[0]]}, not {own[differ[0]]}"
    assert (np.isnan(p) == np.isnan(own_p)).all(), f"{who}: other rows are unanswered"
    most = np.nanmax(np.abs(p - own_p))
    assert most <= TOLERANCE, f"{who}: a probability differs by {most}"
    print(f"{who}: {len(own)} labels as predict's ({(own < 0).sum()} without), probabilities within {most:.1e}")


def onnx(path, table, expected):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    truth = {"true": 1.0, "false": 0.0, "": np.nan}
    inputs = {}
    for i in session.get_inputs():
        values = table[i.name]
        if i.type == "tensor(string)":
            inputs[i.name] = np.array(values, object).reshape(-1, 1)
        else:
            inputs[i.name] = np.array([truth[v] if v in truth else float(v) for v in values]).reshape(-1, 1)
    # The label comes first, the probabilities last; a column may be called like them.
    labels, *_, p = session.run(None, inputs)
    same(f"onnxruntime {os.path.basename(path)}", labels, p, expected)
    # Few rows go another way through the runtime than many.
    for n in (1, 7, 40):
        few_labels, *_, few = session.run(None, {name: values[-n:] for name, values in inputs.items()})
        assert (few_labels == labels[-n:]).all() and np.allclose(few, p[-n:], rtol=0, atol=1e-12, equal_nan=True), f"{path}: {n} rows alone"
    # And somebody else's runtime, which is slow.
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    told, *_, few = ReferenceEvaluator(model).run(None, {name: values[-40:] for name, values in inputs.items()})
    same(f"onnx.reference {os.path.basename(path)}", told, few, (labels[-40:], p[-40:]))


def mlflow_frame(folder, frame, expected):
    import mlflow

    told = mlflow.pyfunc.load_model(folder).predict(frame)
    assert list(told.index) == list(frame.index)
    labels = told["segment"].fillna(-1).astype(int).to_numpy()
    p = told[[name for name in told if name.startswith("p_")]].to_numpy(float)
    same(f"mlflow {os.path.basename(folder)}", labels, p, expected)


def mlflow_serve(folder, expected_run):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "mlflow", "models", "serve", "-m", folder, "--env-manager", "local", "-p", str(port)]
    # It starts uvicorn by name.
    env = {**os.environ, "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True, env=env)
    try:
        asked = open(os.path.join(folder, "serving_input_example.json"), "rb").read()
        url = f"http://127.0.0.1:{port}/invocations"
        for attempt in range(120):
            try:
                request = urllib.request.Request(url, asked, {"Content-Type": "application/json"})
                told = json.load(urllib.request.urlopen(request, timeout=30))["predictions"]
                break
            except (ConnectionError, urllib.error.URLError) as error:
                if isinstance(error, urllib.error.HTTPError):
                    raise AssertionError(error.read().decode())
                assert server.poll() is None, server.stderr.read()
                time.sleep(0.5)
        labels, p = expected_run
        assert [row["segment"] for row in told] == labels[: len(told)].tolist()
        found = np.array([[row[name] for name in row if name.startswith("p_")] for row in told])
        assert np.abs(found - p[: len(told)]).max() <= TOLERANCE
        print(f"mlflow models serve: {len(told)} answers as predict's")
    finally:
        if server.poll() is None:
            os.killpg(server.pid, 15)
            server.wait(20)


def main(binary, n_rows):
    import pandas as pd

    rng = random.Random(5)
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        ours = lambda *words: subprocess.run([binary, "-C", folder, *words], check=True, stdout=subprocess.PIPE, text=True).stdout
        for name in ("pipelines", "data/raw"):
            shutil.copytree(os.path.join(ROOT, name), at(name))
        with open(at("pipelines/wide.yaml"), "w") as file:
            file.write(WIDE)
        with open(at("pipelines/times.yaml"), "w") as file:
            file.write(TIMES)
        visits(at("data/raw/visits.csv"), 2000, rng)
        for pipeline, stages in (
            ("customer_segmentation", ("forest", "xgboost", "logistic")),
            ("wide", ("platt", "steps", "scaled", "two", "strict", "on_components")),
            ("times", ("clock", "dated")),
        ):
            ours("-q", "run", pipeline)
            cuts = {}
            for stage in stages:
                if stage in ("forest", "xgboost", "steps", "two"):
                    ours("-q", "cat", f"{stage}.model", "--pipeline", pipeline, "--columns", "feature,threshold", "--rows", "10000", "-o", "cuts.csv")
                    cut = read(at("cuts.csv"))
                    for name, value in zip(cut["feature"], cut["threshold"]):
                        if value and np.isfinite(float(value)) and name in ("age", "income", "monetary", "returns_rate", "discount_share", "email_open_rate"):
                            cuts.setdefault(name, []).append(float(value))
            if pipeline == "times":
                visits(at("rows.csv"), 2000, rng)
            else:
                # What the runtimes do is tried at full length on the shipped pipeline; here are the other operators.
                n = n_rows if pipeline == "customer_segmentation" else n_rows // 5
                ours("-q", "sample", "customers", "--rows", str(n), "--seed", "99", "-o", "plain.csv")
                dirty(at("plain.csv"), at("rows.csv"), cuts, rng)
            table, frame = read(at("rows.csv")), pd.read_csv(at("rows.csv"))
            for stage in stages:
                ours("-q", "predict", "rows.csv", "--stage", stage, "--on-error", "null", "-o", "answers.csv")
                expected = answers(at("answers.csv"))
                verified = ("--verify", "--python", sys.executable)
                ours("-q", "export", "--format", "onnx", "--stage", stage, "-o", f"{stage}.onnx", *verified)
                onnx(at(f"{stage}.onnx"), table, expected)
                ours("-q", "export", "--format", "bundle", "--stage", stage, "-o", f"{stage}.tar")
                ours("-q", "predict", "rows.csv", "--bundle", f"{stage}.tar", "--on-error", "null", "-o", "bundle.csv")
                assert open(at("bundle.csv"), "rb").read() == open(at("answers.csv"), "rb").read(), f"{stage}: the bundle"
                if stage in ("forest", "xgboost", "logistic", "two", "clock"):
                    ours("-q", "export", "--format", "mlflow", "--stage", stage, "-o", f"{stage}-mlflow", *verified)
                    mlflow_frame(at(f"{stage}-mlflow"), frame, expected)
                if stage in ("xgboost", "scaled", "two"):
                    ours("-q", "export", "--format", "xgboost", "--stage", stage, "-o", f"{stage}.json", *verified)
                if stage == "xgboost":
                    ours("-q", "predict", "data/raw/customers.csv", "--stage", stage, "-o", "own.csv")
                    mlflow_serve(at(f"{stage}-mlflow"), answers(at("own.csv")))


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
