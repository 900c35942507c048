"""Asks `orchestrate serve` with the clients that others use: `serve.py ORCHESTRATE`.

Of tritonclient[http], kserve, mlflow, schemathesis, pandas, polars, pyarrow and promtool those that are installed are used;
what is missing is told. Every answer is held against `orchestrate predict` on the same rows. It does not know how the
server is made.
"""

import csv
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

# The ratio is bounded: the API's schema allows numbers of any size, and an infinite feature would be refused.
PIPELINE = """
pipeline: small
stages:
  customers: { uses: ingest.csv, with: { path: data/raw/customers.csv, id: customer_id } }
  features:
    uses: features.derive
    inputs: { table: customers }
    with: { columns: { per_visit: 'greatest(-1e9, least(1e9, monetary / nullif(frequency, 0)))' }, drop: [signup_date] }
  prepare: { uses: transform.fit, inputs: { table: features } }
  kmeans: { uses: cluster.kmeans, inputs: { matrix: prepare.matrix }, with: { k: 4 } }
  forest: { uses: classify.xgboost, inputs: { table: features, labels: kmeans.labels }, with: { rounds: 20 } }
"""


def has(module):
    found = importlib.util.find_spec(module) is not None
    if not found:
        print(f"{module}: not installed, not asked")
    return found


def post(url, body, media, accept="application/json"):
    request = urllib.request.Request(url, body, {"Content-Type": media, "Accept": accept})
    with urllib.request.urlopen(request) as reply:
        return reply.read()


def same(who, segments, p, expected):
    assert [int(s) for s in segments] == [row["segment"] for row in expected], who
    assert [float(x) for x in p] == [row["p_0"] for row in expected], who
    print(f"{who}: {len(expected)} answers, as predict's")


def triton(address, model, table, expected, make):
    client = make(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(model)
    import numpy as np
    import tritonclient.http as http

    wanted = {i["name"]: i["datatype"] for i in client.get_model_metadata(model)["inputs"]}
    for binary in (True, False):
        inputs = []
        for name, datatype in wanted.items():
            text = datatype == "BYTES"
            values = [("" if text else np.nan) if v is None else str(v) if text else v for v in table[name]]
            kind = {"BYTES": np.object_, "FP64": np.float64, "BOOL": np.bool_, "INT64": np.int64}[datatype]
            tensor = http.InferInput(name, [len(values)], datatype)
            tensor.set_data_from_numpy(np.array(values, dtype=kind), binary_data=binary)
            inputs.append(tensor)
        outputs = [http.InferRequestedOutput(name, binary_data=binary) for name in ("segment", "p_0")]
        told = client.infer(model, inputs, outputs=outputs)
        same(f"tritonclient, binary {binary}", told.as_numpy("segment"), told.as_numpy("p_0"), expected)
    told = client.infer(model, inputs)
    same("tritonclient, all outputs", told.as_numpy("segment"), told.as_numpy("p_0"), expected)


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("pipelines", "data/raw"):
            os.makedirs(os.path.join(folder, name))
        with open(os.path.join(folder, "pipelines/small.yaml"), "w") as file:
            file.write(PIPELINE)
        ours = lambda *words: subprocess.run([binary, "-C", folder, *words], check=True, capture_output=True, text=True).stdout
        ours("sample", "customers", "--rows", "2000", "-o", "data/raw/customers.csv")
        ours("run")
        ours("cat", "customers", "--rows", "200", "-o", "rows.arrow")
        ours("cat", "customers", "--rows", "200", "-o", "rows.json")
        ours("cat", "customers", "--rows", "200", "-o", "rows.csv")
        expected = json.loads(ours("predict", "rows.arrow", "--json"))["predictions"]
        read = lambda name: open(os.path.join(folder, name), "rb").read()
        records = json.loads(read("rows.json"))
        table = {name: [row[name] for row in records] for name in records[0]}
        words = [binary, "-C", folder, "serve", "--bind", "127.0.0.1:0", "--no-access-log"]
        server = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        try:
            url = server.stderr.readline().strip().split("answers at ")[1].rstrip("/")
            ask(url, table, records, read, expected)
        finally:
            server.terminate()
            assert server.wait(20) == 0


def ask(url, table, records, read, expected):
    address, model = url.removeprefix("http://"), "small"
    told = json.loads(post(f"{url}/v1/predict", json.dumps(records).encode(), "application/json"))["predictions"]
    same("plain JSON", [r["segment"] for r in told], [r["p_0"] for r in told], expected)
    if has("tritonclient"):
        import tritonclient.http as http

        triton(address, model, table, expected, lambda a: http.InferenceServerClient(a))
    if has("mlflow"):
        import pandas as pd
        from mlflow.pyfunc.scoring_server.client import ScoringServerClient

        host, port = address.split(":")
        client = ScoringServerClient(host, int(port))
        client.wait_server_ready(timeout=10)
        told = client.invoke(pd.DataFrame(records)).get_predictions()
        same("mlflow scoring client", told["segment"], told["p_0"], expected)
    media = "application/vnd.apache.arrow"
    stream = post(f"{url}/v1/predict", read("rows.arrow"), f"{media}.file", f"{media}.stream")
    if has("pyarrow"):
        import pyarrow as pa

        frame = pa.ipc.open_stream(stream).read_pandas()
        same("pyarrow and pandas", frame["segment"], frame["p_0"], expected)
    if has("polars"):
        import polars as pl

        frame = pl.read_ipc_stream(io.BytesIO(stream))
        same("polars", frame["segment"], frame["p_0"], expected)
        sink = io.BytesIO()
        pl.read_ipc(io.BytesIO(read("rows.arrow"))).write_ipc_stream(sink)
        told = json.loads(post(f"{url}/v1/predict", sink.getvalue(), f"{media}.stream"))["predictions"]
        same("polars writes", [r["segment"] for r in told], [r["p_0"] for r in told], expected)
    if shutil.which("promtool"):
        metrics = urllib.request.urlopen(f"{url}/metrics").read()
        told = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True)
        assert told.returncode == 0 and not told.stderr, told.stderr.decode()
        print("promtool check metrics: nothing to say")
    if has("kserve"):
        kserve(address, table, expected)
    if has("schemathesis"):
        words = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--max-examples", os.environ.get("EXAMPLES", "50"), "--seed", os.environ.get("SEED", "1")]
        # It leaves a folder where it works.
        with tempfile.TemporaryDirectory() as scratch:
            told = subprocess.run(words, capture_output=True, text=True, cwd=scratch)
        print(told.stdout[-3000:])
        assert told.returncode == 0, "schemathesis has findings"


def kserve(address, table, expected):
    import asyncio

    from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig

    async def infer():
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        assert await client.is_server_live(f"http://{address}") and await client.is_model_ready(f"http://{address}", "small")
        inputs = []
        for name, values in table.items():
            is_text = any(isinstance(v, str) for v in values)
            is_truth = any(isinstance(v, bool) for v in values)
            inputs.append(InferInput(name, [len(values)], "BYTES" if is_text else "BOOL" if is_truth else "FP64", data=values))
        return await client.infer(f"http://{address}", InferRequest("small", inputs), model_name="small")

    told = {output.name: output.as_numpy() for output in asyncio.run(infer()).outputs}
    same("kserve", told["segment"], told["p_0"], expected)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
