"""Radon transforms side by side: times and errors of ridgeflow and of the packages it has to beat.

``python tests/benchmarks/radon_table.py`` prints the tables of the documentation; ``--out`` writes
them to a file as well. Everybody gets the same phantom, a sum of anisotropic, off-centre normal
densities whose sinogram is known in closed form, the same grid, directions and offsets, and two
threads where they take any. Runs of the contestants alternate, so that what else the machine does
hits all of them. Packages that are not installed are left out.
"""

from __future__ import annotations

import argparse
import platform
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sp_fft

import ridgeflow as rf
from ridgeflow.closed_forms import gaussian_mixture_density, radon_gaussian_mixture
from ridgeflow.radon_transform.slice_plan import low_corrections

THREADS = 2
PEERS = {"finufft": "finufft", "skimage": "scikit-image", "astra": "astra-toolbox"}
# A contestant drops out of the remaining rounds when it has run for so many seconds.
PATIENCE = 12.0


def phantom(dim: int, *, size: int = 6) -> tuple[NDArray, NDArray, NDArray]:
    """Weights, means and covariances; negligible (1e-11) outside of the unit ball."""
    rng = np.random.default_rng(7)
    low, high = (0.05, 0.09) if dim == 2 else (0.08, 0.1)
    means = rng.normal(size=(size, dim))
    means *= rng.uniform(0.1, 0.3, (size, 1)) / np.linalg.norm(means, axis=1)[:, None]
    turned = [np.linalg.qr(rng.normal(size=(dim, dim)))[0] for _ in range(size)]
    covariances = np.array([q @ np.diag(rng.uniform(low, high, dim) ** 2) @ q.T for q in turned])
    weights = rng.uniform(0.2, 1.0, size)
    return weights / weights.sum(), means, covariances


@dataclass(frozen=True)
class Problem:
    """A grid of n^dim samples on [-1, 1), directions, and offsets as far apart as the samples."""

    n: int
    dim: int = 2
    n_directions: int = 0
    n_offsets: int = 0

    @cached_property
    def spacing(self) -> float:
        return 2.0 / self.n

    @cached_property
    def axes(self) -> tuple[NDArray, ...]:
        # The origin is a sample: it is the centre of rotation of scikit-image.
        return (self.spacing * (np.arange(self.n) - self.n // 2),) * self.dim

    @cached_property
    def directions(self) -> NDArray:
        return rf.directions(self.dim, self.n_directions or self.n)[0]

    @cached_property
    def weights(self) -> NDArray:
        return rf.directions(self.dim, self.n_directions or self.n)[1]

    @cached_property
    def offsets(self) -> NDArray:
        count = self.n_offsets or self.n
        return self.spacing * (np.arange(count) - count // 2)

    @cached_property
    def parts(self) -> tuple[NDArray, NDArray, NDArray]:
        return phantom(self.dim)

    @cached_property
    def values(self) -> NDArray:
        grid = rf.GridField.from_function(
            lambda x: gaussian_mixture_density(x, *self.parts), self.axes
        )
        return grid.values

    @cached_property
    def sinogram(self) -> NDArray:
        return radon_gaussian_mixture(self.directions, self.offsets, *self.parts)

    @cached_property
    def degrees(self) -> NDArray:
        return np.rad2deg(np.arctan2(self.directions[:, 1], self.directions[:, 0]))


@dataclass
class Contestant:
    """A name, the planned execution that is timed, and what its result should be."""

    name: str
    run: Callable[[], NDArray]
    truth: NDArray
    seconds: list[float] = field(default_factory=list)
    error: float = np.nan

    def once(self) -> None:
        start = time.perf_counter()
        found = self.run()
        self.seconds.append(time.perf_counter() - start)
        if np.isnan(self.error):
            gap = np.linalg.norm(found.astype(np.float64) - self.truth)
            self.error = float(gap / np.linalg.norm(self.truth))

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))


def installed(package: str) -> bool:
    return find_spec(package) is not None


def ours_slice(problem: Problem, tol: float, dtype: type = np.float64) -> Contestant:
    """A plan of the slice method, executed."""
    plan = rf.RadonPlan(problem.axes, problem.directions, problem.offsets, tol=tol, dtype=dtype)
    values = problem.values.astype(dtype)
    name = f"ridgeflow slice {np.dtype(dtype).name} {tol:g}"
    return Contestant(name, lambda: plan(values), problem.sinogram)


def ours_line(problem: Problem, model: str, dtype: type = np.float64) -> Contestant:
    """A plan of the line method, executed."""
    plan = rf.RadonPlan(
        problem.axes,
        problem.directions,
        problem.offsets,
        method="line",
        model=model,
        dtype=dtype,
    )
    values = problem.values.astype(dtype)
    name = f"ridgeflow line {model} {np.dtype(dtype).name}"
    return Contestant(name, lambda: plan(values), problem.sinogram)


def finufft_slice(
    problem: Problem, tol: float, upsampling: float, dtype: type = np.float64
) -> Contestant:
    """Slices by a planned type 2 transform at polar wave numbers, then FFTs along them.

    The period is that of the offsets, the least that this phantom allows: a field that fills the
    corners of its grid would need more wave numbers.
    """
    import finufft

    kind = np.complex64 if dtype == np.float32 else np.complex128
    count, h = len(problem.offsets), problem.spacing
    k = 2 * np.pi * np.arange(count // 2 + 1) / (count * h)
    polar = [np.outer(u, k * h).ravel().astype(dtype) for u in problem.directions.T]
    plan = finufft.Plan(
        2,
        (problem.n,) * problem.dim,
        eps=tol,
        isign=-1,
        nthreads=THREADS,
        upsampfac=upsampling,
        dtype=np.dtype(kind).name,
    )
    plan.setpts(*polar)
    values = problem.values.astype(kind)
    factor = (h ** (problem.dim - 1) * np.exp(1j * k * problem.offsets[0])).astype(kind)

    def run() -> NDArray:
        slices = plan.execute(values).reshape(-1, len(k)) * factor
        return sp_fft.irfft(slices, n=count, axis=1, workers=THREADS)

    name = f"finufft slice {np.dtype(dtype).name} {tol:g} x{upsampling:g}"
    return Contestant(name, run, problem.sinogram)


def skimage_radon(problem: Problem) -> Contestant:
    """Rotations of the image, as scikit-image does it."""
    from skimage.transform import radon

    # It wants nothing outside of the disc, where the phantom is negligible.
    x, y = np.meshgrid(*problem.axes, indexing="ij")
    image = np.where(x**2 + y**2 < 1, problem.values, 0.0).T
    return Contestant(
        "scikit-image radon",
        lambda: radon(image, theta=-problem.degrees, circle=True).T * problem.spacing,
        problem.sinogram,
    )


def astra_radon(problem: Problem, projector: str = "linear") -> Contestant:
    """The projectors of the ASTRA toolbox on the CPU."""
    import astra

    h, n = problem.spacing, problem.n
    low, high = problem.axes[0][0] - h / 2, problem.axes[0][-1] + h / 2
    volume = astra.create_vol_geom(n, n, low, high, low, high)
    u, middle = problem.directions, problem.offsets.mean()
    vectors = np.column_stack([-u[:, 1], u[:, 0], u * middle, u * h])
    rays = astra.create_proj_geom("parallel_vec", len(problem.offsets), vectors)
    # Rows run downwards there.
    image = astra.data2d.create("-vol", volume, problem.values.T[::-1])
    sinogram = astra.data2d.create("-sino", rays, 0.0)
    settings = astra.astra_dict("FP")
    settings["ProjectorId"] = astra.create_projector(projector, rays, volume)
    settings["VolumeDataId"] = image
    settings["ProjectionDataId"] = sinogram
    algorithm = astra.algorithm.create(settings)

    def run() -> NDArray:
        astra.algorithm.run(algorithm)
        return astra.data2d.get(sinogram)

    return Contestant(f"astra {projector} (CPU, float32)", run, problem.sinogram)


def ours_inverse(problem: Problem, dtype: type = np.float64) -> Contestant:
    """The inverse, with the making of its plan."""
    sinogram = problem.sinogram.astype(dtype)

    def run() -> NDArray:
        return rf.radon_inverse(
            sinogram,
            problem.directions,
            problem.offsets,
            problem.axes,
            weights=problem.weights,
        )

    return Contestant(f"ridgeflow inverse {np.dtype(dtype).name}", run, problem.values)


def finufft_inverse(problem: Problem, tol: float, upsampling: float) -> Contestant:
    """Padded FFTs along the offsets, the filter of ridgeflow, and a planned type 1 transform."""
    import finufft

    n, h = problem.n, problem.spacing
    # Twice as long as what is convolved, and a third more for the filter at k = 0.
    length = sp_fft.next_fast_len(int(np.ceil(8 / 3 * (np.sqrt(0.5) + 0.5) * n)), real=True)
    k = 2 * np.pi * np.arange(length // 2 + 1) / (length * h)
    plan = finufft.Plan(1, (n, n), eps=tol, isign=1, nthreads=THREADS, upsampfac=upsampling)
    plan.setpts(*[np.outer(u, k * h).ravel() for u in problem.directions.T])
    ramp = np.arange(len(k), dtype=float)
    corrections = low_corrections(2)[: len(ramp)]
    ramp[: len(corrections)] += corrections
    scale = 2 * h * k[1] ** 2 / (2 * np.pi) ** 2
    factor = scale * problem.weights[:, None] * (ramp * np.exp(-1j * k * problem.offsets[0]))

    def run() -> NDArray:
        slices = sp_fft.rfft(problem.sinogram, n=length, axis=1, workers=THREADS) * factor
        return plan.execute(slices.ravel()).real

    return Contestant(f"finufft FBP {tol:g} x{upsampling:g}", run, problem.values)


def skimage_inverse(problem: Problem) -> Contestant:
    """Filtered backprojection with linear interpolation, as scikit-image does it."""
    from skimage.transform import iradon

    sinogram = problem.sinogram.T / problem.spacing
    return Contestant(
        "scikit-image iradon linear",
        lambda: iradon(sinogram, theta=-problem.degrees, circle=True, output_size=problem.n).T,
        problem.values,
    )


def forward_contestants(problem: Problem) -> Iterator[Contestant]:
    """Everybody who transforms images of the plane."""
    yield ours_slice(problem, 1e-8)
    yield ours_slice(problem, 1e-12)
    yield ours_slice(problem, 1e-5, np.float32)
    if installed("finufft"):
        for upsampling in (1.25, 2.0):
            # The smaller grid keeps at most nine digits.
            tolerances = ((1e-8, np.float64), (1e-5, np.float32), (1e-12, np.float64))
            for tol, dtype in tolerances[: 2 if upsampling < 2 else 3]:
                yield finufft_slice(problem, tol, upsampling, dtype)
    for model in ("bilinear", "pixel"):
        for dtype in (np.float64, np.float32):
            yield ours_line(problem, model, dtype)
    if installed("skimage"):
        yield skimage_radon(problem)
    if installed("astra"):
        yield astra_radon(problem)


def inverse_contestants(problem: Problem) -> Iterator[Contestant]:
    """Everybody who reconstructs images of the plane."""
    yield ours_inverse(problem)
    yield ours_inverse(problem, np.float32)
    if installed("finufft"):
        for upsampling in (1.25, 2.0):
            yield finufft_inverse(problem, 1e-9, upsampling)
    if installed("skimage"):
        yield skimage_inverse(problem)


def solid_contestants(problem: Problem) -> Iterator[Contestant]:
    """Plane integrals of a volume."""
    for tol, dtype in ((1e-8, np.float64), (1e-5, np.float32)):
        yield ours_slice(problem, tol, dtype)
        if installed("finufft"):
            for upsampling in (1.25, 2.0):
                yield finufft_slice(problem, tol, upsampling, dtype)


def race(contestants: list[Contestant], rounds: int) -> None:
    """Run all in turn, after one run each that is not counted; slow ones run less often."""
    for one in contestants:
        one.once()
        if one.seconds[0] < 1.0:
            one.seconds.clear()
    for _ in range(rounds):
        for one in contestants:
            if sum(one.seconds) < PATIENCE:
                if not one.seconds or one.seconds[-1] < 0.1:
                    # Threads of the one before may still spin, and the caches hold its data.
                    one.run()
                one.once()


def table(title: str, columns: dict[str, list[Contestant]]) -> list[str]:
    """Lines of text: milliseconds, relative L2 error, and the time in units of the first row's."""
    names: dict[str, None] = {}
    for column in columns.values():
        names.update(dict.fromkeys(one.name for one in column))
    wide = max(len(name) for name in names) + 2
    lines = [title, ""]
    lines.append("".ljust(wide) + "".join(f"{label:>30s}" for label in columns))
    lines.append("".ljust(wide) + f"{'ms':>11s}{'error':>9s}{'ratio':>10s}" * len(columns))
    for name in names:
        cells = ""
        for column in columns.values():
            [one] = [each for each in column if each.name == name] or [None]
            if one is None:
                cells += "-".rjust(30)
                continue
            ratio = one.median / column[0].median
            cells += f"{1e3 * one.median:11.1f}{one.error:9.0e}{ratio:10.2f}"
        lines.append(name.ljust(wide) + cells)
    return [*lines, ""]


def cost(sizes: list[int], rounds: int) -> list[str]:
    """Time, memory and error of the slice method over sizes, and the fitted exponent."""
    lines = ["Cost of the slice method: N x N samples, N directions, N offsets, float64, 1e-8", ""]
    lines.append(f"{'N':>6s}{'plan ms':>10s}{'ms':>10s}{'ns / N^2 log2 N':>18s}{'memory MiB':>12s}")
    times = []
    for n in sizes:
        problem = Problem(n)
        start = time.perf_counter()
        plan = rf.RadonPlan(problem.axes, problem.directions, problem.offsets, tol=1e-8)
        planning = time.perf_counter() - start
        one = Contestant("", lambda plan=plan, f=problem.values: plan(f), problem.sinogram)
        race([one], rounds)
        times.append(one.median)
        unit = 1e9 * one.median / (n**2 * np.log2(n))
        memory = plan.nbytes / 2**20
        lines.append(
            f"{n:6d}{1e3 * planning:10.1f}{1e3 * one.median:10.2f}{unit:18.2f}{memory:12.1f}"
        )
    exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
    model = np.polyfit(np.log(sizes), 2 * np.log(sizes) + np.log(np.log(sizes)), 1)[0]
    lines += ["", f"fitted exponent {exponent:.2f}; that of N^2 log N over these sizes {model:.2f}"]
    return [*lines, ""]


def machine() -> list[str]:
    packages = ["numpy", "scipy", "numba", *(p for m, p in PEERS.items() if installed(m))]
    held = ", ".join(f"{package} {version(package)}" for package in packages)
    return [
        f"{platform.machine()}, {THREADS} threads, Python {platform.python_version()}",
        held,
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--cost-sizes", type=int, nargs="*", default=[128, 256, 512, 1024, 2048])
    parser.add_argument("--solid", type=int, nargs=2, default=[64, 2048], metavar=("N", "U"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", help="file for the tables")
    options = parser.parse_args()
    lines = machine()
    print("\n".join(lines))

    def show(more: list[str]) -> None:
        print("\n".join(more), flush=True)
        lines.extend(more)

    with rf.config(threads=THREADS), warnings.catch_warnings():
        # Deprecations inside of the peers are not what is measured here.
        warnings.simplefilter("ignore")
        for title, makers in (
            ("Forward: N x N samples, N directions, N offsets", forward_contestants),
            ("Inverse: N directions, N offsets, N x N samples", inverse_contestants),
        ):
            columns = {}
            for n in options.sizes:
                columns[f"N = {n}"] = list(makers(Problem(n)))
                race(columns[f"N = {n}"], options.rounds)
            show(table(title, columns))
        n, count = options.solid
        columns = {}
        # As far as the ball that holds the phantom, and as far as the corners of the cube.
        for offsets in (n, sp_fft.next_fast_len(int(np.sqrt(3) * n) + 1, real=True)):
            problem = Problem(n, 3, count, offsets)
            columns[f"{offsets} offsets"] = list(solid_contestants(problem))
            race(columns[f"{offsets} offsets"], options.rounds)
        show(table(f"Plane integrals: {n}^3 samples, {count} directions", columns))
        if options.cost_sizes:
            show(cost(options.cost_sizes, options.rounds))
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))


if __name__ == "__main__":
    main()
