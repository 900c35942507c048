"""RFM of the public online-retail transactions with pandas, and figures of it in `rfm.json` beside this file.

Made with pandas 3.1.1. Run: python tests/oracle/rfm.py online_retail.csv.gz
A score is the fifth of `pd.qcut` over ranks, equal values having the lowest rank of them.
"""

import json
import pathlib
import sys

import numpy
import pandas


def score(values):
    n_worse = values.rank(method="min").astype(int) - 1
    return numpy.clip(numpy.ceil(5 * n_worse / (len(values) - 1)).astype(int), 1, 5)


SEGMENTS = {
    r"[1-2][1-2]": "hibernating", r"[1-2][3-4]": "at risk", r"[1-2]5": "cannot lose",
    r"3[1-2]": "about to sleep", r"33": "need attention", r"[3-4][4-5]": "loyal", r"41": "promising",
    r"51": "new", r"[4-5][2-3]": "potential loyalists", r"5[4-5]": "champions",
}


def rfm(rows, returns, as_of):
    rows = rows[rows.InvoiceDate <= as_of]
    is_return = (rows.Quantity < 0) | (rows.amount < 0) | rows.InvoiceNo.str.match(r"C\d")
    if returns == "exclude":
        rows, is_return = rows[~is_return], is_return[~is_return]
    bought = rows if returns == "keep" else rows[~is_return]
    bought, rows = bought.dropna(subset="CustomerID"), rows.dropna(subset="CustomerID")
    visits = bought.groupby("CustomerID")
    table = pandas.DataFrame({
        "last": visits.InvoiceDate.max(),
        "first": visits.InvoiceDate.min(),
        "frequency": visits.InvoiceNo.nunique(),
    })
    table["monetary"] = rows.groupby("CustomerID").amount.sum()
    table["recency"] = (as_of - table["last"]).dt.days
    table["r"], table["f"], table["m"] = score(table["last"]), score(table.frequency), score(table.monetary)
    table["segment"] = (table.r.astype(str) + table.f.astype(str)).replace(SEGMENTS, regex=True)
    return table


def figures(table):
    def counts(column):
        return {str(k): int(v) for k, v in table[column].value_counts().sort_index().items()}

    return {
        "customers": len(table), "recency": int(table.recency.sum()), "frequency": int(table.frequency.sum()),
        "monetary": float(table.monetary.sum()), "r": counts("r"), "f": counts("f"), "m": counts("m"),
        "segment": counts("segment"), "first_seen": str(table["first"].min()), "last_seen": str(table["last"].max()),
        "one": {k: (v if isinstance(v, str) else float(v)) for k, v in
                table.loc[14911, ["recency", "frequency", "monetary", "r", "f", "m", "segment"]].items()},
    }


def main():
    rows = pandas.read_csv(sys.argv[1], dtype={"InvoiceNo": str}, parse_dates=["InvoiceDate"])
    rows["amount"] = rows.Quantity * rows.UnitPrice
    last = rows.InvoiceDate.max() + pandas.Timedelta(days=1)
    half = pandas.Timestamp("2011-06-30")
    result = {f"{returns}": figures(rfm(rows, returns, last)) for returns in ["net", "exclude", "keep"]}
    result["half"] = figures(rfm(rows, "net", half))
    pathlib.Path(__file__).with_name("rfm.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
