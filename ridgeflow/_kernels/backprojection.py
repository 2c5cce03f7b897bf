"""Sums of ridge functions given as one piecewise polynomial profile for each direction."""

from __future__ import annotations

from ridgeflow._kernels._jit import kernel

__all__ = ["sum_profiles", "sum_profiles_gradient"]


@kernel
def sum_profiles(start, stop, points, directions, centers, low, width, coefficients, out):
    """out[i, c] = sum_u g_uc(u . x_i - centers_u) for i in [start, stop).

    points (n, m), directions (U, m), centers (U,), coefficients (U, cells, C, degree + 1) in the
    local variable t in [-1, 1] of each cell, ascending; cells start at ``low``. No checks: points
    must project into the cells.
    """
    n_directions, n_cells, n_components, n_terms = coefficients.shape
    dim = points.shape[1]
    per_width = 1.0 / width
    for i in range(start, stop):
        for c in range(n_components):
            out[i, c] = 0.0
        for u in range(n_directions):
            p = -centers[u] - low
            for d in range(dim):
                p += points[i, d] * directions[u, d]
            position = p * per_width
            cell = min(max(int(position), 0), n_cells - 1)
            t = 2.0 * (position - cell) - 1.0
            for c in range(n_components):
                value = coefficients[u, cell, c, n_terms - 1]
                for term in range(n_terms - 2, -1, -1):
                    value = value * t + coefficients[u, cell, c, term]
                out[i, c] += value


@kernel
def sum_profiles_gradient(
    start, stop, points, directions, centers, low, width, coefficients, out, gradient
):
    """As ``sum_profiles``, and gradient[i, d, c] = d out[i, c] / d x_d."""
    n_directions, n_cells, n_components, n_terms = coefficients.shape
    dim = points.shape[1]
    per_width = 1.0 / width
    for i in range(start, stop):
        for c in range(n_components):
            out[i, c] = 0.0
            for d in range(dim):
                gradient[i, d, c] = 0.0
        for u in range(n_directions):
            p = -centers[u] - low
            for d in range(dim):
                p += points[i, d] * directions[u, d]
            position = p * per_width
            cell = min(max(int(position), 0), n_cells - 1)
            t = 2.0 * (position - cell) - 1.0
            for c in range(n_components):
                value = coefficients[u, cell, c, n_terms - 1]
                slope = 0.0 * value
                for term in range(n_terms - 2, -1, -1):
                    slope = slope * t + value
                    value = value * t + coefficients[u, cell, c, term]
                out[i, c] += value
                slope *= 2.0 * per_width
                for d in range(dim):
                    gradient[i, d, c] += slope * directions[u, d]
