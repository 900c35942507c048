"""The peers' side of `ml`: `peers.py CASE --data FOLDER [--threads 1] [--runs 3]`, `peers.py --make FOLDER`.

It does not know our figures. A case is a function that returns what is timed and what tells that its result is right;
it has the name of ours. Needs numpy, scikit-learn, xgboost.
"""

import argparse
import json
import os
import resource
import statistics
import time
import warnings
from pathlib import Path

CASES = {}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="?", choices=sorted(CASES))
    parser.add_argument("--data", default=".")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--make", metavar="FOLDER")
    args = parser.parse_args()
    if args.make:
        return make(Path(args.make))
    # Read when numpy and its libraries are imported, which the cases do.
    for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[pool] = str(args.threads)
    warnings.simplefilter("ignore")
    work, quality = CASES[args.case](Data(Path(args.data)), args.threads)
    walls, cpus, result = [], [], None
    for _ in range(args.runs):
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    line = {"case": args.case, "threads": args.threads, "wall": statistics.median(walls), "cpu": statistics.median(cpus)}
    line |= {"wall_min": min(walls), "cpu_min": min(cpus)}
    line["mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(line | quality(result)))


class Data:
    """Raw little-endian arrays in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def matrix(self, name, n_cols):
        import numpy

        return numpy.fromfile(self.folder / f"{name}.f64", "<f8").reshape(-1, n_cols)

    def classes(self, name):
        import numpy

        return numpy.fromfile(self.folder / f"{name}.u32", "<u4").astype(int)


def case(*names_and_rest):
    """Registers a function under a name, with whatever more it is to be called with."""
    name, *rest = names_and_rest

    def register(function):
        CASES[name] = lambda data, threads: function(data, threads, *rest)
        return function

    return register


def rand(truth, labels):
    from sklearn.metrics import adjusted_rand_score

    return adjusted_rand_score(truth, labels)


@case("kmeans100k", "blobs100k_16")
@case("kmeans1m", "blobs1m_16")
def kmeans(data, _threads, name):
    from sklearn.cluster import KMeans

    x, start = data.matrix(name, 16), data.matrix(name + ".init", 16)
    model = KMeans(8, init=start, n_init=1, max_iter=25, tol=0.0, algorithm="lloyd")
    return lambda: model.fit(x), lambda m: kmeans_found(data, name, m)


@case("kmeans_default", "blobs100k_16")
def kmeans_default(data, _threads, name):
    from sklearn.cluster import KMeans

    x = data.matrix(name, 16)
    return lambda: KMeans(8, n_init=1, random_state=0).fit(x), lambda m: kmeans_found(data, name, m)


def kmeans_found(data, name, model):
    return {"n_iter": model.n_iter_, "inertia": model.inertia_, "ari": rand(data.classes(name), model.labels_)}


@case("gmm100k")
def mixture(data, _threads):
    from sklearn.mixture import GaussianMixture

    x = data.matrix("blobs100k_16", 16)
    model = GaussianMixture(8, max_iter=20, tol=1e-12, random_state=0)
    found = lambda m: {
        "n_iter": m.n_iter_,
        "loglik": m.score(x),
        "ari": rand(data.classes("blobs100k_16"), m.predict(x)),
    }
    return lambda: model.fit(x), found


@case("silhouette20k")
def silhouette(data, _threads):
    from sklearn.metrics import silhouette_score

    x, labels = data.matrix("blobs20k_16", 16), data.classes("blobs20k_16")
    return lambda: silhouette_score(x, labels), lambda s: {"silhouette": float(s)}


@case("dbscan20k", "blobs20k_4")
@case("dbscan100k", "blobs100k_4")
def dbscan(data, _threads, name):
    from sklearn.cluster import DBSCAN

    x = data.matrix(name, 4)
    found = lambda m: {
        "clusters": int(m.labels_.max()) + 1,
        "noise": int((m.labels_ < 0).sum()),
        "ari": rand(data.classes(name), m.labels_),
    }
    return lambda: DBSCAN(eps=0.6, min_samples=10).fit(x), found


@case("hdbscan20k")
def hdbscan(data, _threads):
    from sklearn.cluster import HDBSCAN

    x = data.matrix("blobs20k_4", 4)
    found = lambda m: {
        "clusters": int(m.labels_.max()) + 1,
        "noise": int((m.labels_ < 0).sum()),
        "ari": rand(data.classes("blobs20k_4"), m.labels_),
    }
    return lambda: HDBSCAN(min_cluster_size=50, copy=True).fit(x), found


@case("ward10k")
def ward(data, _threads):
    from sklearn.cluster import AgglomerativeClustering

    x = data.matrix("blobs10k_16", 16)
    found = lambda m: {"ari": rand(data.classes("blobs10k_16"), m.labels_)}
    return lambda: AgglomerativeClustering(8, linkage="ward").fit(x), found


@case("pca100k")
def pca(data, _threads):
    from sklearn.decomposition import PCA

    x = data.matrix("lowrank100k_64", 64)
    found = lambda m: {"sv0": m.singular_values_[0], "sv7": m.singular_values_[7]}
    return lambda: PCA(8, random_state=0).fit(x), found


def learning(data):
    x, y = data.matrix("cls_train_16", 16), data.classes("cls_train_16")
    return x, y, data.matrix("cls_test_16", 16), data.classes("cls_test_16")


@case("forest")
def forest(data, threads):
    from sklearn.ensemble import RandomForestClassifier

    x, y, x_test, y_test = learning(data)
    model = RandomForestClassifier(100, n_jobs=threads, random_state=0)
    return lambda: model.fit(x, y), lambda m: {"acc": m.score(x_test, y_test)}


@case("xgboost")
def boosted(data, threads):
    import xgboost

    x, y, x_test, y_test = learning(data)
    params = {"objective": "multi:softprob", "num_class": 8, "max_depth": 6, "eta": 0.3, "tree_method": "hist"}
    work = lambda: xgboost.train(params | {"nthread": threads}, xgboost.DMatrix(x, y), 100)
    return work, lambda m: {"acc": float((m.predict(xgboost.DMatrix(x_test)).argmax(1) == y_test).mean())}


@case("logistic")
def logistic(data, _threads):
    from sklearn.linear_model import LogisticRegression

    x, y, x_test, y_test = learning(data)
    model = LogisticRegression(C=1.0, max_iter=100, tol=1e-4)
    return lambda: model.fit(x, y), lambda m: {"n_iter": int(m.n_iter_[0]), "acc": m.score(x_test, y_test)}


def make(folder):
    """Writes the data of all cases, `NAME.f64` and `NAME.u32`, and starts for centroids, `NAME.init.f64`."""
    import numpy
    from sklearn.datasets import make_blobs, make_classification

    folder.mkdir(parents=True, exist_ok=True)

    def save(name, x, classes):
        numpy.ascontiguousarray(x, "<f8").tofile(folder / f"{name}.f64")
        numpy.ascontiguousarray(classes, "<u4").tofile(folder / f"{name}.u32")

    for name, n_rows, n_cols, spread, seed in [
        ("blobs100k_16", 100_000, 16, 8.0, 1),
        ("blobs1m_16", 1_000_000, 16, 8.0, 1),
        ("blobs20k_16", 20_000, 16, 8.0, 1),
        ("blobs10k_16", 10_000, 16, 4.0, 3),
        ("blobs100k_4", 100_000, 4, 1.0, 2),
        ("blobs20k_4", 20_000, 4, 1.0, 2),
    ]:
        x, classes = make_blobs(n_rows, n_cols, centers=8, cluster_std=spread, random_state=seed)
        save(name, x, classes)
        chosen = numpy.random.default_rng(seed + 1).choice(n_rows, 8, replace=False)
        x[chosen].astype("<f8").tofile(folder / f"{name}.init.f64")
    rng = numpy.random.default_rng(7)
    hidden = 2.0 * rng.normal(size=(100_000, 8)) @ rng.normal(size=(8, 64))
    save("lowrank100k_64", hidden + rng.normal(size=hidden.shape), numpy.zeros(len(hidden)))
    shape = {"n_informative": 12, "n_redundant": 2, "n_classes": 8, "n_clusters_per_class": 2}
    x, y = make_classification(120_000, 16, class_sep=1.5, flip_y=0.02, random_state=5, **shape)
    save("cls_train_16", x[:100_000], y[:100_000])
    save("cls_test_16", x[100_000:], y[100_000:])


if __name__ == "__main__":
    main()
