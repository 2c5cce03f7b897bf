"""Exact spectra of Gaussian mixtures on parameter grids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.spectra import mixture_rows
from ridgeflow._parallel import parallel_for
from ridgeflow.closed_forms import ridgelet_gaussian_mixture
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.radon_transform.smoothed_samples import SmoothedSamples
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid

__all__ = ["exact_transform"]


def exact_transform(
    field: GaussianMixture | SmoothedSamples, ridgelet: Ridgelet, grid: ParameterGrid
) -> NDArray[np.float64]:
    r"""Sums :math:`\sum_k w_k v_k^{-(s+1)/2} \psi((a\cdot\mu_k - b)/\sqrt{v_k})`: (P,), or (P, C).

    On a polar grid :math:`v_k = 1 + \rho^2 u^T\Sigma_k u` belongs to a direction and a scale, and
    the arguments along the offsets are in equal steps: no array of nodes is made.
    """
    if isinstance(field, SmoothedSamples):
        return field.at_nodes(grid.a, grid.b, ridgelet)
    if grid.kind != "polar":
        return ridgelet_gaussian_mixture(
            grid.a, grid.b, ridgelet, field.weights, field.means, field.covariances
        )
    u = grid.directions
    shared = field.shared_covariance
    roots = np.linalg.cholesky(field.covariances[:1] if shared else field.covariances)
    spread = (np.einsum("ud,kde->uke", u, roots) ** 2).sum(axis=2)
    out = np.empty(grid.size)
    parallel_for(
        mixture_rows,
        len(u) * len(grid.scales),
        grid.scales,
        grid.starts,
        grid.half_counts,
        grid.step,
        u @ (field.means - grid.center).T,
        np.ascontiguousarray(np.broadcast_to(spread, (len(u), field.n_components))),
        field.weights.copy(),
        ridgelet.exponent + 1,
        *ridgelet.table(),
        1.0 if ridgelet.parity == "even" else -1.0,
        out,
    )
    return out
