"""Wasserstein distances between laws: closed forms, one dimension, slices, and exact matching."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from ridgeflow._kernels.transport_plan import optimal_plan
from ridgeflow._parallel import interruptible
from ridgeflow._progress import Progress, steps, with_progress
from ridgeflow._validate import (
    array_like,
    as_covariance,
    as_generator,
    as_points,
    as_real_array,
    fits_in_memory,
    one_of,
    positive_int,
)
from ridgeflow.closed_forms import normal_wasserstein2
from ridgeflow.errors import ConvergenceError
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.geometry import directions
from ridgeflow.transport.functionals import Estimate, student

__all__ = ["bures_map", "sliced_wasserstein2", "wasserstein2"]

_METHODS = ("auto", "normal", "quantiles", "assignment")
# Pairs of atoms up to which a plan between unequal weights is sought: some seconds.
_LARGEST_PLAN = 4_000_000
# Coordinates are brought to this power of two: squares of differences 1e150 times larger, and
# 1e150 times smaller, than the largest of them neither overflow nor vanish.
_EXPONENT = 490
# Weights sum to one, so that shares of the mass below this are rounding.
_ROUNDING = 4e-16
# Seed of the turns of sets of directions.
_TURNS = 20190101
# Of the potentials of a plan, which are sums of two doubles.
_TWICE_ROUNDING = 1e-30


def _atoms(value: Any, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and weights that sum to one."""
    if isinstance(value, SampleField):
        if not value.is_law:
            raise ValueError(
                f"`{name}` must be a law, got a SampleField that carries values (build it from the "
                "points alone)"
            )
        points = value.points.astype(np.float64)
        weights = np.asarray(value.weights, dtype=np.float64)
        kept = weights > 0
        return points[kept], weights[kept] / weights.sum()
    if not array_like(value):
        raise TypeError(
            f"`{name}` must be a GaussianMixture, a SampleField or an array of points, got "
            f"{type(value).__name__}"
        )
    points = as_points(value, name).astype(np.float64)
    return points, np.full(len(points), 1 / len(points))


def _normal(value: Any) -> bool:
    return isinstance(value, GaussianMixture) and value.n_components == 1


@with_progress("Wasserstein distance")
def wasserstein2(p: Any, q: Any, *, method: str = "auto", progress: Progress = None) -> float:
    r"""Wasserstein distance W2 between two laws.

    .. math:: W_2(p, q)^2 = \min_\pi \int |x - y|^2\,d\pi(x, y)

    over all couplings π of p and q.

    Parameters
    ----------
    p, q : GaussianMixture, SampleField, or array_like of shape (n, m)
        Two normal laws (mixtures of one component), or two empirical laws in the same R^m.
    method : {"auto", "normal", "quantiles", "assignment"}
        "normal": the Bures formula; "quantiles": m = 1, exact for any weights; "assignment": any
        m, exact, for small problems; "auto" takes what fits.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    float
        The distance, not its square, in the unit of x.

    Raises
    ------
    ValueError
        If dimensions disagree, or the method does not fit the laws.
    TypeError
        If a law is of another kind, or only one of them is continuous.
    MemoryBudgetError
        If the matrix of distances does not fit.
    ConvergenceError
        If the network simplex method does not end.

    Notes
    -----
    **Accuracy.** Rounding: exact for the laws given, in every unit of length; shares of the mass
    below some 1e-16 of it are rounding. Between samples of two laws, the distance of the laws
    themselves is overestimated by O(n^{-1/m}) for m > 2.

    **Cost.** "normal" O(m³); "quantiles" O(n log n); "assignment" O(n³) time at worst and O(n²)
    memory: an assignment for equal numbers and weights, the network simplex method otherwise, some
    two seconds for 2000 with 2000 atoms.

    See Also
    --------
    sliced_wasserstein2 : for many points in many dimensions.
    bures_map : the optimal map between normal laws.

    References
    ----------
    C. Villani, *Topics in Optimal Transportation*, AMS 2003, Theorems 2.18 and 2.12.
    R. Jonker and A. Volgenant, *A shortest augmenting path algorithm for dense and sparse linear
    assignment problems*, Computing 38 (1987). R. K. Ahuja, T. L. Magnanti and J. B. Orlin,
    *Network Flows*, 1993, chapter 11 (network simplex).

    Examples
    --------
    >>> wasserstein2([[0.0], [1.0]], [[3.0], [2.0]])
    2.0
    >>> wasserstein2(GaussianMixture([1.0], [[0.0]], 1.0), GaussianMixture([1.0], [[3.0]], 25.0))
    5.0
    """
    one_of(method, "method", _METHODS)
    if isinstance(p, GaussianMixture) or isinstance(q, GaussianMixture):
        if not (_normal(p) and _normal(q)):
            raise TypeError(
                "`p` and `q` must both be normal laws or both be samples, got "
                f"{_described(p)} and {_described(q)} (no closed form is known: draw samples of "
                "both, or use sliced_wasserstein2)"
            )
        if method not in ("auto", "normal"):
            raise ValueError(f"`method` must be 'normal' for normal laws, got {method!r}")
        if p.dim != q.dim:
            raise ValueError(f"`q` must have dimension {p.dim} like `p`, got {q.dim}")
        return normal_wasserstein2(p.means[0], p.covariances[0], q.means[0], q.covariances[0])
    x, v = _atoms(p, "p")
    y, w = _atoms(q, "q")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"`q` must have dimension {x.shape[1]} like `p`, got {y.shape[1]}")
    if method == "normal":
        raise ValueError(
            "`method` 'normal' needs normal laws, got samples (fit GaussianMixture([1.0], "
            "[mean], covariance) to each)"
        )
    if method == "quantiles" and x.shape[1] != 1:
        raise ValueError(f"`method` 'quantiles' needs one dimension, got {x.shape[1]}")
    (x, y), shift = _in_common_unit(x, y)
    if x.shape[1] == 1 and method != "assignment":
        return _in_own_unit(_quantile_cost(x[:, 0], v, y[:, 0], w), shift)
    return _in_own_unit(_matching_cost(x, v, y, w), shift)


def _in_common_unit(*lengths: NDArray) -> tuple[list[NDArray], int]:
    """All times two to the power of `shift`, exact: squares of their differences are numbers."""
    largest = max(float(np.abs(each).max()) for each in lengths)
    shift = _EXPONENT - math.frexp(largest)[1] if largest > 0 else 0
    return [np.ldexp(each, shift) for each in lengths], shift


def _in_own_unit(cost: float, shift: int) -> float:
    """The root of a mean square that was taken in the common unit."""
    try:
        return math.ldexp(math.sqrt(max(cost, 0.0)), -shift)
    except OverflowError:
        raise ValueError(
            "`p` and `q` must be less than 1.8e308 apart, got points further away from each other "
            "(take another unit of length)"
        ) from None


def _described(law: Any) -> str:
    if isinstance(law, GaussianMixture):
        return f"a mixture of {law.n_components} component(s)"
    return type(law).__name__


def _evenly(v: NDArray, w: NDArray) -> bool:
    """Whether all atoms of both laws weigh the same."""
    return len(v) == len(w) and np.ptp(v) == 0 and np.ptp(w) == 0


def _quantile_cost(x: NDArray, v: NDArray, y: NDArray, w: NDArray) -> float:
    """Integral of |F^{-1} - G^{-1}|^2 over the levels at which either quantile function jumps."""
    i, j = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    if _evenly(v, w):
        return float(np.mean((x[i] - y[j]) ** 2))
    f, g = np.cumsum(v[i]), np.cumsum(w[j])
    levels = np.unique(np.concatenate([[0.0], f[:-1], g[:-1], [1.0]]).clip(0.0, 1.0))
    # Sums of weights carry rounding: what lies between two roundings of one level is no mass.
    levels = levels[np.append(np.diff(levels) > _ROUNDING * len(levels), True)]
    levels[0] = 0.0
    middle = 0.5 * (levels[1:] + levels[:-1])
    left = x[i][np.minimum(np.searchsorted(f, middle), len(x) - 1)]
    right = y[j][np.minimum(np.searchsorted(g, middle), len(y) - 1)]
    return float(np.diff(levels) @ (left - right) ** 2)


def _matching_cost(x: NDArray, v: NDArray, y: NDArray, w: NDArray) -> float:
    even = _evenly(v, w)
    fits_in_memory(
        (8.0 if even else 24.0) * len(x) * len(y) + 64.0 * (len(x) + len(y)),
        f"a matching of {len(x)} with {len(y)} points",
        "use fewer points, or sliced_wasserstein2",
    )
    if even:
        cost = _squares(x, y)
        row, column = interruptible(linear_sum_assignment, cost, cost=float(len(x)) ** 3)
        return float(cost[row, column].mean())
    if len(x) * len(y) > _LARGEST_PLAN:
        raise ValueError(
            f"`p` and `q` must have at most {_LARGEST_PLAN} pairs of atoms where their weights or "
            f"numbers differ, got {len(x) * len(y)} (resample to equal numbers, or use "
            "sliced_wasserstein2)"
        )
    # The widest axis orders the atoms: the plan begins as the monotone one along it.
    axis = int(np.argmax(np.maximum(np.ptp(x, axis=0), np.ptp(y, axis=0))))
    i, j = np.argsort(x[:, axis], kind="stable"), np.argsort(y[:, axis], kind="stable")
    return _plan_cost(_squares(x[i], y[j]), v[i], w[j])


def _squares(x: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Squared distances (n, k)."""
    pairs = float(len(x)) * len(y)
    return interruptible(lambda: cdist(x, y, "sqeuclidean"), cost=pairs * (8 + 2 * x.shape[1]))


def _plan_cost(cost: NDArray, v: NDArray, w: NDArray) -> float:
    """Least cost of a plan between weights v (n,) and w (k,), not all equal."""
    n, k = cost.shape
    flow, parent = np.empty(n + k), np.empty(n + k, np.int64)
    most = 1000 * (n + k)
    # Some steps for each atom, each of which looks at a part of the pairs.
    pairs = float(n) * k
    steps = interruptible(optimal_plan, cost, v, w, most, flow, parent, cost=(n + k) * pairs)
    if steps < 0:
        raise ConvergenceError(
            f"the plan between {n} and {k} atoms of `p` and `q` must be found within {most} steps, "
            "got no end (use sliced_wasserstein2)"
        )
    node = np.arange(n + k)
    row, column = np.where(node < n, node, parent), np.where(node < n, parent, node)
    used = (parent >= 0) & (flow > _ROUNDING * (n + k))
    row, column = row[used], column[used]
    least = float(flow[used] @ cost[row, column - n])
    if float(cost.max()) * _TWICE_ROUNDING <= 1e-12 * least:
        return least
    # Groups so far apart that their distance drowns the differences within them: where nothing
    # moves from one to another, each is a problem of its own.
    links = coo_array((np.ones(len(row)), (row, column)), shape=(n + k, n + k))
    count, group = connected_components(links, directed=False)
    if count == 1:
        return least
    parts = [(group[:n] == g, group[n:] == g) for g in range(count)]
    return sum(_plan_cost(cost[np.ix_(r, c)], v[r], w[c]) for r, c in parts if r.any() and c.any())


@with_progress("sliced Wasserstein distance")
def sliced_wasserstein2(
    p: Any,
    q: Any,
    *,
    n_directions: int | None = None,
    n: int = 4096,
    rng: int | np.random.Generator | None = None,
    progress: Progress = None,
) -> Estimate:
    r"""Sliced Wasserstein distance: the root mean square over directions of that of projections.

    .. math:: SW_2(p, q)^2 = \frac{1}{|S^{m-1}|}\int_{S^{m-1}} W_2(u\cdot p,\ u\cdot q)^2\,du

    Parameters
    ----------
    p, q : GaussianMixture, SampleField, or array_like of shape (n, m)
        Any two laws in the same R^m. Mixtures are sampled, two normal laws are not.
    n_directions : int, optional
        Directions of the half sphere, at least two, by default 64 for m = 2 and 256 beyond: evenly
        spread in the plane, four evenly spread and turned sets in space, eight turned sets of
        scrambled Sobol points beyond.
    n : int
        Samples of each mixture.
    rng : int or Generator, optional
        Of these samples.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    Estimate
        Distance, and the standard error that the choice of directions leaves: from the sets, by
        Student's law, in the plane from the halves and quarters of the directions.

    Raises
    ------
    ValueError
        If dimensions disagree, or one direction is asked for in more than one dimension.
    TypeError
        If a law is of another kind.
    MemoryBudgetError
        If the directions do not fit.

    Notes
    -----
    **Accuracy.** Exact along each direction; the error of the directions is estimated. The error
    does not see that mixtures are sampled: two laws of spread σ in each direction that coincide
    come out some ``2σ/sqrt(n)`` apart, and the square of a distance D by some ``4σD/sqrt(n)`` off.

    **Cost.** O(U n (m + log n)).

    See Also
    --------
    wasserstein2

    References
    ----------
    N. Bonneel, J. Rabin, G. Peyre and H. Pfister, *Sliced and Radon Wasserstein barycenters of
    measures*, J. Math. Imaging Vision 51 (2015).

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(500, 2))
    >>> ratio = float(sliced_wasserstein2(x, x + [3.0, 4.0])) / 5
    >>> bool(abs(ratio - np.sqrt(0.5)) < 1e-12)
    True
    """
    generator, n = as_generator(rng), positive_int(n, "n")
    if isinstance(p, GaussianMixture) and isinstance(q, GaussianMixture) and p.dim != q.dim:
        raise ValueError(f"`q` must have dimension {p.dim} like `p`, got {q.dim}")
    clouds = None if _normal(p) and _normal(q) else _clouds(p, q, n, generator)
    dim = p.dim if clouds is None else clouds[0][0].shape[1]
    count = n_directions if n_directions is not None else {1: 1, 2: 64}.get(dim, 256)
    count = positive_int(count, "n_directions", minimum=1 if dim == 1 else 2)
    atoms = each = 0
    if clouds is not None:
        weights = clouds[0][1], clouds[1][1]
        # Points in their own and in the common unit, places on a line, their ranks and levels.
        atoms = sum(map(len, weights))
        each = 16 * dim + (48 if _evenly(*weights) else 128)
    fits_in_memory(
        8.0 * count * (dim + 4) + float(each * atoms),
        *("the slices along `n_directions`", "take fewer of them, or fewer points"),
    )
    sets = _direction_sets(dim, count)
    u = np.concatenate(sets)
    costs, shift = _costs_along(u, p, q, clouds)
    means = _means_of_sets(costs, sets)
    square = float(np.average(means, weights=[len(each) for each in sets]))
    value = _in_own_unit(square, shift)
    if dim == 1 or square == 0:
        return Estimate(value, 0.0)
    # Relative to the square, whose own square may overflow in the common unit.
    error = _error_of_angles(costs / square) if dim == 2 else _error_of_sets(means / square)
    # From above: the slope of a root is steep near zero.
    error = 0.5 * error if error < 1 else math.sqrt(1 + error) - 1
    return Estimate(value, value * error)


def _clouds(
    p: Any, q: Any, n: int, generator: np.random.Generator
) -> list[tuple[NDArray, NDArray]]:
    """Points and weights of two laws, of which mixtures are sampled."""
    clouds = []
    for law, name in ((p, "p"), (q, "q")):
        if isinstance(law, GaussianMixture):
            points = law.sample(n, generator)
            clouds.append((points, np.full(len(points), 1 / len(points))))
        else:
            clouds.append(_atoms(law, name))
    dims = [points.shape[1] for points, _ in clouds]
    if dims[0] != dims[1]:
        raise ValueError(f"`q` must have dimension {dims[0]} like `p`, got {dims[1]}")
    return clouds


def _costs_along(
    u: NDArray, p: Any, q: Any, clouds: list[tuple[NDArray, NDArray]] | None
) -> tuple[NDArray, int]:
    """Squared distances of the projections on u, in the common unit, and its shift."""
    if clouds is None:
        spread = [np.sqrt(np.einsum("ui,ij,uj->u", u, c.covariances[0], u)) for c in (p, q)]
        (a, b, d, e), shift = _in_common_unit(p.means[0], q.means[0], *spread)
        return (u @ (a - b)) ** 2 + (d - e) ** 2, shift
    (x, v), (y, w) = clouds
    (x, y), shift = _in_common_unit(x, y)
    return np.array([_quantile_cost(x @ each, v, y @ each, w) for each in steps(u)]), shift


def _means_of_sets(costs: NDArray, sets: list[NDArray]) -> NDArray:
    """The mean over each set of directions; rules in space have weights of their own."""
    means, start = [], 0
    for each in sets:
        # They are those of the rule before it was turned.
        weight = directions(each.shape[1], len(each))[1]
        means.append(float(costs[start : start + len(each)] @ weight / weight.sum()))
        start += len(each)
    return np.array(means)


def _error_of_angles(costs: NDArray) -> float:
    """Standard error of the mean over evenly spread angles, from the halves and quarters."""
    halves = [float(costs[i::2].mean()) for i in (0, 1)]
    error = 0.5 * abs(halves[0] - halves[1])
    if len(costs) >= 8:
        # Two halves may agree by chance; quarters are coarser rules, which hardly all do.
        quarters = [float(costs[i::4].mean()) for i in range(4)]
        error = max(error, 0.5 * student(4) * float(np.std(quarters, ddof=1)))
    return error


def _error_of_sets(means: NDArray) -> float:
    """Standard error of a mean of independent rules."""
    return student(len(means)) * float(np.std(means, ddof=1)) / math.sqrt(len(means))


def _direction_sets(dim: int, count: int) -> list[NDArray]:
    """Sets of directions (n, m), each a rule of its own; turned at random, so independent."""
    if dim <= 2:
        return [directions(dim, count)[0]]
    groups = min(4 if dim == 3 else 8, count // 2 if count > 3 else 2)
    rng = np.random.default_rng(_TURNS)
    sizes = [count // groups + (i < count % groups) for i in range(groups)]
    sets = []
    for size in sizes:
        turn, corner = np.linalg.qr(rng.standard_normal((dim, dim)))
        sets.append(directions(dim, size)[0] @ (turn * np.sign(np.diag(corner))))
    return sets


def bures_map(
    covariance1: ArrayLike,
    covariance2: ArrayLike,
) -> NDArray[np.float64]:
    r"""The linear map that carries N(0, Σ1) to N(0, Σ2) optimally.

    .. math:: A = \Sigma_1^{-1/2}\big(\Sigma_1^{1/2}\Sigma_2\Sigma_1^{1/2}\big)^{1/2}
              \Sigma_1^{-1/2},\qquad A\,\Sigma_1 A = \Sigma_2

    symmetric and positive, so the gradient of a convex function; between laws with means it is
    :math:`x \mapsto m_2 + A(x - m_1)`.

    Parameters
    ----------
    covariance1 : array_like, shape (m, m)
        Positive definite.
    covariance2 : array_like, shape (m, m)
        Positive definite.

    Returns
    -------
    ndarray, shape (m, m)

    Raises
    ------
    ValueError
        If a matrix is not symmetric positive definite, or the shapes disagree.

    Notes
    -----
    **Accuracy.** Rounding times the condition number of Σ1, whatever that of Σ2.

    **Cost.** O(m³).

    See Also
    --------
    wasserstein2

    References
    ----------
    M. Gelbrich, *On a formula for the L2 Wasserstein metric between measures on Euclidean and
    Hilbert spaces*, Math. Nachr. 147 (1990).

    Examples
    --------
    >>> bures_map([[1.0, 0.0], [0.0, 4.0]], [[9.0, 0.0], [0.0, 4.0]])
    array([[3., 0.],
           [0., 1.]])
    """
    first = as_real_array(covariance1, "covariance1", ndim=2)
    first = as_covariance(first, "covariance1", len(first))
    second = as_covariance(covariance2, "covariance2", len(first))
    # Roots of both, with powers of four taken out: squares of the smallest do not vanish.
    shifts = [math.frexp(float(np.abs(each).max()))[1] // 2 for each in (first, second)]
    l1, l2 = (
        np.linalg.cholesky(np.ldexp(each, -2 * shift))
        for each, shift in zip((first, second), shifts, strict=True)
    )
    # A = L1^{-T} (L1ᵀ Σ2 L1)^{1/2} L1^{-1}, and the root is V S Vᵀ for L2ᵀ L1 = U S Vᵀ: nothing
    # is squared that has to be rooted again. As a product with its transpose A is positive.
    _, size, right = np.linalg.svd(l2.T @ l1)
    half = solve_triangular(l1, right.T * np.sqrt(size), trans="T", lower=True)
    return np.ldexp(half @ half.T, shifts[1] - shifts[0])
