"""Loads the ONNX model of this folder for MLflow: a frame of raw columns in, one of segments and probabilities out.

Names and kinds of the columns are in the model's own metadata. Missing values may be None, NaN or an empty text; dates may
be texts or timestamps. A row without an answer (one that the run's filter leaves out) has no segment and no probabilities.
"""

import json

import numpy as np
import onnxruntime
import pandas as pd

# Rows at a time: a batch of any length takes no more memory than this many.
CHUNK = 8192


class Model:
    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        told = self.session.get_modelmeta().custom_metadata_map
        self.columns = [(column["name"], column["kind"]) for column in json.loads(told["orchestrate.columns"])]
        self.segments = json.loads(told["orchestrate.segments"])
        self.outputs = [output.name for output in self.session.get_outputs()]

    def predict(self, model_input, params=None):
        missing = [name for name, _ in self.columns if name not in model_input]
        if missing:
            raise ValueError(f"columns are missing: {', '.join(missing)}")
        inputs = {name: tensor(model_input[name], kind) for name, kind in self.columns}
        chunks = []
        for start in range(0, len(model_input), CHUNK):
            part = {name: values[start : start + CHUNK] for name, values in inputs.items()}
            chunks.append(self.session.run(self.outputs, part))
        empty = [np.empty(0, np.int64), np.empty(0, object), np.empty((0, len(self.segments)))]
        told = [np.concatenate(parts) for parts in zip(*chunks)] or empty[:1] + empty[1 : len(self.outputs) - 1] + empty[2:]
        # The label comes first, then its name if it has one, the probabilities last.
        label, p = told[0], told[-1]
        answers = {"segment": pd.array(np.where(label < 0, 0, label), dtype="Int64")}
        answers["segment"][label < 0] = pd.NA
        if len(told) > 2:
            answers["class"] = np.where(label < 0, None, told[1])
        for i, segment in enumerate(self.segments):
            answers[f"p_{segment}"] = p[:, i]
        return pd.DataFrame(answers, index=getattr(model_input, "index", None))


def tensor(column, kind):
    if kind == "number":
        values = pd.to_numeric(column, errors="raise").to_numpy(np.float64, na_value=np.nan)
    else:
        values = np.array([cell(value, kind) for value in column], np.float64 if kind == "truth" else object)
    return values.reshape(-1, 1)


def cell(value, kind):
    absent = value is None or value is pd.NaT or value is pd.NA or value != value or value == ""
    if kind == "truth":
        return np.nan if absent else float({"true": True, "false": False}.get(value, value))
    if absent:
        return ""
    # Of a date the time of day, if it comes with one, is none of ours; of a timestamp what is less than a microsecond.
    return str(value)[: {"date": 10, "time": 26}.get(kind)]


def _load_pyfunc(path):
    return Model(path)
