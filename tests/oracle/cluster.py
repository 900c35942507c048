"""Makes cluster.json: small data and what scikit-learn 1.9.1, scipy 1.17.1 and numpy 2.4.6 make of it.

Run: python tests/oracle/cluster.py > tests/oracle/cluster.json
Labels are renumbered as our artifacts have them: by size, largest first, equal sizes by first row; -1 stays.
"""
import json

import numpy as np
from scipy.cluster.hierarchy import linkage
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score
from sklearn.mixture import GaussianMixture


def ordered(labels):
    labels = np.asarray(labels)
    clusters = [c for c in np.unique(labels) if c >= 0]
    clusters.sort(key=lambda c: (-np.sum(labels == c), np.argmax(labels == c)))
    places = {c: i for i, c in enumerate(clusters)}
    return [places.get(c, -1) for c in labels.tolist()]


def scores(x, labels):
    labels = np.asarray(labels)
    x, labels = x[labels >= 0], labels[labels >= 0]
    return {
        "silhouette": float(silhouette_score(x, labels)),
        "davies_bouldin": float(davies_bouldin_score(x, labels)),
        "calinski_harabasz": float(calinski_harabasz_score(x, labels)),
    }


rng = np.random.default_rng(7)
shapes = [((0, 0, 0), (1.0, 0.4, 0.6), 70), ((4, 1, -2), (0.5, 1.2, 0.4), 50), ((-3, 5, 1), (0.9, 0.5, 1.5), 40)]
x = np.vstack([rng.normal(centre, scale, (n, 3)) for centre, scale, n in shapes] + [rng.uniform(-8, 8, (20, 3))])
x = np.round(x[rng.permutation(len(x))], 3)

out = {"x": x.tolist(), "kmeans": [], "gmm": [], "hierarchical": [], "dbscan": [], "scores": []}
for k in range(1, 5):  # from 5 on the best start is one in hundreds
    best = KMeans(k, n_init=200, tol=0, random_state=0).fit(x)
    out["kmeans"].append({"k": k, "inertia": best.inertia_, "labels": ordered(best.labels_)})
for covariance in ("full", "tied", "diag", "spherical"):
    for k in (2, 3):
        best = GaussianMixture(k, covariance_type=covariance, n_init=30, tol=1e-10, max_iter=2000, random_state=0).fit(x)
        out["gmm"].append({
            "covariance": covariance, "k": k, "log_likelihood": float(best.score(x) * len(x)),
            "bic": float(best.bic(x)), "aic": float(best.aic(x)), "labels": ordered(best.predict(x)),
            "weights": sorted(best.weights_.tolist()),
        })
for method in ("ward", "average", "complete", "single"):
    cuts = {k: ordered(AgglomerativeClustering(k, linkage=method).fit_predict(x)) for k in (1, 2, 3, 5, 9)}
    out["hierarchical"].append({"linkage": method, "tree": linkage(x, method).tolist(), "labels": cuts})
for eps, min_samples in ((0.5, 5), (0.8, 4), (1.0, 5), (1.5, 10), (0.9, 1), (0.9, 2), (3.0, 3)):
    found = DBSCAN(eps=eps, min_samples=min_samples).fit(x)
    out["dbscan"].append({
        "eps": eps, "min_samples": min_samples, "labels": found.labels_.tolist(),
        "core": found.core_sample_indices_.tolist(),
    })
labelled = [row["labels"] for row in out["kmeans"][1:]] + [ordered(row["labels"]) for row in out["dbscan"][2:4]]
for labels in labelled:
    out["scores"].append({"labels": labels, **scores(x, labels)})
print(json.dumps(out))
