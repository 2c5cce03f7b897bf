"""Which classes of irises and of digits a truncation network can tell apart, and which not."""

import warnings
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import ridgeflow as rf

Classifier = rf.constructions.TruncationClassifier


def fitted(X, y):
    """A classifier, and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = Classifier().fit(X, y)
    return model, len(caught)


iris = rf.datasets.load_iris()
names = ("setosa", "versicolor", "virginica")
print("irises                               network     misplaced  cost     noise to signal")
for chosen in (*combinations(range(3), 2), (0, 1, 2)):
    some = np.isin(iris.target, chosen)
    X, y = iris.data[some], iris.target[some]
    model, warned = fitted(X, y)
    ratio = "  ".join(f"{r:.2g}" for r in model.noise_to_signal(X, y))
    cost = model.network_.cost(X, np.searchsorted(chosen, y))
    note = "   (with a warning)" if warned else ""
    print(
        f"{', '.join(names[c] for c in chosen):35}  {model.method_:10}  "
        f"{len(model.misplaced_):9d}  {cost:.1e}  {ratio}{note}"
    )

digits = load_digits()
train, test = slice(0, None, 2), slice(1, None, 2)
dims = (9, 12, 16, 20, 30)
print("\ndigits, principal components: misplaced of 899, right of the 898 others")
scores = []
for dim in dims:
    X = PCA(dim, random_state=0).fit(digits.data[train]).transform(digits.data)
    model, warned = fitted(X[train], digits.target[train])
    scores.append(model.score(X[test], digits.target[test]))
    print(f"{dim:4d}   {len(model.misplaced_):4d}   {scores[-1]:.3f}")

# How the layers collapse the digits 0, 1, 2 one by one, seen in two principal components.
some = np.isin(digits.target, (0, 1, 2))
X = PCA(5, random_state=0).fit_transform(digits.data[some])
y = digits.target[some]
model, _ = fitted(X, y)
path = model.network_.truncated(X)
figure, panels = plt.subplots(1, len(path), figsize=(3.0 * len(path), 3.7), layout="constrained")
for level, panel in enumerate(panels):
    for j, marker in enumerate("o^s"):
        panel.plot(
            *path[level, y == j, :2].T,
            marker,
            color=("#0072B2", "#D55E00", "#009E73")[j],
            markersize=3,
            label=f"digit {j}",
            # A class that a layer has collapsed is one point, and must not lie under the others.
            zorder=3 if level > j else 2,
        )
    panel.set_title("data" if level == 0 else f"after layer {level}")
    panel.set_xlabel("first principal component")
    panel.set_aspect("equal", adjustable="datalim")
panels[0].set_ylabel("second principal component")
figure.legend(
    *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
)
figure.savefig("truncation_classifier.png", dpi=120)
