"""What ``ridgeflow info --check`` does: where kernels are kept, and five closed forms."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ridgeflow
from ridgeflow import closed_forms
from ridgeflow._kernels._jit import cache_folders

__all__ = ["CHECKS", "kernel_caches", "run_checks"]

_MEAN = np.array([0.2, -0.1])
_COVARIANCE = np.array([[0.05, 0.02], [0.02, 0.08]])


def _law() -> Any:
    return ridgeflow.GaussianMixture([1.0], [_MEAN], [_COVARIANCE])


def _relative(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def _radon() -> float:
    """Projections of a sampled normal density, beside those of the density."""
    axes = [np.linspace(-2, 2, 129)] * 2
    field = ridgeflow.GridField.from_function(_law().pdf, axes)
    angles, offsets = ridgeflow.directions(2, 16)[0], np.linspace(-2, 2, 65)
    truth = closed_forms.radon_gaussian(angles, offsets, _MEAN, _COVARIANCE)
    return _relative(ridgeflow.radon(field, angles, offsets), truth)


def _spectrum() -> tuple[Any, Any]:
    eta = ridgeflow.activation("tanh")
    psi = ridgeflow.admissible_ridgelet(eta, 2)
    grid = ridgeflow.ParameterGrid.for_field(_law(), eta, psi, 1e-3)
    return ridgeflow.ridgelet_transform(_law(), psi, grid), eta


def _reconstruction() -> float:
    """The density again, from its ridgelet transform."""
    spectrum, eta = _spectrum()
    points = _law().sample(200, rng=0)
    return _relative(ridgeflow.reconstruct(spectrum, eta, points), _law().pdf(points))


def _flow() -> float:
    """The backward heat flow of a normal law, which is affine."""
    points = _law().sample(200, rng=1)
    t = 0.25 * ridgeflow.ContinuousDAE(_law()).t_max
    # The integrator, not the closed form that it is compared with.
    found = ridgeflow.ContinuousDAE(_law()).flow(points, t, method="ode", log_density=False).points
    return _relative(found, closed_forms.normal_flow(points, _MEAN, _COVARIANCE, t))


def _network() -> Any:
    rng = np.random.default_rng(2)
    a, b, c = rng.normal(size=(300, 2)), rng.normal(size=300), rng.normal(size=(300, 1))
    return ridgeflow.ShallowNetwork(a, b, c, "tanh"), (a, b, c)


def _neurons() -> float:
    """A network by its kernel, and by the formula."""
    network, (a, b, c) = _network()
    points = _law().sample(100, rng=3)
    truth = np.tanh(points @ a.T - b) @ c
    return _relative(network(points).reshape(truth.shape), truth)


def _files() -> float:
    """A network and a spectrum that were saved and loaded have their bits again."""
    network, spectrum = _network()[0], _spectrum()[0]
    with tempfile.TemporaryDirectory() as folder:
        network.save(Path(folder) / "network.npz")
        spectrum.save(Path(folder) / "spectrum.npz")
        again = ridgeflow.load_network(Path(folder) / "network.npz")
        values = ridgeflow.load_spectrum(Path(folder) / "spectrum.npz").values
    points = _law().sample(100, rng=4)
    same = np.array_equal(again(points), network(points))
    return 0.0 if same and np.array_equal(values, spectrum.values) else 1.0


# What is compared, how, and the largest relative error; measured 3e-11, 2e-4, 3e-11, 5e-16, 0.
CHECKS: tuple[tuple[str, Callable[[], float], float], ...] = (
    ("Radon transform of a normal density", _radon, 1e-8),
    ("ridgelet transform and reconstruction", _reconstruction, 1e-3),
    ("flow of a normal law", _flow, 1e-6),
    ("network of 300 neurons", _neurons, 1e-12),
    ("files that were saved and loaded", _files, 0.0),
)


def run_checks() -> list[dict[str, Any]]:
    """Each check with its error, whatever it raises, its tolerance, and the seconds it took."""
    found = []
    for name, check, tolerance in CHECKS:
        start = time.perf_counter()
        error, reason = float("nan"), ""
        try:
            with warnings.catch_warnings():
                # Kernels that cannot be kept are told of beside the checks.
                warnings.simplefilter("ignore", ridgeflow.CacheWarning)
                error = check()
        # An installation that is broken may raise anything: that is what is looked for.
        except Exception as failure:
            reason = f"{type(failure).__name__}: {failure}"
        found.append(
            {
                "name": name,
                "error": error,
                "tolerance": tolerance,
                "passed": bool(error <= tolerance),
                "reason": reason,
                "seconds": time.perf_counter() - start,
            }
        )
    return found


def kernel_caches() -> list[dict[str, Any]]:
    """Folders of compiled kernels that have been loaded, and whether they can be written."""
    return [
        {"folder": folder, "writable": os.access(folder, os.W_OK | os.X_OK)}
        for folder in sorted(cache_folders)
    ]
