"""Answers rows with an exported model: `replay.py FORMAT PATH`, rows as JSON on standard input, answers on standard output."""

import json
import sys


def main():
    form, path = sys.argv[1:3]
    asked = json.load(sys.stdin)
    try:
        answer = {"onnx": onnx, "mlflow": mlflow, "xgboost": xgboost}[form]
        runtime, labels, p = answer(path, asked["columns"])
    except ImportError as error:
        json.dump({"missing": error.name or str(error)}, sys.stdout)
        return
    rows = [[None if value != value else value for value in row] for row in p]
    json.dump({"runtime": runtime, "segments": labels, "p": rows}, sys.stdout)


def onnx(path, columns):
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    text = {i.name: i.type == "tensor(string)" for i in session.get_inputs()}
    inputs = {}
    for column in columns:
        name, values = column["name"], column["values"]
        if text[name]:
            values = np.array(["" if v is None else v for v in values], object)
        else:
            values = np.array(values, np.float64)
        inputs[name] = values.reshape(-1, 1)
    labels, p = [], []
    for start in range(0, len(columns[0]["values"]), 8192):
        part = {name: values[start : start + 8192] for name, values in inputs.items()}
        found, *_, shares = session.run(None, part)
        labels += [None if v < 0 else int(v) for v in found]
        p += shares.tolist()
    return {"onnxruntime": onnxruntime.__version__}, labels, p


def mlflow(path, columns):
    import mlflow
    import onnxruntime
    import pandas as pd

    frame = {}
    for column in columns:
        kind, values = column["kind"], column["values"]
        if kind == "truth":
            values = [None if v is None else bool(v) for v in values]
        frame[column["name"]] = pd.Series(values, dtype=float if kind == "number" else object)
    answers = mlflow.pyfunc.load_model(path).predict(pd.DataFrame(frame))
    labels = [None if v is pd.NA or v is None or v != v else int(v) for v in answers["segment"]]
    p = answers[[name for name in answers if name.startswith("p_")]].to_numpy(float).tolist()
    return {"mlflow": mlflow.__version__, "onnxruntime": onnxruntime.__version__}, labels, p


def xgboost(path, columns):
    import numpy as np
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(path)
    features = np.array([column["values"] for column in columns], np.float64).T
    names = [column["name"] for column in columns]
    p = booster.predict(xgboost.DMatrix(features, feature_names=names, missing=np.nan))
    if p.ndim == 1:
        p = np.stack([1 - p, p], axis=1)
    return {"xgboost": xgboost.__version__}, None, p.astype(np.float64).tolist()


main()
