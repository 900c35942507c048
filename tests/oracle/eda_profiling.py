#!/usr/bin/env python3
"""Holds `eda.profile` against the JSON of ydata-profiling on public datasets: every figure that both define alike.

    eda_profiling.py ORCHESTRATE FOLDER [FILE.csv ...]

Needs an environment with ydata-profiling (it also goes by `data_profiling`). Figures must agree to 1e-9 of their size.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas

try:
    from data_profiling import ProfileReport
except ImportError:
    from ydata_profiling import ProfileReport

FILES = ["Mall_Customers.csv", "CC GENERAL.csv", "Wholesale customers data.csv", "Telco-Customer-Churn.csv"]

# Ours, theirs. Their `mad` is the median absolute deviation too.
FIGURES = [
    ("count", "count"), ("missing", "n_missing"), ("distinct", "n_distinct"), ("mean", "mean"), ("std", "std"),
    ("min", "min"), ("p05", "5%"), ("p25", "25%"), ("p50", "50%"), ("p75", "75%"), ("p95", "95%"), ("max", "max"),
    ("skewness", "skewness"), ("kurtosis", "kurtosis"), ("zeros", "n_zeros"), ("negatives", "n_negative"),
    ("infinite", "n_infinite"), ("mad", "mad"),
]


def ours(program, path):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pipelines").mkdir()
        (Path(folder) / "pipelines/p.yaml").write_text(f"""\
pipeline: p
stages:
  table: {{ uses: ingest.csv, with: {{ path: {json.dumps(str(path))}, snapshot: false }} }}
  profile: {{ uses: eda.profile, inputs: {{ table: table }} }}
""")
        subprocess.run([program, "-C", folder, "-q", "run"], check=True)
        cat = [program, "-C", folder, "cat", "profile.columns", "--json"]
        columns = json.loads(subprocess.run(cat, check=True, capture_output=True, text=True).stdout)
    return {column["column"]: column for column in columns}


def theirs(path):
    table = pandas.read_csv(path, keep_default_na=False, na_values=["", " "])
    report = ProfileReport(table, progress_bar=False, correlations=None, interactions=None, missing_diagrams=None)
    return json.loads(report.to_json())["variables"]


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    wrong = 0
    for name in sys.argv[3:] or FILES:
        own, other = ours(program, (folder / name).resolve()), theirs(folder / name)
        n_held, worst = 0, 0.0
        for column, figures in other.items():
            if figures["type"] != "Numeric" or column not in own:
                continue
            for mine, name_there in FIGURES:
                a, b = own[column][mine], figures.get(name_there)
                if a is None or b is None:
                    continue
                off = abs(float(a) - float(b)) / max(1.0, abs(float(b)))
                n_held, worst = n_held + 1, max(worst, off)
                if off > 1e-9:
                    wrong += 1
                    print(f"{name}: {column}: {mine} {a}, {name_there} {b}")
        print(f"{name}: {n_held} figures held, furthest {worst:.1e}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
