"""Long calls that are interrupted: ``python -m tests.interrupted [names]`` prints the table.

A process makes the call of a case; its parent interrupts it at a random moment and measures the
answer. Then the process makes a small call of the same kind, whose value is compared with the one
from before.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import ridgeflow as rf

__all__ = ["CASES", "interrupted"]

TANH = rf.activation("tanh")


def axes(n: int, dim: int = 2) -> tuple[np.ndarray, ...]:
    return (np.linspace(-4, 4, n),) * dim


@cache
def image(n: int, dim: int = 2) -> rf.GridField:
    mesh = np.meshgrid(*axes(n, dim), indexing="ij")
    return rf.GridField(np.exp(-sum(x * x for x in mesh)), axes(n, dim))


@cache
def samples(n: int, dim: int = 2) -> rf.SampleField:
    return rf.SampleField(np.random.default_rng(0).normal(size=(n, dim)))


@cache
def polar(dim: int, n_directions: int, n_scales: int, step: float) -> rf.ParameterGrid:
    scales = np.geomspace(0.1, 10, n_scales)
    return rf.ParameterGrid.polar(dim, n_directions, scales, 4.0, step)


def transform(field: Any, *shape: Any, method: str = "auto") -> np.ndarray:
    psi = rf.admissible_ridgelet("tanh", field.dim)
    return rf.ridgelet_transform(field, psi, polar(field.dim, *shape), method=method).values


def summed(field: Any, *shape: Any) -> np.ndarray:
    return transform(field, *shape, method="direct")


@cache
def spectrum(n_directions: int, n_scales: int) -> rf.Spectrum:
    psi = rf.admissible_ridgelet("tanh", 2)
    normal = rf.GaussianMixture([1.0], np.zeros((1, 2)), np.eye(2)[None])
    return rf.ridgelet_transform(normal, psi, polar(2, n_directions, n_scales, 0.2))


def rebuilt(n_directions: int, n: int, method: str) -> np.ndarray:
    points = np.random.default_rng(1).uniform(-2, 2, (n, 2))
    return rf.reconstruct(spectrum(n_directions, 20), "tanh", points, method=method)


def projected(n: int, n_directions: int, model: str = "auto") -> np.ndarray:
    lines = rf.directions(2, n_directions)[0]
    return rf.radon(image(n), lines, np.linspace(-6, 6, n), method=model)


@cache
def sinogram(n: int) -> np.ndarray:
    return projected(n, n)


def unprojected(n: int) -> np.ndarray:
    u, p = rf.directions(2, n)[0], np.linspace(-6, 6, n)
    return rf.radon_inverse(sinogram(n), u, p, axes(n))


def law(n: int, dim: int = 2) -> rf.GaussianMixture:
    return rf.kernel_density(samples(n, dim).points, 0.9)


def represented(tol: float, dim: int) -> np.ndarray:
    made = rf.IntegralRepresentation(law(40, dim), "tanh", tol=tol)
    return made(samples(10, dim).points)


def deep(tol: float, n: int) -> np.ndarray:
    made = rf.DoubleContinuum(law(n), TANH, span=(0.0, 0.2), tol=tol)
    return made.velocity(samples(10).points, 0.1)


@cache
def continuum(dim: int = 2) -> rf.DoubleContinuum:
    return rf.DoubleContinuum(law(20, dim), TANH, span=(0.0, 0.05), tol=1e-2)


def network(depth: int, width: int) -> np.ndarray:
    return continuum().network(depth, width, rng=0)(samples(10).points)


def budget(depth: int) -> str:
    net = continuum().network(depth, 30, rng=0)
    return str(continuum().error_budget(net))


def carried(n: int) -> np.ndarray:
    return continuum().flow(samples(n).points, 0.05).points


def particles(centres: int, n: int, method: str) -> np.ndarray:
    start = np.random.default_rng(2).normal(size=(n, 2))
    return rf.ContinuousDAE(law(centres)).flow(start, 0.2, method=method).points


def score(centres: int, n: int, method: str) -> np.ndarray:
    start = np.random.default_rng(2).normal(size=(n, 2))
    return law(centres).score(start, method=method)


def outer(width: int, n: int, ridge: Any) -> np.ndarray:
    rng = np.random.default_rng(3)
    a, b, x = rng.normal(size=(width, 3)), rng.normal(size=width), rng.normal(size=(n, 3))
    return rf.fit_outer_weights(a, b, "tanh", x, np.sin(x[:, 0]), ridge=ridge)(x[:10])


def regressed(width: int, n: int) -> np.ndarray:
    x = np.random.default_rng(4).normal(size=(n, 3))
    made = rf.RidgeletRegressor(width, random_state=0).fit(x, np.sin(x[:, 0]))
    return made.predict(x[:10])


def fitted(width: int, n: int) -> np.ndarray:
    x = np.random.default_rng(5).normal(size=(n, 2))
    return rf.fit_field(x, -np.tanh(x), "tanh", width=width, rng=0).at(0.0)(x[:10])


def grown(depth: int, width: int, n: int) -> np.ndarray:
    x = np.random.default_rng(5).normal(size=(n, 2))
    made = rf.reconstruct_network(x, -np.tanh(x), "tanh", depth=depth, width=width, rng=0)
    return made(x[:10])


def noisy(centres: int, n: int) -> np.ndarray:
    dae = rf.PositionNoiseDAE(
        law(centres), 0.1, lambda x: (1 + 0.2 * np.tanh(x))[:, :, None] * np.eye(2)
    )
    return dae(samples(n).points)


def distance(n: int, weighted: bool) -> float:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) + 1
    if not weighted:
        return rf.wasserstein2(x, y)
    w = np.arange(1.0, n + 1)
    return rf.wasserstein2(rf.SampleField(x, weights=w / w.sum()), y)


def sliced(n: int) -> float:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(n, 3)), rng.normal(size=(n, 3)) + 1
    return rf.sliced_wasserstein2(x, y, n_directions=500).value


def studied(depth: int, width: int) -> np.ndarray:
    made = rf.double_limit_study(
        continuum(1), depths=[1, depth], widths=[10, width], repeats=2, rng=0
    )
    return made.errors


def checked(names: list[str] | None, effort: str) -> list[float]:
    return [c.measured for r in rf.validate(names, effort=effort) for c in r.comparisons]


def drawn(width: int) -> np.ndarray:
    net = rf.ShallowNetwork.from_spectrum(
        spectrum(16, 20), "tanh", width, weights="importance", control=None, rng=0
    )
    return net(samples(10).points)


def judged(width: int, n: int) -> str:
    from ridgeflow.networks.analysis import sampling_report

    return str(sampling_report(spectrum(16, 20), "tanh", samples(n).points, width, rng=0))


# What is called, with the arguments of a long call and of a small one.
CASES: dict[str, tuple[Callable[..., Any], tuple, tuple]] = {
    "ridgelet_transform 2-D": (transform, (image(900), 900, 60, 0.02), (image(33), 8, 5, 0.5)),
    "ridgelet_transform 3-D": (
        *(transform, (image(110, 3), 6000, 40, 0.1)),
        (image(17, 3), 20, 5, 0.5),
    ),
    "ridgelet_transform samples": (
        *(summed, (samples(20000), 200, 30, 0.1)),
        (samples(40), 8, 5, 0.5),
    ),
    "ridgelet_transform samples fast": (
        *(transform, (samples(2000000), 1200, 60, 0.05)),
        (samples(40), 8, 5, 0.5),
    ),
    "reconstruct fast": (rebuilt, (3000, 500000, "fast"), (16, 10, "fast")),
    "reconstruct direct": (rebuilt, (300, 5000, "direct"), (16, 10, "direct")),
    "radon": (projected, (3000, 4000), (33, 8)),
    "radon lines": (projected, (1000, 4000, "line"), (33, 8, "line")),
    "radon_inverse": (unprojected, (1800,), (33,)),
    "IntegralRepresentation": (represented, (1e-3, 3), (0.05, 2)),
    "DoubleContinuum": (deep, (1e-4, 200), (5e-2, 5)),
    "DoubleContinuum.network": (network, (32, 1000), (2, 20)),
    "DoubleContinuum.error_budget": (budget, (40,), (2,)),
    "DoubleContinuum.flow": (carried, (40000,), (5,)),
    "ContinuousDAE.flow ode": (particles, (2000, 20000, "ode"), (10, 5, "ode")),
    "ContinuousDAE.flow fast": (particles, (100000, 20000, "fast"), (300, 20, "fast")),
    "score of all pairs": (score, (100000, 100000, "exact"), (100, 5, "exact")),
    "score fast": (score, (3000000, 1000000, "fast"), (2000, 500, "fast")),
    "fit_outer_weights": (outer, (3000, 8000, 1e-6), (20, 50, 1e-6)),
    "fit_outer_weights gcv": (outer, (3000, 8000, "gcv"), (20, 50, "gcv")),
    "fit_outer_weights loo": (outer, (1500, 4000, "loo"), (20, 50, "loo")),
    "RidgeletRegressor.fit": (regressed, (1500, 8000), (20, 50)),
    "fit_field": (fitted, (1500, 6000), (20, 60)),
    "reconstruct_network": (grown, (16, 1500, 8000), (2, 20, 60)),
    "PositionNoiseDAE": (noisy, (2000, 3000), (20, 5)),
    "wasserstein2 matching": (distance, (5000, False), (20, False)),
    "wasserstein2 plan": (distance, (2000, True), (20, True)),
    "sliced_wasserstein2": (sliced, (300000,), (50,)),
    "double_limit_study": (studied, (8, 400), (2, 20)),
    "validate": (checked, (None, "quick"), (["slice_theorem"], "quick")),
    "sample_network": (drawn, (10000000,), (20,)),
    "sampling_report": (judged, (100000000, 20000), (100, 10)),
}


def same(one: Any, other: Any) -> bool:
    return (
        np.array_equal(np.asarray(one), np.asarray(other), equal_nan=True)
        if not isinstance(one, str)
        else one == other
    )


def _call(name: str, count: int) -> None:
    """In the child: the calls, and what came of each, as lines of JSON."""
    # Shells start what runs in the background with interrupts ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore")
    function, long, small = CASES[name]
    right = function(*small)
    for _ in range(count):
        try:
            print(json.dumps({"begun": time.perf_counter()}), flush=True)
            function(*long)
            answered = None
            # The signal that is on its way is not for the small call.
            time.sleep(20)
        except KeyboardInterrupt:
            if "answered" not in locals() or answered is not None:
                answered = time.perf_counter()
        print(json.dumps({"answered": answered}), flush=True)
        del answered
        print(json.dumps({"right": same(function(*small), right)}), flush=True)


def interrupted(
    name: str, count: int = 3, seed: int = 0, threads: int = 2
) -> list[tuple[float, float, bool]]:
    """For each interrupt: when it came, seconds to its answer, whether the next call is right.

    NaN stands for a call that had ended before.
    """
    chance = random.Random(f"{name} {seed}")
    found = []
    code = "from tests.interrupted import _call; import ridgeflow._config as c; "
    code += f"c._process_default = c.Config(threads={threads}); _call({name!r}, {count})"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        for _ in range(count):
            json.loads(process.stdout.readline())
            wait = chance.uniform(0.05, 2.0)
            time.sleep(wait)
            sent = time.perf_counter()
            process.send_signal(signal.SIGINT)
            answered = json.loads(process.stdout.readline())["answered"]
            right = json.loads(process.stdout.readline())["right"]
            found.append((wait, float("nan") if answered is None else answered - sent, right))
    return found


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(CASES)
    print(f"{'call':34s}{'answers in seconds':>40s}   next call")
    for case in chosen:
        rows = interrupted(case)
        answers = " ".join(f"{took:.3f}" for _, took, _ in rows)
        print(
            f"{case:34s}{answers:>40s}   {'right' if all(r[2] for r in rows) else 'WRONG'}",
            flush=True,
        )
