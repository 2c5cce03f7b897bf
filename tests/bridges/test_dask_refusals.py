"""What Dask collections must not do in silence: be gathered, or lose samples of a law."""

import numpy as np
import pytest

pytest.importorskip("dask")

import dask
import dask.array as da

import ridgeflow as rf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
LAZY = da.from_array(X, chunks=(30, 3))
NET = rf.ShallowNetwork(RNG.normal(size=(5, 3)), RNG.normal(size=5), RNG.normal(size=5), "tanh")

GATHERED = {
    "correlate": lambda: NET.correlate(LAZY, LAZY[:, 0]),
    "mixture": lambda: rf.GaussianMixture(np.full(90, 1 / 90), LAZY, 1.0),
    "network": lambda: rf.ShallowNetwork(LAZY, LAZY[:, 0], LAZY[:, 1], "tanh"),
    "grid": lambda: rf.GridField(LAZY[:, 0], [np.arange(90.0)]),
}


@pytest.mark.parametrize("name", GATHERED)
def test_faces_without_a_counterpart_do_not_gather(name):
    with pytest.raises(TypeError, match=r"must be an array here, got a Dask Array.*compute\(\)"):
        GATHERED[name]()


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (-np.ones(90), "must not be negative, got a least weight of -1"),
        # Of a positive sum in each chunk.
        (np.where(np.arange(90) % 3, 1.0, -1.0), "must not be negative, got a least weight of -1"),
        (np.zeros(90), "must not all be zero"),
    ],
)
def test_weights_of_a_sharded_law_are_those_of_a_law(weights, said):
    with pytest.raises(ValueError, match=said):
        rf.SampleField(X, weights=weights)
    law = rf.SampleField(LAZY, weights=da.from_array(weights, chunks=30))
    with dask.config.set(scheduler="synchronous"), pytest.raises(ValueError, match=said):
        law.smooth(0.2)
