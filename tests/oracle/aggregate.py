"""Figures of the public online-retail transactions by customer with pandas, summed up in `aggregate.json`
beside this file.

Made with pandas 3.1.1. Run: python tests/oracle/aggregate.py online_retail.csv.gz
"""

import json
import pathlib
import sys

import pandas


def main():
    rows = pandas.read_csv(sys.argv[1], dtype={"InvoiceNo": str}, parse_dates=["InvoiceDate"])
    groups = rows.groupby("CustomerID")
    by_time = rows.sort_values("InvoiceDate", kind="stable").groupby("CustomerID")
    bought = rows[rows.Quantity > 0].groupby("CustomerID")
    table = pandas.DataFrame({
        "n": groups.size(),
        "described": groups.Description.count(),
        "pieces": groups.Quantity.sum(),
        "mean": groups.UnitPrice.mean(),
        "least": groups.UnitPrice.min(),
        "most": groups.UnitPrice.max(),
        "std": groups.UnitPrice.std(),
        "median": groups.Quantity.median(),
        "products": groups.StockCode.nunique(),
        "first": by_time.StockCode.first().str.len(),
        "last": by_time.StockCode.last().str.len(),
        "first_price": by_time.UnitPrice.first(),
        "last_price": by_time.UnitPrice.last(),
    })
    table["bought"] = bought.Quantity.sum()
    table["bought"] = table.bought.fillna(0)
    figures = {name: [float(table[name].sum()), int(table[name].count())] for name in table}
    result = {"customers": len(table), "columns": figures}
    pathlib.Path(__file__).with_name("aggregate.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
