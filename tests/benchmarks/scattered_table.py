"""Ridgelet transform of scattered samples and its inversion beside other ways: times and errors.

``python tests/benchmarks/scattered_table.py`` prints the tables; ``--out`` writes them to a file as
well. The samples are normal in 16 dimensions, with independent values, which leave no wave number
out; scales run over eight octaves, offsets have one step, so that high scales have many and low
scales few, 512 on average. Everybody gets two threads, in the way that is best for him, and the
same nodes. Contestants take turns, two runs each, and the least time of each counts. Direct sums
are timed on a part of the nodes or points and scaled up. Packages that are not installed are left
out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from radon_table import THREADS, installed, machine
from scipy.optimize import brentq
from threadpoolctl import threadpool_limits

import ridgeflow as rf
from ridgeflow._kernels.ridge_sums import ridge_sum
from ridgeflow.radon_transform.segment_waves import CellWaves, blocks, taps
from ridgeflow.ridgelet.sums.direct_sums import network_sum
from ridgeflow.ridgelet.sums.point_spectra import spectrum_of_waves

OCTAVES = 8.0
STEP, MARGIN = 0.35, 8.0
# A contestant drops out of the remaining rounds when it has run for so many seconds.
PATIENCE = 60.0


@dataclass(frozen=True)
class Problem:
    """Samples, and a polar grid with a mean number of offsets."""

    n_points: int = 100_000
    n_directions: int = 1000
    n_scales: int = 32
    n_offsets: int = 512
    dim: int = 16
    tol: float = 1e-6

    @cached_property
    def points(self) -> NDArray:
        return np.random.default_rng(1).normal(size=(self.n_points, self.dim))

    @cached_property
    def field(self) -> rf.SampleField:
        return rf.SampleField(self.points, np.random.default_rng(2).normal(size=self.n_points))

    @cached_property
    def radius(self) -> float:
        return float(np.linalg.norm(self.points, axis=1).max())

    @property
    def activation(self) -> rf.Activation:
        return rf.activation("gaussian")

    @property
    def ridgelet(self) -> rf.Ridgelet:
        return rf.Ridgelet(self.dim, 4)

    @cached_property
    def grid(self) -> rf.ParameterGrid:
        low = np.geomspace(2.0**-OCTAVES, 1.0, self.n_scales)

        def excess(top: float) -> float:
            return 2 * (top * low.mean() * self.radius + MARGIN) / STEP - self.n_offsets

        scales = brentq(excess, 1e-9, 1e9) * low
        given = (self.dim, self.n_directions, scales, self.radius, STEP)
        return rf.ParameterGrid.polar(*given, margin=MARGIN)

    @cached_property
    def nodes(self) -> NDArray:
        """Some nodes, at which errors are measured."""
        return np.random.default_rng(3).choice(self.grid.size, 400, replace=False)

    def some_nodes(self, index: NDArray) -> tuple[NDArray, NDArray]:
        """a and b of nodes of the grid, which is too long to be listed."""
        grid = self.grid
        scale = np.searchsorted(grid.starts, index, side="right") - 1
        count = 2 * grid.half_counts[scale] + 1
        u, offset = np.divmod(index - grid.starts[scale], count)
        a = grid.scales[scale, None] * grid.directions[u]
        return a, grid.step * (offset - grid.half_counts[scale])

    @cached_property
    def truth(self) -> NDArray:
        nodes = self.some_nodes(self.nodes)
        return rf.ridgelet_transform(self.field, self.ridgelet, nodes, method="direct").values

    @cached_property
    def spectrum(self) -> rf.Spectrum:
        return rf.ridgelet_transform(self.field, self.ridgelet, self.grid, tol=self.tol)

    @cached_property
    def network(self) -> NDArray:
        """The direct network sum at a few points."""
        columns = self.spectrum.values[:, None]
        x = self.points[:: max(1, self.n_points // 8)]
        return network_sum(self.spectrum, self.activation, x, columns)[:, 0]


@dataclass
class Contestant:
    """A name, what is timed, the share of the problem that it does, and how its error is found."""

    name: str
    run: Callable[[], NDArray]
    share: float = 1.0
    compare: Callable[[NDArray], tuple[NDArray, NDArray]] | None = None
    seconds: float = np.inf
    spent: float = 0.0
    error: float = np.nan

    def once(self) -> None:
        start = time.perf_counter()
        found = self.run()
        took = time.perf_counter() - start
        self.spent += took
        self.seconds = min(self.seconds, took / self.share)
        if self.compare is not None and np.isnan(self.error):
            values, truth = self.compare(found)
            self.error = float(np.linalg.norm(values - truth) / np.linalg.norm(truth))


def race(contestants: list[Contestant], rounds: int) -> None:
    """Run all in turn, each twice in a row: the second run finds the memory that the first one
    asked for, where the first may find what another contestant has just given back."""
    for _ in range(rounds):
        for one in contestants:
            for _ in range(2):
                if one.spent < PATIENCE:
                    one.once()


def ours(problem: Problem, tol: float, dtype: type = np.float64) -> Contestant:
    """The transform of the library."""
    field = rf.SampleField(problem.points.astype(dtype), problem.field.values.astype(dtype))

    def run() -> NDArray:
        return rf.ridgelet_transform(field, problem.ridgelet, problem.grid, tol=tol).values

    name = f"ridgeflow {np.dtype(dtype).name} {tol:g}"
    return Contestant(name, run, compare=lambda v: (v[problem.nodes], problem.truth))


def finufft_route(problem: Problem, tol: float, upsampling: float) -> Contestant:
    """One type 1 transform for each direction, a plan in each thread; scales and FFTs are ours.

    Points are not sorted, which is faster for lines of this length.
    """
    import finufft

    grid, psi, radius = problem.grid, problem.ridgelet, problem.radius
    waves = CellWaves.for_band(
        radius, float(grid.scales[-1]) * psi.bandlimit(0.1 * tol), 8, 1.0, taps(0.25 * tol)
    )
    weighted = problem.field.values * problem.field.weights + 0j
    span = blocks(len(grid.directions))
    keep = slice(waves.top - waves.margin, None)

    def some(thread: int, grids: list[NDArray]) -> None:
        plan = finufft.Plan(
            1,
            (2 * waves.top + 1,),
            eps=tol,
            isign=-1,
            nthreads=1,
            upsampfac=upsampling,
            spread_sort=0,
            showwarn=0,
        )
        for i in range(thread, len(span), THREADS):
            low, high = span[i]
            for column in range(low, high):
                plan.setpts(problem.points @ (grid.directions[column] * waves.step))
                slices = plan.execute(weighted)[keep]
                grids[i][:, 2 * (column - low)] = slices.real
                grids[i][:, 2 * (column - low) + 1] = slices.imag

    def run() -> NDArray:
        grids = [np.empty((waves.rows, 2 * (high - low))) for low, high in span]
        with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda thread: some(thread, grids), range(THREADS)))
        values = np.empty((grid.size, 1))
        for s in range(len(grid.scales)):
            part = values[grid.starts[s] : grid.starts[s + 1]]
            part = part.reshape(len(grid.directions), -1, 1)
            spectrum_of_waves(grids, waves, radius, psi, grid, s, tol, np.arange(1), part)
        return values[:, 0]

    name = f"finufft type 1 {tol:g} x{upsampling:g}"
    return Contestant(name, run, compare=lambda v: (v[problem.nodes], problem.truth))


def direct_route(problem: Problem) -> Contestant:
    """The direct sum, fused into one loop, on a few nodes."""
    few = problem.nodes[:: max(1, problem.n_points // 50_000)]
    nodes = problem.some_nodes(few)

    def run() -> NDArray:
        return rf.ridgelet_transform(problem.field, problem.ridgelet, nodes, method="direct").values

    return Contestant("direct sum", run, share=len(few) / problem.grid.size)


def forward_contestants(problem: Problem) -> Iterator[Contestant]:
    """Everybody who transforms."""
    yield ours(problem, problem.tol)
    yield ours(problem, 1e-9)
    yield ours(problem, 1e-4, np.float32)
    if installed("finufft"):
        for upsampling in (1.25, 2.0):
            yield finufft_route(problem, problem.tol, upsampling)
    yield direct_route(problem)


def ours_inverse(problem: Problem, method: str = "fast") -> Contestant:
    """The reconstruction at all points."""

    def run() -> NDArray:
        return rf.reconstruct(problem.spectrum, problem.activation, problem.points, method=method)

    every = max(1, problem.n_points // 8)
    return Contestant(f"ridgeflow {method}", run, compare=lambda v: (v[::every], problem.network))


def direct_inverse(problem: Problem) -> Contestant:
    """The direct network sum, at a part of the points over a part of the nodes."""
    index = problem.nodes[np.arange(1 << 15) % len(problem.nodes)]
    a, b = problem.some_nodes(index)
    x = np.ascontiguousarray(problem.points[:2000])
    c = problem.spectrum.values[index][:, None]
    share = len(x) * len(b) / (problem.n_points * problem.grid.size)
    return Contestant(
        "direct sum", lambda: ridge_sum(x, a, b, c, problem.activation.code), share=share
    )


def inverse_contestants(problem: Problem) -> Iterator[Contestant]:
    """Everybody who reconstructs."""
    yield ours_inverse(problem)
    yield direct_inverse(problem)


def table(title: str, contestants: list[Contestant]) -> list[str]:
    """Lines of text: seconds, relative L2 error, and the time in units of the first row's."""
    lines = [title, "", f"{'':28s}{'seconds':>12s}{'error':>10s}{'ratio':>10s}"]
    for one in contestants:
        error = "-" if np.isnan(one.error) else f"{one.error:.0e}"
        ratio = one.seconds / contestants[0].seconds
        lines.append(f"{one.name:28s}{one.seconds:12.3f}{error:>10s}{ratio:10.1f}")
    return [*lines, ""]


def scaling(base: Problem, rounds: int) -> list[str]:
    """Times as points, directions, scales and offsets grow, each alone."""
    lines = ["Scaling: seconds of the transform and of the reconstruction at the samples", ""]
    lines.append(f"{'N':>10s}{'U':>8s}{'A':>6s}{'B':>7s}{'transform':>12s}{'reconstruct':>13s}")
    shape = (base.n_points, base.n_directions, base.n_scales, base.n_offsets)
    cases = [shape]
    for axis in range(4):
        cases += [tuple(n * f if i == axis else n for i, n in enumerate(shape)) for f in (2, 4)]
    for case in cases:
        problem = Problem(*case, dim=base.dim, tol=base.tol)
        pair = [ours(problem, base.tol), ours_inverse(problem)]
        pair[1].compare = None
        race(pair, rounds)
        sizes = f"{case[0]:10d}{case[1]:8d}{case[2]:6d}{case[3]:7d}"
        lines.append(f"{sizes}{pair[0].seconds:12.3f}{pair[1].seconds:13.3f}")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--directions", type=int, default=1000)
    parser.add_argument("--scales", type=int, default=32)
    parser.add_argument("--offsets", type=int, default=512)
    parser.add_argument("--dim", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-scaling", action="store_true")
    parser.add_argument("--out", help="file for the tables")
    options = parser.parse_args()
    shape = (options.points, options.directions, options.scales, options.offsets)
    lines = machine()
    print("\n".join(lines))

    def show(more: list[str]) -> None:
        print("\n".join(more), flush=True)
        lines.extend(more)

    with rf.config(threads=THREADS):
        problem = Problem(*shape, dim=options.dim)
        size = "{} samples in {} dimensions, {} directions, {} scales, {} offsets".format(
            shape[0], options.dim, *shape[1:]
        )
        for title, makers in (
            (f"Transform: {size}", forward_contestants),
            (f"Reconstruction: at the {size}", inverse_contestants),
        ):
            contestants = list(makers(problem))
            race(contestants, options.rounds)
            show(table(title, contestants))
        if not options.no_scaling:
            quarter = (shape[0] // 4, shape[1] // 4, shape[2] // 4, shape[3] // 4)
            show(scaling(Problem(*quarter, dim=options.dim), options.rounds))
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))


if __name__ == "__main__":
    main()
