"""Transport side by side: kernel densities, fast and sliced sums, and mixture flows.

``python tests/benchmarks/transport_table.py`` prints the table of the documentation; ``--out``
writes it to a file as well. Both sides take turns in one process and the least of several runs
counts. Rivals: kernel densities by blocked PyTorch (the best of several block sizes, the squared
distances by matrix products), flows by scipy's ``solve_ivp`` on the stacked system and by
torchdiffeq's ``dopri5``. Packages that are not installed are left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from threadpoolctl import threadpool_limits

import ridgeflow as rf
from ridgeflow.transport.slicing import sliced_sums

LINES: list[str] = []
# All pairs of many points take long: a part of the points will do.
_PART = 20


def say(line: str = "") -> None:
    """Print a line and keep it."""
    print(line, flush=True)
    LINES.append(line)


def least(threads: int, runs: int, **calls: Callable) -> dict[str, float]:
    """Least seconds of each call, in turns."""
    # On one thread the time of the processor, which others who share it do not lengthen.
    clock = time.process_time if threads == 1 else time.perf_counter
    found = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        call()
    for _ in range(runs):
        for name, call in calls.items():
            start = clock()
            call()
            found[name] = min(found[name], clock() - start)
    return found


def blocked(x, c, h, block):  # type: ignore[no-untyped-def]
    """Log density and posterior mean in PyTorch, a block of points at a time."""
    import torch

    logs, mean = torch.empty(len(x), dtype=x.dtype), torch.empty_like(x)
    scale = 1 / (2 * h * h)
    squares = (c * c).sum(1) * scale
    columns = (c * (2 * scale)).T.contiguous()
    for i in range(0, len(x), block):
        part = x[i : i + block]
        z = torch.addmm(-squares, part, columns)
        top = z.amax(1, keepdim=True)
        z.sub_(top).exp_()
        total = z.sum(1, keepdim=True)
        mean[i : i + block] = (z @ c) / total
        logs[i : i + block] = (top + total.log())[:, 0] - (part * part).sum(1) * scale
    return logs, mean


def kernel_densities(options: argparse.Namespace) -> None:
    """All pairs, against PyTorch."""
    if not find_spec("torch"):
        return
    import torch

    torch.set_num_threads(options.threads)
    # Without this, numbers below 1e-38 slow PyTorch down by ten.
    torch.set_flush_denormal(True)
    n = options.n
    say(f"Kernel density, log density and score, {n} points x {n} centres: milliseconds")
    say(f"{'variables, dtype':24}{'ridgeflow':>12}{'PyTorch':>12}{'ratio':>8}")
    for m in (2, 16, 64):
        for dtype in (np.float32, np.float64):
            rng = np.random.default_rng(m)
            c, x = (rng.normal(size=(n, m)).astype(dtype) for _ in range(2))
            law = rf.kernel_density(c)
            h = float(np.sqrt(law.covariances[0, 0, 0]))
            tx, tc = torch.from_numpy(x), torch.from_numpy(c)
            calls = {str(b): partial(blocked, tx, tc, h, b) for b in (16, 64, 256)}
            found = least(options.threads, options.runs, ours=partial(law._evaluate, x, 1), **calls)
            rival = min(value for key, value in found.items() if key != "ours")
            say(
                f"{f'{m}, {np.dtype(dtype).name}':24}{1e3 * found['ours']:12.0f}{1e3 * rival:12.0f}"
                f"{rival / found['ours']:8.2f}"
            )
    say()


def fast_sums(options: argparse.Namespace) -> None:
    """The route without pairs, against all pairs at some points."""
    say("Fast sums, log density and score, default bandwidth, tol = 1e-6: seconds")
    say(f"{'points x centres':24}{'fast':>10}{'per point':>12}{'error':>12}")
    sizes = [(n, 2) for n in (10**4, 10**5, 10**6) if n <= options.most]
    for n, m in [*sizes, (10**5, 1), (10**5, 3)]:
        rng = np.random.default_rng(n)
        law = rf.kernel_density(rng.normal(size=(n, m)))
        x = law.sample(n, rng)
        found = least(
            options.threads,
            1 if n == 10**6 else options.runs,
            fast=partial(law.score, x, method="fast", tol=1e-6),
        )["fast"]
        some = rng.integers(0, n, 20)
        error = np.abs(
            np.expm1(
                law.logpdf(x, method="fast", tol=1e-6)[some] - law.logpdf(x[some], method="exact")
            )
        ).max()
        say(f"{f'{n:.0e} x {n:.0e}, m = {m}':24}{found:10.2f}{found / n:12.1e}{error:12.1e}")
    say()


def slicing(options: argparse.Namespace) -> None:
    """Monte Carlo in the directions."""
    n = 5 * options.n
    say(f"Sliced sums, {n} points x {n} centres, kernels twice as wide as the law: seconds")
    say(f"{'variables, directions':24}{'sliced':>10}{'exact':>10}{'error':>12}{'estimate':>12}")
    for m in (4, 16):
        rng = np.random.default_rng(m)
        c, x = 0.5 * rng.normal(size=(2, n, m))
        w = np.full(n, 1 / n)
        law = rf.GaussianMixture(w, c, 1.0)
        exact = law.pdf(x[:500], method="exact") * (2 * np.pi) ** (0.5 * m)
        for p in (256, 1024):
            found = least(
                options.threads,
                1,
                sliced=partial(sliced_sums, x, c, w, n_directions=p),
                exact=partial(law.score, x[::_PART], method="exact"),
            )
            sums = sliced_sums(x[:500], c, w, n_directions=p)
            error = np.sqrt(np.mean((sums.values - exact) ** 2))
            estimate = np.sqrt(np.mean(sums.errors**2))
            say(
                f"{f'{m}, {p}':24}{found['sliced']:10.2f}{_PART * found['exact']:10.2f}"
                f"{error:12.1e}{estimate:12.1e}"
            )
    say(f"(errors are parts of the sum of the weights; exact: {_PART} times a part of the points)")
    say()


def flows(options: argparse.Namespace) -> None:
    """Particles through a mixture of 20 components in the plane."""
    n, k = options.particles, 20
    rng = np.random.default_rng(0)
    law = rf.GaussianMixture(np.full(k, 1 / k), 3 * rng.normal(size=(k, 2)), 0.5)
    flow = rf.ContinuousDAE(law)
    x, t, rtol = law.sample(n, rng), 0.8 * flow.t_max, 1e-6
    weights, means = np.log(law.weights), law.means
    truth = flow.flow(x[:500], t, rtol=1e-11, atol=1e-12).points

    def velocity(s: float, flat: NDArray) -> NDArray:
        points = flat.reshape(-1, 2)
        variance = 0.5 - 2 * s
        square = (points**2).sum(1)[:, None] - 2 * points @ means.T + (means**2).sum(1)
        z = weights - square / (2 * variance)
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)
        return ((z @ means - points) / variance).ravel()

    ends: dict[str, NDArray] = {}

    def ours(name: str, log_density: bool) -> None:
        ends[name] = flow.flow(x, t, rtol=rtol, atol=1e-8, log_density=log_density).points

    def scipy(name: str, rtol: float) -> None:
        found = solve_ivp(velocity, (0, t), x.ravel(), rtol=rtol, atol=1e-2 * rtol)
        ends[name] = found.y[:, -1].reshape(-1, 2)

    # Its norm is the mean over all particles: the worst one needs a tolerance of its own.
    calls: dict[str, Callable] = {
        name: partial(ours, name, densities)
        for name, densities in (("ridgeflow", True), ("ridgeflow, points alone", False))
    }
    for tighter in (rtol, 1e-2 * rtol):
        name = f"scipy, rtol = {tighter:g}"
        calls[name] = partial(scipy, name, tighter)
    if find_spec("torchdiffeq"):
        import torch
        from torchdiffeq import odeint

        torch.set_num_threads(options.threads)
        start, centres = torch.from_numpy(x), torch.from_numpy(means.copy())
        logs, squares = torch.from_numpy(weights), (centres**2).sum(1)

        def drift(s, points):  # type: ignore[no-untyped-def]
            variance = 0.5 - 2 * s
            square = (points**2).sum(1, keepdim=True) - 2 * points @ centres.T + squares
            share = torch.softmax(logs - square / (2 * variance), 1)
            return (share @ centres - points) / variance

        def differential() -> None:
            ends["torchdiffeq"] = odeint(
                drift, start, torch.tensor([0.0, t], dtype=torch.float64), rtol=rtol, atol=1e-8
            )[-1].numpy()

        calls["torchdiffeq"] = differential
    found = least(options.threads, 1, **calls)
    say(f"{n} particles through a mixture of {k} components in the plane, rtol = {rtol:g}")
    say(f"{'':24}{'seconds':>10}{'ratio':>8}{'worst error':>14}")
    for name, seconds in found.items():
        worst = np.abs(ends[name][:500] - truth).max()
        say(f"{name:24}{seconds:10.2f}{seconds / found['ridgeflow']:8.1f}{worst:14.1e}")
    say("(ridgeflow has steps for each particle; the first row carries log densities as well)")


def density_flows(options: argparse.Namespace) -> None:
    """Draws of a kernel density in its own flow: steps together, by sums without pairs."""
    say("Flows of kernel densities, n points through n centres, t = .9 t_max, rtol = 1e-6: seconds")
    say(f"{'points, variables':24}{'fast':>10}{'pairs':>10}{'worst error':>14}")
    sizes = [(n, 2) for n in (10**4, 3 * 10**4, 10**5, 3 * 10**5, 10**6) if n <= options.most]
    for n, m in [*sizes, (10**4, 1), (10**5, 1), (10**4, 3), (10**5, 3)]:
        rng = np.random.default_rng(n)
        wide, narrow = rng.normal(size=(n // 2, m)), 2 + 0.3 * rng.normal(size=(n // 2, m))
        flow = rf.ContinuousDAE(rf.kernel_density(np.concatenate([wide, narrow])))
        x, t = flow.initial.sample(n, rng), 0.9 * flow.t_max
        ends: list[NDArray] = []

        def carry(method: str, points: NDArray) -> None:
            found = flow.flow(points, t, rtol=1e-6, atol=1e-8, method=method)  # noqa: B023
            ends.append(found.points)  # noqa: B023

        some = max(100, n // 100)
        calls = {"fast": partial(carry, "fast", x), "pairs": partial(carry, "ode", x[:some])}
        found = least(options.threads, 1, **calls)
        exact = flow.flow(x[:100], t, rtol=1e-11, atol=1e-12, method="ode").points
        error = np.abs(ends[-2][:100] - exact).max()
        say(
            f"{f'{n:.0e}, m = {m}':24}{found['fast']:10.2f}{found['pairs'] * n / some:10.1f}"
            f"{error:14.1e}"
        )
    say("(with log-densities; pairs: so many times a part of the points)")
    say()


def main() -> None:
    """The tables, printed and kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", help="file for the table")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--n", type=int, default=20000, help="points and centres of densities")
    parser.add_argument("--most", type=int, default=10**6, help="points of fast sums")
    parser.add_argument("--particles", type=int, default=100_000, help="of the flow")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with rf.config(threads=options.threads), threadpool_limits(options.threads):
        kind = "processor time" if options.threads == 1 else "wall time"
        say(f"{options.threads} thread(s), {kind}; {options.runs} runs in turns, the least of each")
        say()
        for part in (kernel_densities, fast_sums, slicing, density_flows, flows):
            part(options)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(LINES) + "\n")


if __name__ == "__main__":
    main()
