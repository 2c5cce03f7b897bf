"""Main calls on data a hundred million lengths from the origin: the same, to what rounding leaves.

A length is then known to 1.5e-8 of the data's own: that, times the condition of the result.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import ridgeflow as rf

from .objects import covariances, eta, points, ridgelet, weights

FAR = np.array([1e8, -1e8])


def law(s: np.ndarray) -> rf.GaussianMixture:
    return rf.GaussianMixture(weights(), s + np.array([[0.0, 0.5], [1.0, -0.25]]), covariances())


def spectrum(s: np.ndarray) -> rf.Spectrum:
    grid = rf.ParameterGrid.for_field(law(s), eta(), ridgelet(), 1e-2)
    return rf.ridgelet_transform(law(s), ridgelet(), grid)


def radon(s: np.ndarray) -> np.ndarray:
    axes = [np.linspace(-5, 5, 65) + place for place in s]
    field = rf.GridField.from_function(law(s).pdf, axes)
    return rf.radon(field, [[1.0, 0.0]], np.linspace(-4, 4, 9) + s[0])


def representation(s: np.ndarray) -> np.ndarray:
    field = rf.CallableField(lambda y: np.sin((y - s)[:, 0]), 2)
    made = rf.IntegralRepresentation(field, "tanh", region=rf.Region(s, 2.0, 1.0), tol=1e-2)
    return made(0.5 * np.tanh(points()) + s)


def continuum(s: np.ndarray) -> np.ndarray:
    one = rf.GaussianMixture([0.5, 0.5], [[s[0] - 0.5], [s[0] + 0.5]], 0.3)
    limit = rf.DoubleContinuum(one, "tanh", span=(0.0, 0.05), tol=1e-3)
    return limit.flow(0.3 * points()[:, :1] + s[0], 0.05).points - s[0]


def fit(s: np.ndarray) -> np.ndarray:
    a = points(20, seed=3)
    x, y = points(60) + s, np.tanh(points(60))
    b = a @ s + np.linspace(-1, 1, 20)
    return rf.fit_outer_weights(a, b, "tanh", x, y, ridge=1e-10, affine=True)(x)


CALLS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    # What is computed, and its tolerance; measured, in this order, 6e-9, 1e-8, 5e-9, 2e-8, 1e-8, 0,
    # 7e-9, 5e-8, 2e-7 and 1e-7.
    "log-density": (lambda s: law(s).logpdf(points() + s), 1e-7),
    "score": (lambda s: law(s).score(points() + s), 1e-7),
    "kernel density": (lambda s: rf.kernel_density(points(40) + s).pdf(points() + s), 1e-7),
    "flow": (lambda s: rf.ContinuousDAE(law(s)).flow(points() + s, 0.05).points - s, 2e-7),
    "denoising": (lambda s: rf.GaussianDAE(law(s), 0.05)(points() + s) - s, 1e-7),
    "projections": (radon, 1e-7),
    "reconstruction": (lambda s: rf.reconstruct(spectrum(s), eta(), points() + s), 1e-7),
    "outer weights": (fit, 1e-6),
    "representation": (representation, 2e-6),
    "double continuum": (continuum, 5e-7),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_lies_far_from_the_origin_is_what_it_is_there(name):
    call, tolerance = CALLS[name]
    near = call(np.zeros(2))
    assert np.abs(call(FAR) - near).max() <= tolerance * np.abs(near).max()
