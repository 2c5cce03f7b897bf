"""Flows of vector fields that are known by samples: every route to them, and its rivals.

``python tests/benchmarks/routes_table.py`` prints the table of the documentation (needs
scikit-learn); ``--out`` writes it to a file as well. Six fields, two of them timed, velocities with
noise of 0, 1 and 5 % of their root mean square. Of each route: the error of the field on fresh
points of the law of the samples, relative to the field; where 200 fresh points are at the end time,
median and 90 % quantile of the errors, relative to the spread of the true places; seconds of the
fit on one thread, and how many numbers it keeps. Fields are integrated by SciPy's RK45 at a
tolerance of 1e-6; rivals take time as a variable, thin plates choose their smoothing on a quarter
of the samples.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import RBFInterpolator
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import ridgeflow as rf

Field = Callable[[NDArray, NDArray], NDArray]
_STARTS, _FRESH = 200, 2000
# Of thin plates, chosen on a quarter of the samples.
_SMOOTHINGS = (1e-6, 1e-2, 1.0, 100.0)


@dataclass(frozen=True)
class Case:
    """A field v(x, t), the corners of the boxes of its samples and of the starts, how long it
    flows, how many samples there are, and neurons, and whether it moves."""

    field: Field
    box: tuple
    starts: tuple
    end: float
    count: int
    width: int
    timed: bool = False


def van_der_pol(x: NDArray, t: NDArray) -> NDArray:
    return np.stack([x[:, 1], (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1)


def lorenz(x: NDArray, t: NDArray) -> NDArray:
    a, b, c = x.T
    return np.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], axis=1)


def pendulum(x: NDArray, t: NDArray) -> NDArray:
    return np.stack([x[:, 1], -np.sin(x[:, 0]) - 0.2 * x[:, 1]], axis=1)


def gyre(x: NDArray, t: NDArray) -> NDArray:
    a = 0.25 * np.sin(0.4 * np.pi * t)
    f, slope = a * x[:, 0] ** 2 + (1 - 2 * a) * x[:, 0], 2 * a * x[:, 0] + 1 - 2 * a
    along, across = np.pi * f, np.pi * x[:, 1]
    return np.stack(
        [-np.sin(along) * np.cos(across), np.cos(along) * np.sin(across) * slope], axis=1
    )


def saddle(x: NDArray, t: NDArray) -> NDArray:
    c, s = np.cos(0.8 * np.pi * t), np.sin(0.8 * np.pi * t)
    return np.stack([c * x[:, 0] + s * x[:, 1], s * x[:, 0] - c * x[:, 1]], axis=1)


def oscillators(x: NDArray, t: NDArray) -> NDArray:
    """Four of them on a ring, with springs that harden and couplings that do not."""
    q, p = x[:, :4], x[:, 4:]
    pull = np.sin(np.roll(q, 1, axis=1) - q) + np.sin(np.roll(q, -1, axis=1) - q)
    return np.concatenate([p, -np.array([1.0, 1.7, 2.9, 4.4]) * q - 0.3 * q**3 + pull / 2], axis=1)


CASES = {
    "van der Pol": Case(van_der_pol, ([-3, -5], [3, 5]), ([-2, -2], [2, 2]), 5.0, 2000, 200),
    "Lorenz": Case(
        lorenz, ([-25, -30, 0], [25, 30, 50]), ([-8, -8, 20], [8, 8, 30]), 1.0, 3000, 300
    ),
    "pendulum": Case(pendulum, ([-3.5, -3], [3.5, 3]), ([-2, -1.5], [2, 1.5]), 10.0, 2000, 200),
    "double gyre": Case(gyre, ([0, 0], [2, 1]), ([0.1, 0.1], [1.9, 0.9]), 5.0, 4000, 50, True),
    "rotating saddle": Case(
        saddle, ([-2, -2], [2, 2]), ([-0.5, -0.5], [0.5, 0.5]), 5.0, 2000, 50, True
    ),
    "oscillators, 8-D": Case(
        oscillators, ([-1.5] * 8, [1.5] * 8), ([-0.5] * 8, [0.5] * 8), 5.0, 4000, 300
    ),
}


@dataclass(frozen=True)
class Samples:
    """Points, velocities and times (None for a steady field)."""

    x: NDArray
    v: NDArray
    t: NDArray | None

    def with_time(self) -> NDArray:
        return self.x if self.t is None else np.column_stack([self.x, self.t])


@dataclass(frozen=True)
class Answer:
    """Ends of trajectories from starts, the field where it is known, and so many numbers."""

    ends: Callable[[NDArray], NDArray]
    field: Field | None
    numbers: int


def integrated(field: Field, end: float) -> Callable[[NDArray], NDArray]:
    """The flow of a field from time 0."""

    def ends(x: NDArray) -> NDArray:
        def slope(t: float, y: NDArray) -> NDArray:
            z = y.reshape(x.shape)
            return field(z, np.full(len(z), t)).ravel()

        return solve_ivp(slope, (0, end), x.ravel(), rtol=1e-6, atol=1e-8).y[:, -1].reshape(x.shape)

    return ends


def _numbers_of(fit: rf.FieldFit) -> int:
    first = fit.fields[0]
    return (
        first.a.size
        + first.b.size
        + sum(f.c.size + f.linear.size + f.bias.size for f in fit.fields)
    )


def _fitted(case: Case, s: Samples) -> rf.FieldFit:
    return rf.fit_field(s.x, s.v, "tanh", width=case.width, times=s.t, rng=0)


def by_field(case: Case, s: Samples) -> Answer:
    fit = _fitted(case, s)

    def field(x: NDArray, t: NDArray) -> NDArray:
        if not case.timed:
            return fit.at(0.0)(x)
        parts = np.stack([f(x) for f in fit.fields], axis=1)
        low, high = fit.span
        scaled = (2 * np.clip(t, low, high) - low - high) / (high - low)
        basis = np.polynomial.chebyshev.chebvander(scaled, len(fit.fields) - 1)
        return np.einsum("nd,ndm->nm", basis, parts)

    return Answer(integrated(field, case.end), field, _numbers_of(fit))


def by_network(layers: str, depth: int) -> Callable:
    def build(case: Case, s: Samples) -> Answer:
        net = rf.reconstruct_network(
            *(s.x, s.v, "tanh"),
            depth=depth,
            width=case.width,
            time=case.end,
            times=s.t,
            layers=layers,
            rng=0,
        )
        one = net.layers[0][0]
        stages = depth * len(net.layers[0]) if case.timed else 1
        outer = one.c.size + one.linear.size + one.bias.size
        return Answer(net, None, one.a.size + one.b.size + stages * outer)

    return build


def by_continuum(case: Case, s: Samples) -> Answer | None:
    if s.x.shape[1] > 2 or case.timed:
        return None
    limit = rf.DoubleContinuum.from_samples(
        s.x, s.v, "tanh", width=case.width, span=(0.0, case.end), tol=1e-2, rng=0
    )

    def field(x: NDArray, t: NDArray) -> NDArray:
        inside = limit.region.contains(x)
        found = np.full(x.shape, np.nan)
        found[inside] = limit.velocity(x[inside], 0.0)
        return found

    return Answer(
        lambda x: limit.flow(x, case.end, log_density=False).points,
        field,
        limit.representations[0].spectrum.grid.size,
    )


def by_estimator(case: Case, s: Samples) -> Answer:
    model = rf.RidgeletRegressor(4 * case.width if case.timed else case.width, random_state=0)
    net = model.fit(s.with_time(), s.v).network_

    def field(x: NDArray, t: NDArray) -> NDArray:
        return net(np.column_stack([x, t]) if case.timed else x)

    parts = (net.a, net.b, net.c, net.linear, net.bias)
    return Answer(integrated(field, case.end), field, sum(part.size for part in parts))


def by_perceptron(case: Case, s: Samples) -> Answer:
    inside, outside = StandardScaler().fit(s.with_time()), StandardScaler().fit(s.v)
    model = MLPRegressor(
        hidden_layer_sizes=(64, 64), activation="tanh", max_iter=1000, tol=1e-6, random_state=0
    )
    model.fit(inside.transform(s.with_time()), outside.transform(s.v))

    def field(x: NDArray, t: NDArray) -> NDArray:
        z = inside.transform(np.column_stack([x, t]) if case.timed else x)
        return outside.inverse_transform(model.predict(z))

    return Answer(
        integrated(field, case.end), field, sum(p.size for p in (*model.coefs_, *model.intercepts_))
    )


def by_splines(case: Case, s: Samples) -> Answer:
    inside = StandardScaler().fit(s.with_time())
    z, held = inside.transform(s.with_time()), slice(0, len(s.v) // 4)
    kept = slice(len(s.v) // 4, None)

    def error(smoothing: float) -> float:
        some = RBFInterpolator(z[kept], s.v[kept], smoothing=smoothing)
        return float(np.mean((some(z[held]) - s.v[held]) ** 2))

    rbf = RBFInterpolator(z, s.v, smoothing=min(_SMOOTHINGS, key=error))

    def field(x: NDArray, t: NDArray) -> NDArray:
        return rbf(inside.transform(np.column_stack([x, t]) if case.timed else x))

    return Answer(integrated(field, case.end), field, s.with_time().size + s.v.size)


ROUTES = {
    "reconstruct_network, 40 rk4": by_network("rk4", 40),
    "reconstruct_network, 160 euler": by_network("euler", 160),
    "fit_field, RK45": by_field,
    "DoubleContinuum.from_samples": by_continuum,
    "RidgeletRegressor, RK45": by_estimator,
    "perceptron 64 + 64, RK45": by_perceptron,
    "thin plates, RK45": by_splines,
}


def measured(case: Case, noise: float, build: Callable) -> str:
    rng = np.random.default_rng(0)
    last = 1.1 * case.end
    x, fresh = rng.uniform(*case.box, (2, max(case.count, _FRESH), len(case.box[0])))
    t, later = rng.uniform(0, last, (2, len(x))) if case.timed else np.zeros((2, len(x)))
    x, t, fresh, later = x[: case.count], t[: case.count], fresh[:_FRESH], later[:_FRESH]
    if case.timed:
        t[0], t[1] = 0.0, last
    v = case.field(x, t)
    v = v + noise * np.sqrt(np.mean(v**2)) * rng.normal(size=v.shape)
    starts = rng.uniform(*case.starts, (_STARTS, x.shape[1]))
    truth = integrated(case.field, case.end)(starts)
    begun = time.process_time()
    try:
        found = build(case, Samples(x, v, t if case.timed else None))
        if found is None:
            return "-"
        seconds = time.process_time() - begun
        gap = np.linalg.norm(found.ends(starts) - truth, axis=1)
    except (rf.RegionError, rf.MemoryBudgetError) as error:
        return f"{type(error).__name__}"
    spread = np.sqrt(np.mean(np.sum((truth - truth.mean(axis=0)) ** 2, axis=1)))
    exact = case.field(fresh, later)
    field = "        "
    if found.field is not None:
        rest = found.field(fresh, later) - exact
        field = f"{np.sqrt(np.nanmean(rest**2) / np.mean(exact**2)):8.1e}"
    median, most = np.quantile(gap / spread, [0.5, 0.9])
    return f"{field} {median:8.1e} {most:8.1e} {seconds:6.1f}s {found.numbers:8d}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--fields", nargs="+", default=[*CASES])
    parser.add_argument("--routes", nargs="+", default=[*ROUTES])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.01, 0.05])
    parser.add_argument("--out", help="file for the table")
    options = parser.parse_args()
    head = f"{'field':>8s} {'median':>8s} {'90 %':>8s} {'fit':>7s} {'numbers':>8s}"
    lines = []
    for name in options.fields:
        for noise in options.noise:
            lines.append(f"{name}, noise {100 * noise:g} %".ljust(32) + head)
            print(lines[-1], flush=True)
            for route in options.routes:
                with warnings.catch_warnings(), threadpool_limits(1), rf.config(threads=1):
                    for kind in (ConvergenceWarning, rf.RegionWarning, rf.AccuracyWarning):
                        warnings.simplefilter("ignore", kind)
                    cells = measured(CASES[name], noise, ROUTES[route])
                lines.append(route.ljust(32) + cells)
                print(lines[-1], flush=True)
            lines.append("")
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
