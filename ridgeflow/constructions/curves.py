"""Closed curves by arclength, from functions or point clouds, and the sizes that bound errors."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import BSpline, make_interp_spline, splprep
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, laplacian
from scipy.sparse.csgraph import minimum_spanning_tree as spanning_tree
from scipy.sparse.linalg import eigsh
from scipy.spatial import QhullError, Voronoi, cKDTree

from ridgeflow._fork import cached_property
from ridgeflow._validate import as_points, non_negative, one_of
from ridgeflow.errors import ConvergenceError

__all__ = [
    "ClosedCurve",
    "checked_size",
    "closed_curves",
    "filling_radius",
    "order_points",
    "separate_points",
    "takes_one_array",
]

# Samples of a parametrised curve, and nodes of the curve by arclength.
_SAMPLES = 2048
_NODES = 1024
# A closing step this much longer than the next longest one is the end of an open curve.
_OPEN = 6.0
# Points reach at most this much farther along one curve than the loneliest of them is lonely.
_LINK = 3.0
_NEIGHBOURS = 10
# Rounds of a principal curve.
_ROUNDS = 6
# Singular values below this part of the first mean that the curve is flat.
_FLAT = 1e-9
_PLANES = 64
_PLANE_SEED = 5  # the planes are the same in every run
# Sizes of components, in whose squares nothing overflows or vanishes.
_SIZES = 1e-100, 1e100


def takes_one_array(function: Callable) -> bool:
    """Whether a function can be called with one argument, as far as it tells."""
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # a function of C that does not tell
        return True
    return True


def checked_size(value: float, name: str) -> float:
    """The size of a component, in a unit of length in which numbers can be computed with."""
    if not _SIZES[0] <= value <= _SIZES[1]:
        raise ValueError(
            f"`{name}` must have a size between {_SIZES[0]:g} and {_SIZES[1]:g}, got {value:.3g} "
            "(choose another unit of length)"
        )
    return value


@dataclass(frozen=True, eq=False)
class ClosedCurve:
    """A closed curve by the angle of normalised arclength, and its geometry.

    Parameters
    ----------
    nodes : ndarray, shape (M, n)
        Points at equal steps of arclength, the first not repeated.
    length : float
    """

    nodes: NDArray[np.float64]
    length: float

    @cached_property
    def _spline(self):  # type: ignore[no-untyped-def]
        return _periodic(np.linspace(0, 2 * math.pi, len(self.nodes) + 1), self.nodes)

    def __call__(self, angle: NDArray) -> NDArray[np.float64]:
        """Points at angles of normalised arclength, shape (n, m)."""
        return self._spline(np.mod(angle, 2 * math.pi))

    @property
    def step(self) -> float:
        """Arclength between nodes."""
        return self.length / len(self.nodes)

    @cached_property
    def reach(self) -> float:
        r"""Federer's :math:`\inf_{p\ne q} |q-p|^2/(2\,\mathrm{dist}(q-p, T_p))` over nodes."""
        angle = 2 * math.pi * np.arange(len(self.nodes)) / len(self.nodes)
        tangent = self._spline(angle, 1)
        tangent /= np.linalg.norm(tangent, axis=1)[:, None]
        rate = 2 * math.pi / self.length
        bend = np.linalg.norm(self._spline(angle, 2), axis=1) * rate**2
        best = 1 / bend.max() if bend.max() > 0 else math.inf
        for i in range(len(self.nodes)):
            apart = self.nodes - self.nodes[i]
            square = (apart**2).sum(1)
            across = np.sqrt(np.maximum(square - (apart @ tangent[i]) ** 2, 0))
            far = np.abs(angle - angle[i])
            far = np.minimum(far, 2 * math.pi - far) > 0.02
            with np.errstate(divide="ignore"):
                best = min(best, float((square[far] / (2 * across[far])).min()))
        return float(best)

    @cached_property
    def filling_radius(self) -> float:
        """The radius of neighbourhoods in which the curve can be contracted; see the function."""
        return filling_radius(self.nodes)


def _periodic(parameter: NDArray, values: NDArray):  # type: ignore[no-untyped-def]
    """Quintic periodic spline through values, the first not repeated."""
    closed = np.concatenate([values, values[:1]])
    degree = 5 if len(values) > 8 else 3
    return make_interp_spline(parameter, closed, k=degree, bc_type="periodic")


def closed_curves(
    curves: object, *, order: str = "auto", smoothing: float = 0.0
) -> tuple[ClosedCurve, ...]:
    """Curves from functions of an angle, from point clouds, or from one cloud of several curves."""
    order = one_of(order, "order", ("auto", "given", "find"))
    smoothing = non_negative(smoothing, "smoothing")
    if callable(curves) and not isinstance(curves, type):
        curves = [curves]
    if isinstance(curves, np.ndarray) and curves.dtype != object and curves.ndim == 2:
        curves = separate_points(curves)
    if not isinstance(curves, (list, tuple, np.ndarray)):
        raise TypeError(
            "`curves` must be a sequence of functions or of point clouds, got "
            f"{type(curves).__name__}"
        )
    if not len(curves):
        raise ValueError("`curves` must hold at least one curve, got none")
    found = tuple(
        _from_function(curve, f"curves[{i}]")
        if callable(curve) and not isinstance(curve, type)
        else _from_points(curve, f"curves[{i}]", order, smoothing)
        for i, curve in enumerate(curves)
    )
    _check_disjoint(found)
    return found


def _from_function(curve: Callable[[NDArray], ArrayLike], name: str) -> ClosedCurve:
    if not takes_one_array(curve):
        raise TypeError(f"`{name}` must take one array of angles, got another signature")
    angle = np.linspace(0, 2 * math.pi, _SAMPLES + 1)
    points = as_points(curve(angle), f"{name}(angle)").astype(np.float64)
    if len(points) != len(angle):
        raise ValueError(
            f"`{name}` must return one point per angle, got shape {points.shape} for "
            f"{len(angle)} angles"
        )
    size = checked_size(_extent(points), name)
    miss = float(np.linalg.norm(points[-1] - points[0]))
    if miss > 1e-6 * size:
        raise ValueError(
            f"`{name}` must be closed, got ends {miss:.3g} apart at the angles 0 and 2 pi (an open "
            "curve needs no bottleneck theorem: its arclength is a chart)"
        )
    return _by_arclength(angle, points[:-1], name)


def _extent(points: NDArray) -> float:
    """The longest side of the box about points, which may be infinite."""
    with np.errstate(over="ignore"):
        return float(np.ptp(points, axis=0).max())


def _from_points(points: ArrayLike, name: str, order: str, smoothing: float) -> ClosedCurve:
    given = as_points(points, name).astype(np.float64)
    if len(given) < 8:
        raise ValueError(f"`{name}` must hold at least 8 points of the curve, got {len(given)}")
    size = checked_size(_extent(given), name)
    if smoothing >= size:
        raise ValueError(
            f"`smoothing` must be less than the size {size:.3g} of `{name}`, got {smoothing:g}"
        )
    if np.linalg.norm(given[-1] - given[0]) <= 1e-12 * np.abs(given).max():
        given = given[:-1]
    nearest = cKDTree(given).query(given, k=2)[0][:, 1]
    if not nearest.min() > 0:
        raise ValueError(f"`{name}` must hold distinct points, got repeated ones (drop them)")
    if order == "auto":
        steps = np.linalg.norm(given - np.roll(given, -1, axis=0), axis=1)
        order = "given" if np.median(steps) <= 3 * np.median(nearest) else "find"
    if order == "find":
        given = given[order_points(given, name=name)]
    steps = np.linalg.norm(given - np.roll(given, -1, axis=0), axis=1)
    last, longest = np.sort(steps)[-2:]
    if longest > _OPEN * last:
        raise ValueError(
            f"`{name}` must be closed, got points {longest:.3g} apart where the next longest step "
            f"is {last:.3g} (an open curve, or one with a hole in its samples)"
        )
    if smoothing > 0:
        curve, last = _principal_curve(given, smoothing)
    else:
        parameter = np.concatenate([[0.0], np.cumsum(steps)])
        curve, last = _periodic(parameter, given), parameter[-1]
    fine = np.linspace(0, last, _SAMPLES + 1)
    return _by_arclength(fine, curve(fine[:-1]), name)


def _principal_curve(points: NDArray, sigma: float):  # type: ignore[no-untyped-def]
    """A smoothing spline through ordered points with noise, and the length of its parameter.

    Noise makes the steps of the points long and their order uncertain: points take the parameter
    of the nearest place on the curve, in turn with the curve of these parameters.
    """
    # Noise along the curve moves points on it, and leaves no residual.
    keep = points.shape[0] * (points.shape[1] - 1) * sigma**2
    parameter = np.arange(len(points), dtype=np.float64) / len(points)
    fine = np.arange(_SAMPLES) / _SAMPLES
    for _ in range(_ROUNDS):
        closed = np.concatenate([points, points[:1]])
        at = np.append(parameter, parameter[0] + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            try:
                (knots, coefficients, degree), _ = splprep(closed.T, u=at, s=keep, per=1)
            except (RuntimeWarning, ValueError) as error:
                reason = " ".join(str(error).split("\n")[0].split())
                raise ConvergenceError(
                    f"no curve was found for `smoothing` = {sigma:g}: {reason} (pass the standard "
                    "deviation of the noise, or 0 to interpolate)"
                ) from None
        curve = BSpline(knots, np.array(coefficients).T, degree)
        places = curve(parameter[0] + fine)
        # Equal steps of the parameter are to be equal steps along the curve.
        steps = np.linalg.norm(np.diff(places, axis=0, append=places[:1]), axis=1)
        along = np.concatenate([[0.0], np.cumsum(steps)[:-1]]) / steps.sum()
        nearest = along[cKDTree(places).query(points)[1]]
        order = np.argsort(nearest, kind="stable")
        points = points[order]
        # Points that share a place are set apart by less than the grid is fine.
        parameter = nearest[order] + 1e-7 * np.arange(len(points)) / len(points)
    begin = curve.t[degree]
    return (lambda at: curve(at + begin)), 1.0


def _by_arclength(parameter: NDArray, points: NDArray, name: str) -> ClosedCurve:
    """The same closed curve at equal steps of arclength."""
    curve = _periodic(parameter, points)
    speed = np.linalg.norm(curve(parameter[:-1], 1), axis=1)
    if not speed.min() > 1e-6 * speed.max():
        raise ValueError(
            f"`{name}` must not stop, got a speed of {speed.min():.3g} (largest {speed.max():.3g}; "
            "a corner or a cusp)"
        )
    rate = _periodic(parameter, speed[:, None])
    travelled = rate.antiderivative()
    start = float(travelled(parameter[0])[0])
    length = float(travelled(parameter[-1])[0]) - start
    wanted = length * np.arange(_NODES) / _NODES
    at = np.interp(wanted, travelled(parameter)[:, 0] - start, parameter)
    for _ in range(3):
        at = at - (travelled(at)[:, 0] - start - wanted) / rate(at)[:, 0]
    found = ClosedCurve(curve(at), length)
    _check_simple(found, name)
    return found


def _check_simple(curve: ClosedCurve, name: str) -> None:
    """Refuse a curve that meets itself."""
    close = cKDTree(curve.nodes).query_pairs(1.01 * curve.step, output_type="ndarray")
    along = np.abs(close[:, 0] - close[:, 1])
    along = np.minimum(along, len(curve.nodes) - along)
    met = close[along > 4]
    if len(met):
        angles = 2 * math.pi * met[0] / len(curve.nodes)
        raise ValueError(
            f"`{name}` must not meet itself, got two strands at the angles {angles[0]:.3g} and "
            f"{angles[1]:.3g} of normalised arclength nearer than {1.01 * curve.step:.3g}"
        )


def _check_disjoint(curves: tuple[ClosedCurve, ...]) -> None:
    dims = {curve.nodes.shape[1] for curve in curves}
    if len(dims) > 1:
        raise ValueError(f"`curves` must lie in one space, got dimensions {sorted(dims)}")
    for j, other in enumerate(curves):
        tree = cKDTree(other.nodes)
        for i, curve in enumerate(curves[:j]):
            apart = float(tree.query(curve.nodes)[0].min())
            if apart <= max(curve.step, other.step):
                raise ValueError(
                    f"`curves` must not touch each other, got curves {i} and {j} at a distance of "
                    f"{apart:.3g} (steps of arclength are {max(curve.step, other.step):.3g})"
                )


def separate_points(points: ArrayLike) -> list[NDArray[np.float64]]:
    """Split a cloud into the curves that its points link up to.

    Points are linked where they are nearer than three times the largest distance of a point to
    its nearest neighbour.
    """
    given = as_points(points, "curves").astype(np.float64)
    if len(given) < 8:
        raise ValueError(f"`curves` must hold at least 8 points of the curve, got {len(given)}")
    checked_size(_extent(given), "curves")
    tree = cKDTree(given)
    link = _LINK * float(tree.query(given, k=2)[0][:, 1].max())
    graph = tree.sparse_distance_matrix(tree, link, output_type="coo_matrix")
    count, label = connected_components(graph, directed=False)
    return [given[label == i] for i in range(count)]


def order_points(points: ArrayLike, *, name: str = "points") -> NDArray[np.intp]:
    """Order the points of a closed curve: along their least spanning tree, or by spectral angle.

    The tree of points that follow a curve closely is a path. Where noise gives it branches, the
    angle of the first two eigenvectors of the neighbour graph's Laplacian goes round the curve.
    """
    given = as_points(points, name).astype(np.float64)
    graph = _neighbour_graph(given)
    parts = connected_components(graph, directed=False)[0]
    if parts > 1:
        raise ValueError(
            f"`{name}` must be one curve, got {parts} groups of points that are no neighbours "
            "(pass one cloud per curve, or all curves as a single array)"
        )
    tree = spanning_tree(graph)
    degree = np.asarray((tree + tree.T).astype(bool).sum(1)).ravel()
    if degree.max() == 2:
        start = int(np.flatnonzero(degree == 1)[0])
        return breadth_first_order(tree, start, directed=False)[0].astype(np.intp)
    order = _spectral_order(graph)
    steps = np.linalg.norm(given[order] - given[np.roll(order, -1)], axis=1)
    if steps.sum() > 3 * tree.sum():
        raise ValueError(
            f"`{name}` must follow a closed curve, got a best order of length {steps.sum():.3g} "
            f"through points that a tree of length {tree.sum():.3g} links (too noisy, or no curve: "
            "denoise the points first)"
        )
    return order


def _neighbour_graph(points: NDArray):  # type: ignore[no-untyped-def]
    count = min(_NEIGHBOURS + 1, len(points))
    far, near = cKDTree(points).query(points, k=count)
    rows = np.repeat(np.arange(len(points)), count - 1)
    found = coo_matrix((far[:, 1:].ravel(), (rows, near[:, 1:].ravel())), (len(points),) * 2)
    return found.maximum(found.T).tocsr()


def _spectral_order(graph) -> NDArray[np.intp]:  # type: ignore[no-untyped-def]
    scale = float(np.median(graph.data))
    near = graph.copy()
    near.data = np.exp(-0.5 * (near.data / scale) ** 2)
    operator = laplacian(near).tocsc()
    start = np.ones(operator.shape[0])
    # A shift keeps the singular Laplacian invertible.
    vectors = eigsh(operator, k=3, sigma=-1e-6, which="LM", v0=start)[1]
    return np.argsort(np.arctan2(vectors[:, 2], vectors[:, 1])).astype(np.intp)


def filling_radius(points: ArrayLike) -> float:
    r"""Bound from below the radius of neighbourhoods in which a closed curve can be contracted.

    .. math::

       \rho(M) = \inf\{r : M \text{ bounds in } U_r(M)\}
       \ \ge\ \max_P \max\{\operatorname{dist}(y, PM) : \operatorname{wind}(PM, y) \ne 0\}

    over orthogonal projections P on planes, which do not enlarge distances. Equality for plane
    curves: the radius of the largest disc inside. A continuous map through a line moves some point
    of M at least this far.

    Parameters
    ----------
    points : array_like, shape (N, n)
        The curve, in order, densely.

    Returns
    -------
    float
        In the unit of the points; 0 where no projection that was tried winds about anything by
        more than a step between points.

    Raises
    ------
    ConvergenceError
        If the geometry of a projection could not be computed.

    Notes
    -----
    Planes: all pairs of the first four principal axes, and 64 random ones.

    **Accuracy.** Of the order of the squared distance of neighbouring points for curves in a plane;
    a lower bound for others. **Cost.** O(N²) for each plane.

    See Also
    --------
    BottleneckAutoencoder

    References
    ----------
    M. Kvalheim and E. Sontag, *Why should autoencoders work?*, TMLR 2024. M. Gromov, *Filling
    Riemannian manifolds*, J. Differential Geom. 18 (1983).

    Examples
    --------
    >>> t = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    >>> round(filling_radius(np.stack([3 * np.cos(t), np.sin(t)], axis=1)), 3)
    1.0
    """
    given = as_points(points, "points").astype(np.float64)
    # Squares and their sums must neither overflow nor vanish.
    unit = float(np.abs(given).max()) or 1.0
    centred = given / unit
    centred -= centred.mean(0)
    extent = float(np.abs(centred).max())
    if extent == 0:
        return 0.0
    centred /= extent
    values, axes = np.linalg.svd(centred, full_matrices=False)[1:]
    rank = int(np.count_nonzero(values > _FLAT * values[0]))
    if rank < 2:
        return 0.0
    if rank == 2:
        return unit * (extent * _disc(centred @ axes[:2].T))
    first = min(rank, 4)
    planes = [axes[[i, j]] for i in range(first) for j in range(i + 1, first)]
    rng = np.random.default_rng(_PLANE_SEED)
    for _ in range(_PLANES):
        planes.append(np.linalg.qr(rng.normal(size=(rank, 2)))[0].T @ axes[:rank])
    thin = centred[:: max(1, len(centred) // 512)]
    best = max(planes, key=lambda plane: _disc(thin @ plane.T))
    return unit * (extent * _disc(centred @ best.T))


def _disc(points: NDArray) -> float:
    """Radius of the largest disc about a point with a winding number, off a plane curve.

    Points are of the order of one.
    """
    steps = points - np.roll(points, 1, axis=0)
    step = float(np.linalg.norm(steps, axis=1).max())
    corners = _corners(points)
    inside = (np.abs(corners - points.mean(0)) <= np.ptp(points, axis=0)).all(1)
    # Points on a circle have its centre in common, many times over.
    corners = np.unique(np.round(corners[inside], 12), axis=0)
    distance = cKDTree(points).query(corners)[0]
    order = np.argsort(-distance)
    for start in range(0, len(order), 64):
        part = order[start : start + 64]
        wound = _winding(points, corners[part]) != 0
        if wound.any():
            # Between points the curve may come nearer, by as much as a chord does.
            return float(math.sqrt(max(distance[part[wound.argmax()]] ** 2 - 0.25 * step**2, 0)))
    return 0.0


def _corners(points: NDArray) -> NDArray[np.float64]:
    """Corners of the Voronoi cells: centres of the discs that are free of points."""
    try:
        return Voronoi(points).vertices
    except QhullError:
        # Qhull gives up where many points lie on one circle; its own way out moves points by a
        # thousand units of rounding, and the corners that matter, far from all points, by little
        # more.
        try:
            return Voronoi(points, qhull_options="Qbb Qc QJ").vertices
        except QhullError as error:
            reason = str(error).strip().splitlines()[0]
            raise ConvergenceError(
                f"the largest disc inside the curve was not found: {reason} (drop repeated points, "
                "or take fewer of them)"
            ) from error


def _winding(points: NDArray, at: NDArray) -> NDArray[np.int64]:
    """Winding numbers of a closed polygon about points."""
    to = points[None] - at[:, None]
    ahead = np.roll(to, -1, axis=1)
    turn = np.arctan2(to[..., 0] * ahead[..., 1] - to[..., 1] * ahead[..., 0], (to * ahead).sum(-1))
    return np.rint(turn.sum(1) / (2 * math.pi)).astype(np.int64)
