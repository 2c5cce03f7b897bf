"""Both limits, and a finite deep network read off from them; nothing is trained."""

import tempfile
from pathlib import Path

import numpy as np

import ridgeflow as rf

law = rf.GaussianMixture([0.4, 0.6], [[-0.5, -0.5], [0.5, 0.4]], [0.25, 0.3])
exact = rf.ContinuousDAE(law)
t = 0.4 * exact.t_max
times = np.linspace(0, t, 3)
continuum = rf.DoubleContinuum(law, rf.activation("tanh"), times=times, tol=1e-2)

x = law.sample(500, rng=0)
x = x[continuum.representation(0.0).region.contains(x)]
target = exact.flow(x, t).points
moved = np.sqrt(((target - x) ** 2).sum(1).mean())


def error(y):
    """RMS distance to the exact flow, relative to its displacement: doing nothing scores 1."""
    return np.sqrt(((y - target) ** 2).sum(1).mean()) / moved


print(f"infinite width and depth:     error {error(continuum.flow(x, t).points):.4f}")
for depth, width in ((1, 100), (4, 25), (4, 100)):
    network = continuum.network(depth, width, rng=0)
    print(f"{depth} layers of {width:3d} units:      error {error(network(x)):.4f}")

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "network.npz")
    network.save(path)
    assert np.array_equal(rf.load_network(path)(x), network(x))
