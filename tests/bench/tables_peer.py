"""What `tables` times against: one job of a Python package, on one CSV of `orchestrate sample customers`.

    tables_peer.py JOB FILE.csv

It does not measure itself: `tables` looks at the process.
"""

import sys


def polars_read(path):
    import polars

    polars.read_csv(path, try_parse_dates=True)


def polars_text(path):
    """Dates stay text."""
    import polars

    polars.read_csv(path)


def polars_write(path):
    """What an ingest leaves behind: columns of their types, in Parquet."""
    import polars

    polars.read_csv(path, try_parse_dates=True).write_parquet(path + ".peer", compression="lz4")


def pandas_read(path):
    import pandas

    pandas.read_csv(path, parse_dates=["signup_date"])


def pandas_eda(path):
    """The figures, correlations and counts that people ask for by hand."""
    import pandas

    table = pandas.read_csv(path, parse_dates=["signup_date"])
    numbers = table.select_dtypes("number")
    table.describe(include="all")
    table.isna().sum()
    table.duplicated().sum()
    numbers.corr()
    numbers.corr(method="spearman")
    numbers.skew()
    numbers.kurt()
    for column in ("gender", "country", "channel", "plan"):
        table[column].value_counts()


def profiling(path):
    import pandas

    try:
        from ydata_profiling import ProfileReport
    except ImportError:
        from data_profiling import ProfileReport
    table = pandas.read_csv(path, parse_dates=["signup_date"])
    ProfileReport(table, title="customers", progress_bar=False).to_file(path + ".html")


def sklearn_transform(path):
    """The pipeline of tables.yaml: median, clip, Yeo-Johnson, scale; most frequent, one-hot; components."""
    import numpy
    import pandas
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.decomposition import PCA
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PowerTransformer

    table = pandas.read_csv(path).drop(columns=["customer_id", "signup_date"])
    numbers = table.select_dtypes("number")
    low, high = numbers.quantile(0.01), numbers.quantile(0.99)
    clip = FunctionTransformer(lambda x: numpy.clip(x, low.to_numpy(), high.to_numpy()))
    numeric = make_pipeline(SimpleImputer(strategy="median"), clip, PowerTransformer())
    levels = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(min_frequency=0.01, sparse_output=False, handle_unknown="ignore"),
    )
    table["newsletter"] = table["newsletter"].astype(str)
    columns = [
        ("numeric", numeric, make_column_selector(dtype_include="number")),
        ("levels", levels, make_column_selector(dtype_exclude="number")),
    ]
    features = make_pipeline(ColumnTransformer(columns), PCA(n_components=8)).fit_transform(table)
    names = [f"pc{i + 1}" for i in range(features.shape[1])]
    pandas.DataFrame(features, columns=names).to_parquet(path + ".features")


JOBS = [polars_read, polars_text, polars_write, pandas_read, pandas_eda, profiling, sklearn_transform]

if __name__ == "__main__":
    {job.__name__: job for job in JOBS}[sys.argv[1]](sys.argv[2])
