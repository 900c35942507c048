"""Makes cluster.json: small data and what scikit-learn 1.9.1, scipy 1.17.1 and numpy 2.2.6 make of it.

With numpy 2.4 HDBSCAN fails wherever `cluster_selection_epsilon` makes it climb its tree.

Run: python tests/oracle/cluster.py > tests/oracle/cluster.json
Labels are renumbered as our artifacts have them: by size, largest first, equal sizes by first row; -1 stays.
"""
import json

import numpy as np
from scipy.cluster.hierarchy import linkage
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans
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

out = {"x": x.tolist(), "kmeans": [], "gmm": [], "hierarchical": [], "dbscan": [], "hdbscan": [], "scores": []}
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
cases = ((5, 5, "eom", 0.0, False), (10, 4, "eom", 0.0, False), (20, 20, "eom", 0.0, False), (5, 2, "leaf", 0.0, False),
         (8, 8, "leaf", 0.0, False), (5, 3, "eom", 0.6, False), (4, 2, "leaf", 0.9, False), (15, 5, "eom", 0.0, True),
         (60, 5, "eom", 0.0, True), (60, 5, "eom", 0.9, True), (5, 1, "eom", 0.0, False), (180, 5, "leaf", 0.0, False))
for min_cluster_size, min_samples, method, epsilon, single in cases:
    model = HDBSCAN(
        min_cluster_size=min_cluster_size, min_samples=min_samples, cluster_selection_method=method,
        cluster_selection_epsilon=epsilon, allow_single_cluster=single, copy=True,
    )
    found = model.fit(x)
    labels, probabilities = ordered(found.labels_), found.probabilities_.tolist()
    # Ties between edges are cut as an unstable sort left them: rows that move when the rows come in another order.
    moving = set()
    for _ in range(30):
        order = rng.permutation(len(x))
        other = np.empty(len(x), int)
        other[order] = model.fit(x[order]).labels_
        moving.update(i for i, label in enumerate(ordered(other)) if label != labels[i])
    out["hdbscan"].append({
        "min_cluster_size": min_cluster_size, "min_samples": min_samples, "method": method, "epsilon": epsilon,
        "single": single, "labels": labels, "probabilities": probabilities, "unsure": sorted(moving),
    })
labelled = [row["labels"] for row in out["kmeans"][1:]] + [ordered(row["labels"]) for row in out["dbscan"][2:4]]
for labels in labelled:
    out["scores"].append({"labels": labels, **scores(x, labels)})
print(json.dumps(out))
