"""Distance of deep denoisers to the exact flow: depths, laws, three times, fitted orders.

Run as ``python tests/benchmarks/deep_dae_table.py``. Errors are RMS over data points or draws of
the law, relative to the displacement by the flow.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_moons

import ridgeflow as rf

LINES: list[str] = []
PARTS = (0.3, 0.5, 0.7)


def say(line: str = "") -> None:
    """Print a line and keep it."""
    print(line, flush=True)
    LINES.append(line)


def ring(m: int) -> NDArray:
    """Points around the unit circle, 300 of them."""
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * rng.random(300)
    points = np.zeros((300, m))
    points[:, 0], points[:, 1] = np.cos(angle), np.sin(angle)
    return points + 0.08 * rng.normal(size=points.shape)


def laws(dims: list[int]) -> Iterator[tuple[str, rf.GaussianMixture, NDArray]]:
    """Names, laws, and points at which errors are taken."""
    for m in dims:
        mean = np.zeros(m)
        mean[0] = 1.5
        clusters = rf.GaussianMixture([0.4, 0.6], [-mean, mean], 0.25)
        yield f"two clusters, m = {m}", clusters, clusters.sample(2000, 0)
        if m == 2:
            moons = make_moons(400, noise=0.08, random_state=0)[0]
            yield "400 moons, m = 2", rf.kernel_density(moons), moons
        if m >= 2:
            yield f"ring of 300, m = {m}", rf.kernel_density(ring(m)), ring(m)


def main() -> None:
    """The table, printed and kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", help="file for the table")
    parser.add_argument("--dims", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--deepest", type=int, nargs=3, default=[64, 64, 16], help="for m = 1 to 3")
    parser.add_argument("--laws", nargs="+", default=[""], help="parts of the names of some laws")
    parser.add_argument("--parts", type=float, nargs="+", default=PARTS, help="of t_max")
    options = parser.parse_args()
    say(f"{'law':22}{'t/t_max':>8}{'L':>5}{'error':>9}{'nodes':>9}{'seconds':>9}{'layer':>9}")
    for name, law, x in laws(options.dims):
        if not any(part in name for part in options.laws):
            continue
        limit = rf.ContinuousDAE(law)
        for part in options.parts:
            t = part * limit.t_max
            goal = limit.flow(x, t).points
            size = np.sqrt(((goal - x) ** 2).sum(axis=1).mean())
            depths = [2**k for k in range(7) if 2**k <= options.deepest[law.dim - 1]]
            errors = []
            for depth in depths:
                start = time.perf_counter()
                deep = rf.DeepDAE(law, t, depth)
                image = deep(x)
                seconds = time.perf_counter() - start
                error = np.sqrt(((image - goal) ** 2).sum(axis=1).mean()) / size
                errors.append(error)
                say(
                    f"{name:22}{part:8.1f}{depth:5}{error:9.4f}{deep.n_nodes:9}{seconds:9.1f}"
                    f"{deep.score_errors.max():9.0e}"
                )
            late = [k for k, depth in enumerate(depths) if depth >= min(8, depths[-2])]
            slope = np.polyfit(np.log(np.array(depths)[late]), np.log(np.array(errors)[late]), 1)[0]
            say(f"{name:22}{part:8.1f}  order from L = {depths[late[0]]}: {-slope:.2f}")
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(LINES) + "\n")


if __name__ == "__main__":
    main()
