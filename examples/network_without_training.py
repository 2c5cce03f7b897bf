"""A finite network from an integral representation: draw neurons, then fit the outer weights."""

import numpy as np

import ridgeflow as rf


def swirl(x):
    """A vector field on the plane."""
    return np.stack([-x[:, 1], x[:, 0]], axis=1) * np.exp(-(x**2).sum(1, keepdims=True))


eta = rf.activation("tanh")
field = rf.CallableField(swirl, 2, components=2)
region = rf.Region(np.zeros(2), radius=1.5, margin=1.0)
representation = rf.IntegralRepresentation(field, eta, region=region, tol=1e-3)

points = np.random.default_rng(0).uniform(-1, 1, size=(2000, 2))
truth = swirl(points)


def error(values):
    """Relative error in L2 over the points."""
    return np.linalg.norm(values - truth) / np.linalg.norm(truth)


print(f"infinite width: error {error(representation(points)):.1e}")
for width in (50, 100, 200, 400):
    network = rf.ShallowNetwork.from_representation(
        representation, width, weights="least_squares", rng=0
    )
    print(f"width {width:4d}:     error {error(network(points)):.1e}")
