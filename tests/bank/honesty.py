"""Cases for the honesty of error budgets, drawn by a generator, and a runner that measures them.

Two banks: spectra (``Spectrum.error_budget`` against ``reconstruct``) and integral representations
(``IntegralRepresentation.error_budget`` against the field). Whoever tunes a constant draws from
another seed than the one that is reported:

    python tests/bank/honesty.py spectra 500 --seed 20
    python tests/bank/honesty.py representations 500 --seed 20 --part 0/4

``--table FILE`` adds the figures to a file, as docs/honesty_table.txt was made.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import ridgeflow as rf

SEEN = [name for name in rf.activation_names() if name != "linear"]
# Nodes of a spectrum, and samples of a field, that a case may have: more takes seconds.
MOST_NODES = {1: 100_000, 2: 400_000, 3: 800_000}
MOST_SAMPLES = {1: 2000, 2: 96, 3: 24}
# Of representations: refused beyond.
MEMORY = {1: 2**20, 2: 2**22, 3: 2**23}
TRUTH_POINTS = {1: 16_000, 2: 6_000, 3: 3_000}


@dataclass(frozen=True)
class Shape:
    """A function of unit size about the origin, and where it lives."""

    family: str
    values: Callable  # (n, m) -> (n,) or (n, k)
    reach: float  # where it has ended
    fine: float  # its shortest length, of which a fraction is the spacing of samples
    spots: list = field(default_factory=list)  # (center, width): where points are drawn as well
    law: rf.GaussianMixture | None = None
    rough: bool = False  # no number of samples resolves it


def bell(x, width=1.0):
    return np.exp(-0.5 * (x**2).sum(axis=1) / width**2)


def unit(rng, dim):
    u = rng.normal(size=dim)
    return u / np.linalg.norm(u)


def ends(rng):
    """Standard deviations at which a bell is cut off: its rim there is 1e-4 to 1e-11."""
    return rng.uniform(4.4, 7.0)


def narrow_beside_wide(rng, dim):
    ratio = np.exp(rng.uniform(np.log(5), np.log({1: 60, 2: 15, 3: 5}[dim])))
    height = rng.uniform(0.05, 1.0) * rng.choice([-1, 1])
    place = rng.uniform(-1, 1, size=dim)
    if rng.random() < 0.5:
        weight = rng.uniform(0.05, 0.6)
        means = [np.zeros(dim), place]
        law = rf.GaussianMixture([1 - weight, weight], means, [1.0, ratio**-2])
        spots = [(means[0], 1.0), (means[1], 1 / ratio)]
        return Shape("narrow beside wide", law.pdf, 0.0, 1 / ratio, spots, law)

    def values(x):
        return bell(x) + height * bell(x - place, 1 / ratio)

    spots = [(np.zeros(dim), 1.0), (place, 1 / ratio)]
    return Shape("narrow beside wide", values, ends(rng), 1 / ratio, spots)


def anisotropic(rng, dim):
    """Variances that differ by up to 100."""
    if dim == 1:
        return mean_zero(rng, dim)
    most = {2: 10.0, 3: 3.0}[dim]
    spread = np.exp(rng.uniform(-np.log(most), 0, size=dim))
    spread[0], spread[-1] = 1.0, rng.uniform(1, 2) / most
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    spots = [(np.zeros(dim), float(s)) for s in spread]
    if rng.random() < 0.6:
        law = rf.GaussianMixture([1.0], [np.zeros(dim)], turn @ np.diag(spread**2) @ turn.T)
        return Shape("anisotropic", law.pdf, 0.0, float(spread.min()), spots, law)

    def values(x):
        z = x @ turn / spread
        return (z[:, 0] + rng_shift) * bell(z)

    rng_shift = rng.normal()
    return Shape("anisotropic", values, ends(rng), float(spread.min()), spots)


def oscillating(rng, dim):
    most = {1: 40.0, 2: 10.0, 3: 4.0}[dim]
    wave = rng.uniform(2, most) * unit(rng, dim)
    phase, chirp = rng.uniform(0, 2 * np.pi), rng.choice([0.0, 0.3]) * rng.random()

    def values(x):
        along = x @ wave
        return np.cos(along * (1 + chirp * x[:, 0]) + phase) * bell(x)

    fine = 1 / (np.linalg.norm(wave) * (1 + 5 * chirp))
    return Shape("oscillating", values, ends(rng), min(0.5, fine), [(np.zeros(dim), 1.0)])


def kink(rng, dim):
    """|x.u - c|^alpha or |x - c|^alpha times a bell."""
    alpha = rng.choice([0.4, 0.7, 1.0, 1.0, 1.5, 2.5, 3.0])
    place = rng.uniform(-1, 1, size=dim)
    u = unit(rng, dim)
    radial = rng.random() < 0.5

    def values(x):
        along = np.linalg.norm(x - place, axis=1) if radial else np.abs((x - place) @ u)
        return along**alpha * bell(x)

    spots = [(np.zeros(dim), 1.0)]
    if radial or dim == 1:
        spots += [(place, 0.3), (place, 0.05), (place, 0.005)]
    return Shape("kink", values, ends(rng), 0.5, spots, rough=True)


def jump(rng, dim):
    place, u = rng.uniform(-1, 1, size=dim), unit(rng, dim)
    kind, size = rng.choice(["plane", "ball", "rim"]), rng.uniform(0.3, 1.5)

    def values(x):
        if kind == "plane":
            return np.where((x - place) @ u > 0, 1.0, rest) * bell(x)
        if kind == "ball":
            return 1.0 * (np.linalg.norm(x - place, axis=1) < size) + rest * bell(x)
        return 1 / (1 + (x**2).sum(axis=1))

    rest = rng.uniform(-1, 0.8) * rng.choice([0, 1])
    reach = 3.0 if kind == "rim" else ends(rng)
    spots = [(np.zeros(dim), 1.0)]
    if dim == 1:
        spots += [(place + side, 0.02) for side in (0.0, size, -size)]
    return Shape("jump", values, reach, 0.5, spots, rough=True)


def mean_zero(rng, dim):
    """Derivatives and differences of bells: one or more moments are 0."""
    kind = rng.choice(["odd", "laplacian", "difference", "hermite"])
    u = unit(rng, dim)
    if kind == "difference":
        ratio = rng.uniform(1.2, 3)

        def values(x):
            return bell(x) - ratio**dim * bell(x, 1 / ratio)

        return Shape("mean-zero", values, ends(rng), 1 / ratio, [(np.zeros(dim), 1.0)])
    degree = int(rng.integers(3, 9))
    polynomial = np.polynomial.hermite_e.HermiteE.basis(degree)
    power = int(rng.choice([1, 3, 5]))

    def values(x):
        if kind == "odd":
            return (x @ u) ** power * bell(x)
        if kind == "laplacian":
            return ((x**2).sum(axis=1) - dim) * bell(x)
        return polynomial(x @ u) * bell(x)

    return Shape("mean-zero", values, ends(rng), 0.5, [(np.zeros(dim), 1.0)])


def peaked(rng, dim):
    """Algebraic or exponential tails, and analytic functions with poles nearby."""
    kind, near = rng.choice(["sech", "lorentz", "root"]), np.exp(rng.uniform(np.log(0.1), 0))
    near = max(near, {1: 0.05, 2: 0.2, 3: 0.5}[dim])
    place = rng.uniform(-0.5, 0.5, size=dim)

    def values(x):
        square = ((x - place) ** 2).sum(axis=1)
        if kind == "sech":
            return bell(x) / np.cosh(np.sqrt(square + near**2) / near)
        if kind == "lorentz":
            return bell(x) / (1 + square / near**2)
        return bell(x) * np.sqrt(square + near**2)

    return Shape("peaked", values, ends(rng), near, [(np.zeros(dim), 1.0), (place, near)])


def several(rng, dim):
    """Vector-valued: components of different size and kind."""
    parts = [draw(rng, dim, FAMILIES[i]) for i in rng.choice(6, size=2)]
    size = np.exp(rng.uniform(np.log(0.01), 0))

    def values(x):
        return np.stack([parts[0].values(x), size * parts[1].values(x)], axis=1)

    return joined("vector", values, parts)


def complex_valued(rng, dim):
    parts = [draw(rng, dim, FAMILIES[i]) for i in rng.choice(6, size=2)]

    def values(x):
        return parts[0].values(x) + 1j * parts[1].values(x)

    return joined("complex", values, parts)


def joined(family, values, parts):
    return Shape(
        family,
        values,
        max(max(part.reach for part in parts), 5.0),
        min(part.fine for part in parts),
        [spot for part in parts for spot in part.spots],
        rough=any(part.rough for part in parts),
    )


FAMILIES = [
    narrow_beside_wide,
    anisotropic,
    oscillating,
    kink,
    mean_zero,
    peaked,
    jump,
    several,
    complex_valued,
]


def draw(rng, dim, family):
    return family(rng, dim)


@dataclass(frozen=True)
class Field:
    """A shape moved, stretched and put on samples."""

    family: str
    source: object
    values: Callable
    spots: list
    fine: float
    bandwidth: float | None = None


def scattered(rng, dim, length, size, shift):
    n, h = int(rng.integers(5, 80)), rng.uniform(0.15, 0.6)
    x, y = rng.normal(size=(n, dim)), size * rng.normal(size=n)
    if rng.random() < 0.3:
        y = y - y.mean()

    def values(points):
        out = np.empty(len(points))
        for start in range(0, len(points), 2000):
            part = points[start : start + 2000]
            square = (((part - shift) / length)[:, None] - x) ** 2
            out[start : start + 2000] = np.exp(square.sum(axis=2) / (-2 * h * h)) @ y
        return out / n / (2 * np.pi * (h * length) ** 2) ** (dim / 2)

    spots = [(shift + length * one, 1.2 * h * length) for one in x]
    return Field(
        "samples",
        rf.SampleField(shift + length * x, y),
        values,
        spots,
        h * length,
        h * length,
    )


def moved(shape, length, size, shift):
    """The function, its spots and its law in other units."""

    def values(x):
        return size * shape.values((x - shift) / length)

    spots = [(shift + length * c, length * w) for c, w in shape.spots]
    law = None
    if shape.law is not None:
        old = shape.law
        law = rf.GaussianMixture(
            old.weights, shift + length * old.means, length**2 * old.covariances
        )
        values = law.pdf
    return values, spots, law


def units(rng, dim):
    length = 10 ** rng.uniform(-2, 2)
    size = 10 ** rng.uniform(-3, 3)
    return length, size, length * rng.uniform(-20, 20, size=dim)


def on_samples(rng, dim, shape, few):
    """Samples per axis: resolved, or hardly so."""
    if shape.rough:
        low, high = {1: (60, 3000), 2: (36, 120), 3: (14, 24)}[dim]
        return int(np.exp(rng.uniform(np.log(low), np.log(high))))
    share = rng.uniform(0.7, 1.4) if few else rng.uniform(0.2, 0.55)
    return max(8, int(2 * shape.reach / (share * shape.fine)))


def field_for_spectrum(rng, dim):
    length, size, shift = units(rng, dim)
    if rng.random() < 0.07:
        return scattered(rng, dim, length, size, shift)
    shape = draw(rng, dim, FAMILIES[rng.integers(len(FAMILIES))])
    values, spots, law = moved(shape, length, size, shift)
    if law is not None:
        return Field(shape.family, law, values, spots, shape.fine * length)
    few, single = rng.random() < 0.15, rng.random() < 0.08
    n = on_samples(rng, dim, shape, few)
    if n > MOST_SAMPLES[dim]:
        return None
    # So coarse samples show nothing of a cut at the rim.
    reach = max(shape.reach, 7.2) if few and not shape.rough else shape.reach
    half = length * reach * (1 + rng.uniform(0, 0.2, size=dim))
    axes = tuple(c + np.linspace(-h, h, n + int(rng.integers(0, 2))) for c, h in zip(shift, half))

    def cut(x):
        found = values(x)
        inside = (np.abs(x - shift) <= half).all(axis=1)
        return found * inside.reshape(-1, *[1] * (found.ndim - 1))

    gridded = rf.GridField.from_function(values, axes)
    family = "few samples" if few and not shape.rough else shape.family
    if single:
        kind = np.complex64 if np.iscomplexobj(gridded.values) else np.float32
        gridded = rf.GridField(gridded.values.astype(kind), axes)
        family = "float32"
    return Field(family, gridded, cut, spots, shape.fine * length)


def truth_points(rng, dim, center, radius, spots, n):
    """Points of a ball and their weights: half of them spread evenly, half about the spots."""
    if dim == 1:
        even = (
            center + radius * (2 * (np.arange(n // 2) + rng.random(n // 2)) / (n // 2) - 1)[:, None]
        )
    else:
        even = rng.normal(size=(n // 2, dim))
        even *= (
            radius * rng.random((n // 2, 1)) ** (1 / dim) / np.linalg.norm(even, axis=1)[:, None]
        )
        even = even + center
    spots = spots or [(center, radius)]
    which = rng.integers(len(spots), size=n - n // 2)
    middle = np.array([c for c, _ in spots]).reshape(len(spots), dim)
    width = 2.0 * np.array([w for _, w in spots])
    near = middle[which] + width[which, None] * rng.normal(size=(len(which), dim))
    x = np.concatenate([even, near])
    x = x[np.linalg.norm(x - center, axis=1) <= radius]
    volume = np.pi ** (dim / 2) / {1: np.sqrt(np.pi) / 2, 2: 1.0, 3: 0.75 * np.sqrt(np.pi)}[dim]
    density = np.full(len(x), 0.5 / (volume * radius**dim))
    for c, w in zip(middle, width, strict=True):
        square = ((x - c) ** 2).sum(axis=1) / w**2
        density += 0.5 / len(spots) * np.exp(-0.5 * square) / (2 * np.pi * w**2) ** (dim / 2)
    return x, 1 / density


def squares(values):
    return (np.abs(values.reshape(len(values), -1)) ** 2).sum(axis=1)


def tolerance(rng, dim, span):
    low, high = span[dim]
    return float(10 ** rng.uniform(low, high))


@dataclass(frozen=True)
class Outcome:
    """What one case came to; ``told``: the warnings that it gave."""

    seed: int
    family: str
    dim: int
    activation: str
    detail: str
    tol: float
    truth: float
    budget: float
    promised: bool
    told: tuple[str, ...]
    parts: tuple[float, ...]
    size: int
    seconds: tuple[float, float]

    @property
    def ratio(self):
        if self.truth == 0:
            # A field of nothing but zeros: its budget is what rounding may leave.
            return 1.0 if self.budget < 1e-12 else np.inf
        return self.budget / self.truth

    @property
    def silent_miss(self):
        return self.promised and self.truth > self.tol and not self.told


def dimension(rng):
    return int(rng.choice([1, 2, 3], p=[0.5, 0.4, 0.1]))


def poorer(rng, grid):
    """A grid with one of its resolutions spoilt."""
    parts = {
        "n_directions": len(grid.directions),
        "scales": grid.scales,
        "radius": grid.radius,
        "step": grid.step,
        "margin": grid.margin,
    }
    share = rng.uniform(0.3, 0.8)
    change = rng.choice(["n_directions", "scales", "top", "bottom", "step", "margin", "radius"])
    if change == "n_directions":
        parts["n_directions"] = max(1, int(share * len(grid.directions)))
    elif change == "scales":
        count = max(3, int(share * len(grid.scales)))
        parts["scales"] = np.geomspace(grid.scales[0], grid.scales[-1], count)
    elif change == "top":
        parts["scales"] = grid.scales[grid.scales < grid.scales[-1] * share**2]
    elif change == "bottom":
        parts["scales"] = grid.scales[grid.scales > grid.scales[0] / share**12]
    elif change == "step":
        parts["step"] = grid.step / share
    else:
        parts[change] = parts[change] * np.sqrt(share)
    if len(parts["scales"]) < 3:
        return None, ""
    made = rf.ParameterGrid.polar(
        grid.dim,
        parts["n_directions"],
        parts["scales"],
        parts["radius"],
        parts["step"],
        margin=parts["margin"],
        center=grid.center,
    )
    return made, f"poor {change}"


def spectrum_case(seed):
    """One case of the bank of spectra, or None where it is refused or too large."""
    rng = np.random.default_rng([seed, 1])
    dim = dimension(rng)
    given = field_for_spectrum(rng, dim)
    if given is None:
        return None
    eta = rf.activation(SEEN[rng.integers(len(SEEN))])
    psi, detail = rf.admissible_ridgelet(eta, dim), ""
    if rng.random() < 0.1 and not eta.point_masses:
        order = max(eta.origin_order, 0) + 1
        order += (order % 2 != (eta.parity == "odd")) + 2 * int(rng.integers(0, 2))
        psi, detail = rf.Ridgelet(dim, order), f"order {order} "
    tol = tolerance(rng, dim, {1: (-7, -1.3), 2: (-3.7, -1.0), 3: (-1.7, -0.6)})
    dual = "corrected" if rng.random() < 0.25 and not eta.point_masses else "plain"
    spoil = dual == "plain" and not eta.point_masses and rng.random() < 0.12
    clock = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            grid = rf.ParameterGrid.for_field(
                given.source, eta, psi, tol, bandwidth=given.bandwidth, dual=dual
            )
            if spoil:
                grid, what = poorer(rng, grid)
                detail += what
            if grid is None or grid.size > MOST_NODES[dim]:
                return None
            spectrum = rf.ridgelet_transform(
                given.source, psi, grid, tol=min(1e-8, 1e-2 * tol), bandwidth=given.bandwidth
            )
            middle = time.process_time()
            budget = spectrum.error_budget(eta, dual=dual)
            taken = time.process_time() - middle
            x, weight = truth_points(
                rng, dim, grid.center, grid.radius, given.spots, TRUTH_POINTS[dim]
            )
            found = rf.reconstruct(spectrum, eta, x, dual=dual)
        except ValueError as refusal:
            return str(refusal)
    truth = given.values(x)
    error = np.sqrt((weight @ squares(found - truth)) / (weight @ squares(truth)))
    return Outcome(
        seed,
        given.family,
        dim,
        eta.name,
        f"{detail}{dual} {type(given.source).__name__}",
        tol,
        float(error),
        budget.total,
        not spoil,
        tuple(str(one.message) for one in caught),
        (budget.truncation, budget.quadrature, budget.directions, budget.sampling),
        grid.size,
        (middle - clock, taken),
    )


def field_for_representation(rng, dim):
    """A field, a region or None, and how many samples it may take."""
    length, size, shift = units(rng, dim)
    shape = draw(rng, dim, FAMILIES[rng.integers(len(FAMILIES) - 1)])
    values, spots, law = moved(shape, length, size, shift)
    radius = length * rng.uniform(0.5, 2.0)
    margin = radius * np.exp(rng.uniform(np.log({1: 0.08, 2: 0.2, 3: 0.6}[dim]), np.log(2.0)))
    region = rf.Region(shift, radius, margin)
    kind, n_axis = rng.random(), None
    if law is not None and kind < 0.6:
        whole = rng.random() < 0.4
        return Field(shape.family, law, law.pdf, spots, shape.fine), None if whole else region, None
    if kind < 0.15:
        n = on_samples(rng, dim, shape, False)
        if n > MOST_SAMPLES[dim]:
            return None
        half = 1.001 * (radius + margin)
        spacing = 2 * length * max(shape.reach, 5.0) / n
        count = int(2 * half / spacing) + 2
        if count > MOST_SAMPLES[dim]:
            return None
        axes = tuple(c + np.linspace(-half, half, count) for c in shift)
        gridded = rf.GridField.from_function(values, axes)
        return Field(shape.family, gridded, values, spots, shape.fine), region, None
    slope, height = size * rng.normal(size=dim) / length, size * rng.normal()
    carried = rng.random() < 0.5

    def whole_values(x):
        found = values(x)
        if not carried:
            return found
        plane = (x - shift) @ slope + height
        return found + plane.reshape(-1, *[1] * (found.ndim - 1))

    components = 1 if values(np.zeros((1, dim))).ndim == 1 else 2
    if rng.random() < 0.15:
        n_axis = int(np.exp(rng.uniform(*np.log({1: (40, 1000), 2: (30, 120), 3: (16, 24)}[dim]))))
    source = rf.CallableField(whole_values, dim, components=components)
    return Field(shape.family, source, whole_values, spots, shape.fine), region, n_axis


def representation_case(seed):
    """One case of the bank of representations, or None where it is refused or too large."""
    rng = np.random.default_rng([seed, 2])
    dim = dimension(rng)
    drawn = field_for_representation(rng, dim)
    if drawn is None:
        return None
    given, region, n_axis = drawn
    eta = rf.activation(SEEN[rng.integers(len(SEEN))])
    tol = tolerance(rng, dim, {1: (-5, -1.3), 2: (-3.0, -1.0), 3: (-1.5, -0.7)})
    dual = "corrected" if rng.random() < 0.3 and not eta.point_masses else "plain"
    clock = time.process_time()
    with warnings.catch_warnings(record=True) as caught, rf.config(memory_budget=MEMORY[dim]):
        warnings.simplefilter("always")
        try:
            rep = rf.IntegralRepresentation(
                given.source, eta, region=region, tol=tol, dual=dual, n_axis=n_axis
            )
        except (ValueError, rf.MemoryBudgetError) as refusal:
            return str(refusal)
        middle = time.process_time()
        budget = rep.error_budget()
        taken = time.process_time() - middle
    grid = rep.spectrum.grid
    center, radius = (
        (grid.center, grid.radius) if region is None else (region.center, region.radius)
    )
    x, weight = truth_points(rng, dim, center, radius, given.spots, TRUTH_POINTS[dim])
    truth = given.values(x)
    square = weight @ squares(rep(x) - truth)
    error = np.sqrt(square / (weight @ squares(truth)))
    kind = "whole" if region is None else f"margin {region.margin / region.radius:.2f}"
    return Outcome(
        seed,
        given.family,
        dim,
        eta.name,
        f"{dual} {type(given.source).__name__} {kind} n_axis={n_axis}",
        tol,
        float(error),
        budget.total,
        True,
        tuple(str(one.message) for one in caught),
        (budget.truncation, budget.quadrature, budget.directions, budget.sampling),
        grid.size,
        (middle - clock, taken),
    )


BANKS = {"spectra": spectrum_case, "representations": representation_case}


def cases(bank, count, seed, part=(0, 1)):
    """Outcomes of the first ``count`` cases of a seed that are not refused.

    ``part`` (i, n): those of every n-th of them, for runs side by side.
    """
    outcomes, refused, turn = [], {}, 0
    first = 1_000_000 * seed
    while len(outcomes) < -(-count // part[1]):
        found = BANKS[bank](first + part[0] + part[1] * turn)
        turn += 1
        if isinstance(found, Outcome):
            outcomes.append(found)
        elif found is not None:
            refused[found.split(",")[0]] = refused.get(found.split(",")[0], 0) + 1
    return outcomes, refused


def summary(outcomes):
    """Least, median, most; shares below 1 and above 10; silent misses of tol."""
    ratio = np.array([one.ratio for one in outcomes])
    return {
        "cases": len(ratio),
        "least": float(ratio.min()),
        "median": float(np.median(ratio)),
        "most": float(ratio.max()),
        "below 1": float((ratio < 1).mean()),
        "below .8": float((ratio < 0.8).mean()),
        "above 10": float((ratio > 10).mean()),
        "silent misses": sum(one.silent_miss for one in outcomes),
        "misses": sum(one.promised and one.truth > one.tol for one in outcomes),
        "seconds": sum(sum(one.seconds) for one in outcomes),
        "of budgets": sum(one.seconds[1] for one in outcomes),
    }


def table(outcomes):
    """Lines of figures, for all cases and by family and dimension."""
    groups = {"all": outcomes}
    for one in outcomes:
        groups.setdefault(one.family, []).append(one)
        groups.setdefault(f"m = {one.dim}", []).append(one)
    head = list(summary(outcomes))
    lines = [f"{'':20s}" + "".join(f"{name:>14s}" for name in head)]
    for name, some in groups.items():
        figures = summary(some)
        lines.append(f"{name:20s}" + "".join(f"{figures[key]:14.4g}" for key in head))
    return "\n".join(lines)


def titled(bank, seed, outcomes):
    """The table under a line that says what it is of."""
    return f"{len(outcomes)} {bank}, seed {seed}\n\n{table(outcomes)}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", choices=list(BANKS))
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--out")
    parser.add_argument("--table")
    given = parser.parse_args()
    index, parts = (int(one) for one in given.part.split("/"))
    # One thread: parts are run side by side.
    with rf.config(threads=1):
        outcomes, refused = cases(given.bank, given.count, given.seed, (index, parts))
    print(table(outcomes))
    print("refused:", json.dumps(refused, indent=1))
    strange = [one for one in outcomes if not 1 <= one.ratio <= 10 or one.silent_miss]
    for one in sorted(strange, key=lambda one: one.ratio):
        print(
            f"{one.seed} {one.ratio:9.3g} {one.family:18s} m={one.dim} {one.activation:9s} "
            f"tol {one.tol:.0e} truth {one.truth:.1e} budget {one.budget:.1e} parts "
            f"{' '.join(f'{p:.0e}' for p in one.parts)} {'' if one.told else 'silent '}{one.detail}"
        )
    if given.table:
        with open(given.table, "a") as file:
            file.write(titled(given.bank, given.seed, outcomes) + "\n")
    if given.out:
        with open(given.out, "w") as file:
            json.dump([vars(one) for one in outcomes], file)


if __name__ == "__main__":
    main()
