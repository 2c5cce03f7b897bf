"""Neurons drawn by rows of a polar grid: the same as by its single nodes."""

from dataclasses import replace

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.networks.spread_neurons import _any_nodes, _polar_nodes

TANH = rf.activation("tanh")


def spectrum(dim: int, components: int = 1) -> rf.Spectrum:
    law = rf.GaussianMixture([0.3, 0.7], np.outer([-1.0, 1.0], np.ones(dim)), 0.25)
    psi = rf.admissible_ridgelet(TANH, dim)
    grid = rf.ParameterGrid.polar(dim, 5 if dim > 1 else 1, np.geomspace(0.3, 6, 7), 2.5, 0.4)
    found = rf.ridgelet_transform(law, psi, grid)
    if components == 1:
        return found
    return replace(found, values=np.outer(found.values, np.arange(1.0, components + 1)))


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("sampling", ["sobol", "monte_carlo", "stratified"])
@pytest.mark.parametrize(("dim", "components"), [(1, 1), (2, 1), (3, 2)])
def test_rows_first_gives_the_nodes_that_all_nodes_give(dim, components, sampling, root):
    made = spectrum(dim, components)
    a, b = _polar_nodes(made, root, 400, sampling, np.random.default_rng(3))
    node = _any_nodes(made, root, 400, sampling, np.random.default_rng(3))
    same = (np.abs(a - made.grid.a[node]).max(axis=1) < 1e-12) & (
        np.abs(b - made.grid.b[node]) < 1e-12
    )
    # Rounding may move a draw that falls on the edge of a cell; measured: all are the same.
    assert same.sum() >= 399


@pytest.mark.parametrize("root", [False, True])
def test_neurons_have_the_density_of_the_spectrum(root):
    made = spectrum(2)
    grid = made.grid
    scale = np.linalg.norm(grid.a, axis=1)
    lebesgue = grid.weights / scale**3
    density = np.abs(made.values) * scale**3
    mass = (density ** (0.5 if root else 1.0)) * lebesgue
    a, _ = _polar_nodes(made, root, 20000, "sobol", np.random.default_rng(0))
    for rho in grid.scales:
        expected = mass[np.isclose(scale, rho)].sum() / mass.sum()
        found = np.isclose(np.linalg.norm(a, axis=1), rho).mean()
        assert abs(found - expected) < 5e-4  # measured 1e-4


@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_the_unit_of_values_does_not_matter(unit):
    made = spectrum(2)
    scaled = replace(made, values=unit * made.values)
    for root in (False, True):
        pair = [
            _polar_nodes(one, root, 200, "sobol", np.random.default_rng(1))
            for one in (made, scaled)
        ]
        assert (pair[0][0] == pair[1][0]).all() and (pair[0][1] == pair[1][1]).all()
