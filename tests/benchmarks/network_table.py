"""Sums of neurons side by side: times of ridgeflow and of the best blocked PyTorch.

``python tests/benchmarks/network_table.py`` prints the tables of the documentation; ``--out``
writes them to a file as well. Both get the same points and networks and two threads. PyTorch works
in blocks (``addmm``, the activation in place, ``addmv``) whose best size is searched first for
every problem. Runs of the two alternate, so that what else the machine does hits both, and the
least time counts. Without PyTorch its columns stay empty.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import ridgeflow as rf

THREADS = 2
CLOCKS = {"wall": time.perf_counter, "cpu": time.thread_time}
SIZE = 20_000
NAMES = ("relu", "gaussian", "cos", "tanh", "sigmoid", "erf")
# How many times faster than PyTorch evaluation has to be, by dimension.
AIMS: dict[int, dict[str, float]] = {
    2: {"relu": 8, "gaussian": 2.5, "cos": 2.5, "tanh": 2, "sigmoid": 2, "erf": 2},
    16: dict.fromkeys(NAMES, 1.5),
    128: {"relu": 1, "tanh": 1},
    784: {"relu": 1, "tanh": 1},
}
# Rows and columns of PyTorch's blocks.
BLOCKS = ((128, 2000), (512, 2000), (2000, 2000), (64, 20_000), (256, 20_000), (1000, 20_000))
TASKS = ("values", "gradient", "correlate")


@dataclass(frozen=True)
class Problem:
    """Points, a network of neurons with arguments of order 1, and residuals."""

    name: str
    dim: int
    dtype: type = np.float32
    n: int = SIZE
    width: int = SIZE
    n_out: int = 1

    def _normal(self, seed: int, *shape: int) -> NDArray:
        return np.random.default_rng(seed).normal(size=shape).astype(self.dtype)

    @cached_property
    def x(self) -> NDArray:
        return self._normal(0, self.n, self.dim)

    @cached_property
    def residuals(self) -> NDArray:
        return self._normal(1, self.n, self.n_out)

    @cached_property
    def network(self) -> rf.ShallowNetwork:
        a = self._normal(2, self.width, self.dim) / self.dtype(np.sqrt(self.dim))
        b = self._normal(3, self.width)
        c = self._normal(4, self.width, self.n_out) / self.dtype(self.width)
        return rf.ShallowNetwork(a, b, c, self.name)

    @property
    def flops(self) -> float:
        """Of the products a·x − b alone."""
        return 2.0 * self.n * self.width * (self.dim + 1)

    def truth(self, task: str, count: int = 20) -> NDArray:
        """The first rows of the result in float64."""
        net = self.network
        eta = net.activation.derivative() if task == "gradient" else net.activation
        a, b, c, x = (v.astype(np.float64) for v in (net.a, net.b, net.c, self.x))
        if task == "correlate":
            return eta(a[:count] @ x.T - b[:count, None]) @ self.residuals.astype(np.float64)
        features = eta(x[:count] @ a.T - b)
        if task == "values":
            return features @ c
        return np.einsum("ij,jd,jk->idk", features, a, c)


@dataclass(frozen=True)
class How:
    """Threads for everybody, the clock, and how many runs are timed."""

    rounds: int = 7
    threads: int = THREADS
    clock: str = "wall"


@dataclass
class Contestant:
    """A name, what is timed, and the error of its result."""

    name: str
    run: Callable[[], NDArray]
    truth: NDArray
    seconds: list[float] = field(default_factory=list)
    error: float = np.nan

    def once(self, clock: Callable[[], float] = time.perf_counter) -> None:
        start = clock()
        found = self.run()
        self.seconds.append(clock() - start)
        if np.isnan(self.error):
            gap = np.abs(found[: len(self.truth)] - self.truth).max()
            self.error = float(gap / np.abs(self.truth).max())

    @property
    def best(self) -> float:
        return min(self.seconds)


def installed(package: str) -> bool:
    return find_spec(package) is not None


def ours(problem: Problem, task: str = "values") -> Contestant:
    net, x, residuals = problem.network, problem.x, problem.residuals
    runs = {
        "values": lambda: net(x),
        "gradient": lambda: net.gradient(x),
        "correlate": lambda: net.correlate(x, residuals),
    }
    return Contestant("ridgeflow", runs[task], problem.truth(task))


def in_place(name: str, slope: bool) -> Callable[[Any], Any]:
    """The activation of PyTorch, or its slope, on a block that may be overwritten."""
    if slope:
        slopes: dict[str, Callable[[Any], Any]] = {
            "relu": lambda z: z.gt_(0),
            "tanh": lambda z: z.tanh_().square_().neg_().add_(1),
        }
        return slopes[name]
    values: dict[str, Callable[[Any], Any]] = {
        "relu": lambda z: z.relu_(),
        "gaussian": lambda z: z.square_().mul_(-0.5).exp_(),
        "cos": lambda z: z.cos_(),
        "tanh": lambda z: z.tanh_(),
        "sigmoid": lambda z: z.sigmoid_(),
        "erf": lambda z: z.erf_(),
    }
    return values[name]


def torch_blocks(problem: Problem, task: str, rows: int, columns: int) -> Callable[[], NDArray]:
    """PyTorch over blocks of points and neurons."""
    import torch

    net = problem.network
    x, a, c, r = (torch.tensor(v) for v in (problem.x, net.a, net.c, problem.residuals))
    transposed, shift = a.T.contiguous(), -torch.tensor(net.b)
    eta = in_place(problem.name, task == "gradient")
    weights = a[:, :, None] * c[:, None, :] if task == "gradient" else c
    weights = weights.reshape(len(a), -1)
    scratch = torch.empty(rows * columns, dtype=x.dtype)
    out = torch.empty((len(a), r.shape[1]) if task == "correlate" else (len(x), weights.shape[1]))
    out = out.to(x.dtype)

    @torch.no_grad()
    def run() -> NDArray:
        out.zero_()
        for i in range(0, len(x), rows):
            points = x[i : i + rows]
            for j in range(0, len(a), columns):
                part = transposed[:, j : j + columns]
                z = scratch[: len(points) * part.shape[1]].view(len(points), part.shape[1])
                torch.addmm(shift[j : j + columns], points, part, out=z)
                eta(z)
                if task == "correlate":
                    out[j : j + columns].addmm_(z.T, r[i : i + rows])
                elif out.shape[1] == 1:
                    out[i : i + rows, 0].addmv_(z, weights[j : j + columns, 0])
                else:
                    out[i : i + rows].addmm_(z, weights[j : j + columns])
        found = out.numpy()
        return found.reshape(len(x), problem.dim, -1) if task == "gradient" else found

    return run


def best_torch(problem: Problem, task: str, how: How) -> Contestant | None:
    """PyTorch with the block size that is fastest on an eighth of the points."""
    if not installed("torch"):
        return None
    small = Problem(
        problem.name, problem.dim, problem.dtype, max(1, problem.n // 8), *_rest(problem)
    )
    sizes = sorted({(min(r, small.n), min(c, small.width)) for r, c in BLOCKS})
    trials = [Contestant(str(s), torch_blocks(small, task, *s), small.truth(task)) for s in sizes]
    race(trials, replace(how, rounds=2))
    rows, columns = sizes[int(np.argmin([one.best for one in trials]))]
    run = torch_blocks(problem, task, rows, columns)
    return Contestant(f"torch {rows} x {columns}", run, problem.truth(task))


def _rest(problem: Problem) -> tuple[int, int]:
    return problem.width, problem.n_out


def race(contestants: list[Contestant], how: How) -> None:
    """Run all in turn, after one run each that is not counted."""
    clock = CLOCKS[how.clock]
    for one in contestants:
        one.once(clock)
        one.seconds.clear()
    for _ in range(how.rounds):
        for one in contestants:
            if not one.seconds or one.best < 0.1:
                # Threads of the one before may still spin, and the caches hold its data.
                one.run()
            one.once(clock)


def product_rate(dtype: type, how: How, size: int = 2000) -> float:
    """Floating-point operations per second of the fastest matrix product at hand."""
    a = np.random.default_rng(0).normal(size=(size, size)).astype(dtype)
    out = np.empty_like(a)
    contestants = [Contestant("numpy", lambda: np.matmul(a, a, out=out), np.full((1, 1), np.nan))]
    if installed("torch"):
        import torch

        b = torch.tensor(a)
        target = torch.empty_like(b)
        contestants.append(
            Contestant("torch", lambda: torch.mm(b, b, out=target).numpy(), np.full((1, 1), np.nan))
        )
    with threadpool_limits(how.threads):
        race(contestants, how)
    return 2.0 * size**3 / min(one.best for one in contestants)


HEAD = f"{'m':>5s} {'':10s}{'k':>4s}{'ms':>9s}{'pairs/ns':>10s}{'error':>9s}"
PEER = f"{'torch ms':>10s}{'error':>9s}{'ratio':>8s}{'aim':>6s}  blocks"


def line(problem: Problem, task: str, how: How, aim: float | None, rate: float) -> str:
    """One row of a table."""
    one, other = ours(problem, task), best_torch(problem, task, how)
    with threadpool_limits(how.threads):
        race([one] + ([other] if other else []), how)
    pairs = problem.n * problem.width / one.best / 1e9
    text = f"{problem.dim:5d} {problem.name:10s}{problem.n_out:4d}{1e3 * one.best:9.1f}"
    text += f"{pairs:10.2f}{one.error:9.0e}"
    if other:
        goal = "" if aim is None else f"{aim:g}"
        text += f"{1e3 * other.best:10.1f}{other.error:9.0e}{other.best / one.best:8.2f}{goal:>6s}"
        text += f"  {other.name.removeprefix('torch ')}"
    if rate:
        speed = problem.flops / one.best
        text += f"  {speed / 1e9:.0f} GFLOP/s, {speed / rate:.0%} of a matrix product"
    return text


def evaluation(dtype: type, dims: list[int], size: int, how: How) -> Iterator[str]:
    """Values of networks, all activations and dimensions."""
    rate = product_rate(dtype, how)
    yield (
        f"Values, {size} points, {size} neurons, {np.dtype(dtype).name}; "
        f"matrix products run at {rate / 1e9:.0f} GFLOP/s"
    )
    yield HEAD + PEER
    for dim in dims:
        for name, aim in AIMS.get(dim, dict.fromkeys(NAMES)).items():
            problem = Problem(name, dim, dtype, size, size)
            yield line(problem, "values", how, aim, rate if dim >= 64 else 0.0)
    yield ""


def others(task: str, dims: list[int], size: int, how: How) -> Iterator[str]:
    """Gradients or correlations in float32, and several outputs."""
    titles = {"gradient": "Gradients", "correlate": "Correlations", "values": "Several outputs"}
    yield f"{titles[task]}, {size} points, {size} neurons, float32"
    yield HEAD + PEER
    for dim in dims:
        for name in ("relu", "tanh"):
            for n_out in (3, 10) if task == "values" else (1,):
                problem = Problem(name, dim, np.float32, size, size, n_out)
                yield line(problem, task, how, None, 0.0)
    yield ""


def machine(how: How) -> list[str]:
    packages = ["numpy", "numba", *(["torch"] if installed("torch") else [])]
    held = ", ".join(f"{package} {version(package)}" for package in packages)
    return [
        f"{platform.machine()}, threads: {how.threads}, {how.clock} time, "
        f"Python {platform.python_version()}",
        held,
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--dims", type=int, nargs="+", default=list(AIMS))
    parser.add_argument("--other-dims", type=int, nargs="*", default=[2, 16])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--out", help="file for the tables")
    options = parser.parse_args()
    if options.clock == "cpu" and options.threads != 1:
        parser.error("--clock cpu counts one thread: add --threads 1")
    how = How(options.rounds, options.threads, options.clock)
    if installed("torch"):
        import torch

        torch.set_num_threads(how.threads)
    lines = []

    def show(more: Iterable[str]) -> None:
        for one in more:
            print(one, flush=True)
            lines.append(one)

    show(machine(how))
    with rf.config(threads=how.threads):
        for name in options.dtypes:
            dtype = {"float32": np.float32, "float64": np.float64}[name]
            show(evaluation(dtype, options.dims, options.size, how))
        for task in TASKS if options.other_dims else ():
            show(others(task, options.other_dims, options.size, how))
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
