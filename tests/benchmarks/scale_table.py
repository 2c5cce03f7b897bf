"""What Dask workers gain, what moves between them, and samples beyond one call.

``python tests/benchmarks/scale_table.py`` prints the table of the documentation (needs the extra
``dask`` and two cores that nothing else uses); ``--out`` writes it to a file as well, ``--share``
makes sizes smaller. One worker of one thread against two: seconds of the second of two runs, the
steps that the scheduler took, and the bytes that workers had from each other. Then a fit and its
predictions on samples that are drawn in chunks, with the largest memory of a worker; and,
calculated from the measured time of a task and a stated bandwidth, the same law of cost for a
hundred workers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import distributed
import numpy as np
import psutil

import ridgeflow as rf

# Bytes that move in a second between machines, stated and not measured: ten gigabits.
BANDWIDTH = 1.25e9
COLUMNS, WIDTH = 16, 128


def drawn(n: int, chunk: int, columns: int = COLUMNS) -> tuple[da.Array, da.Array]:
    """Samples that exist chunk by chunk only, and a function of them."""
    x = da.random.default_rng(0).normal(size=(n, columns), chunks=(chunk, columns))
    return x, da.tanh(x[:, 0]) * x[:, 1] + 0.1 * x.sum(axis=1)


def neurons(width: int, columns: int = COLUMNS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(width, columns)) / columns**0.5, rng.normal(size=width)


def network_sums(share: float) -> Callable[[], Any]:
    a, b = neurons(4000)
    net = rf.ShallowNetwork(a, b, np.ones(len(b)), "tanh")
    x, _ = drawn(int(4e5 * share), int(5e4 * share))
    return lambda: net(x).sum().compute()


def density_sums(share: float) -> Callable[[], Any]:
    x, _ = drawn(int(4e4 * share), int(5e3 * share), 4)
    law = rf.kernel_density(x)
    points = np.random.default_rng(2).normal(size=(int(2e4 * share), 4))
    return lambda: law.score(points, method="exact")


def fit(share: float) -> Callable[[], Any]:
    x, y = drawn(int(2e6 * share), int(1e5 * share))
    a, b = neurons(WIDTH)
    return lambda: rf.fit_outer_weights(a, b, "tanh", x, y, ridge=1e-6, affine=True)


WORK = {"network sums": network_sums, "kernel densities": density_sums, "outer weights": fit}


def moved(client: distributed.Client) -> float:
    """Bytes that workers have had from each other so far."""
    found = client.run(
        lambda dask_worker: sum(e["total"] for e in dask_worker.transfer_incoming_log)
    )
    return float(sum(found.values()))


def seconds(workers: int, name: str, share: float) -> tuple[float, float, int]:
    """Of the second run; bytes that moved meanwhile, and tasks that were computed."""
    with (
        distributed.LocalCluster(workers, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        work = WORK[name](share)
        work()
        before, count = moved(client), tasks(client)
        start = time.perf_counter()
        work()
        return time.perf_counter() - start, moved(client) - before, tasks(client) - count


def tasks(client: distributed.Client) -> int:
    return int(client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter))


def streamed(share: float) -> list[str]:
    """A fit to ten million samples and its predictions, within 2 GB for each worker."""
    n, chunk = int(1e7 * share), int(1e5 * min(1.0, 4 * share))
    x, y = drawn(n, chunk)
    with (
        distributed.LocalCluster(
            2, threads_per_worker=1, memory_limit="2GB", dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        start = time.perf_counter()
        model = rf.RidgeletRegressor(width=WIDTH, ridge=1e-6, random_state=0).fit(x, y)
        fitted = time.perf_counter() - start
        start = time.perf_counter()
        rest = float(((model.predict(x) - y) ** 2).mean().compute())
        predicted = time.perf_counter() - start
        most = max(client.run(peak).values()) / 1e9
    error = (rest / float(da.var(y[:chunk]).compute())) ** 0.5
    return [
        f"{n:.0e} x {COLUMNS} samples, {n // chunk} chunks, two workers of 2 GB, {WIDTH} neurons",
        f"  fit {fitted:.1f} s, predict {predicted:.1f} s, most memory of a worker {most:.2f} GB, "
        f"relative error {error:.2e}",
    ]


def peak() -> float:
    """The most memory that this process has had, in bytes."""
    import resource

    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def hundred(share: float) -> list[str]:
    """From the time of one task and of one merge of triangles here."""
    rows = int(1e5 * share)
    x, y = (np.asarray(v) for v in dask.compute(*drawn(rows, rows), scheduler="synchronous"))
    a, b = neurons(WIDTH)
    with rf.config(threads=1):
        rf.fit_outer_weights(a, b, "tanh", x, y, ridge=1e-6, affine=True)
        start = time.perf_counter()
        rf.fit_outer_weights(a, b, "tanh", x, y, ridge=1e-6, affine=True)
        chunk = time.perf_counter() - start
        columns = WIDTH + COLUMNS + 2
        triangle = np.triu(np.random.default_rng(0).normal(size=(columns, columns)))
        start = time.perf_counter()
        np.linalg.qr(np.concatenate([triangle, triangle]), mode="r")
        merge = time.perf_counter() - start + 8.0 * columns**2 / BANDWIDTH
    lines = [f"calculated: {chunk:.3f} s a chunk of {rows} rows, {merge:.4f} s a merge"]
    for n in (1e8, 1e9, 1e10):
        for workers in (1, 10, 100):
            parts = n / rows
            depth = np.ceil(np.log(max(2.0, parts)) / np.log(8)) if workers > 1 else 0
            whole = parts / workers * (chunk + 7 / 8 * merge) + 7 * depth * merge
            alone = parts * (chunk + 7 / 8 * merge)
            lines.append(
                f"  {n:.0e} samples, {workers:3d} workers: {whole:9.0f} s, "
                f"{alone / whole:5.1f} times one worker"
            )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the sizes")
    parser.add_argument("--out", help="file for the table")
    options = parser.parse_args()
    lines = [
        f"{'':20s}{'one':>9s}{'two':>9s}{'ratio':>7s}{'moved':>11s}{'transitions':>12s}"
        f"   ({psutil.cpu_count()} cores)"
    ]
    print(lines[-1])
    for name in WORK:
        one = seconds(1, name, options.share)
        two = seconds(2, name, options.share)
        times = f"{one[0]:8.2f}s{two[0]:8.2f}s{one[0] / two[0]:7.2f}"
        lines.append(f"{name:20s}{times}{two[1]:10.2e}B{two[2]:12d}")
        print(lines[-1], flush=True)
    for part in (streamed, hundred):
        lines += ["", *part(options.share)]
        print("\n".join(lines[-2:]), flush=True)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
