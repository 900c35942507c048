"""Shapes, missing counts and sums of the public datasets, as pandas reads them.

Made the figures in tests/it/real_data.rs. Usage: real_data.py FOLDER.  Python 3.11, pandas 3.1.1.
"""
import glob
import os
import sys

import pandas as pd

OPTIONS = {
    "marketing_campaign.csv": dict(sep="\t"),
    "bank-full.csv": dict(sep=";"),
    "sales_data_sample.csv": dict(encoding="cp1252"),
}

for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.csv*"))):
    name = os.path.basename(path)
    frame = pd.read_csv(path, keep_default_na=False, na_values=["", " "], **OPTIONS.get(name, {}))
    missing = {column: int(n) for column, n in frame.isna().sum().items() if n}
    print(name, frame.shape, int(frame.isna().sum().sum()), missing)
    print("  ", frame.dtypes.astype(str).value_counts().to_dict())
    print("  ", frame.select_dtypes("number").sum().to_dict())

frame = pd.read_csv(os.path.join(sys.argv[1], "CDNOW_sample.txt"), sep=r"\s+", header=None)
print("CDNOW_sample.txt", frame.shape, frame.sum().to_dict())
