"""Drawn networks against what their joint law predicts.

``python tests/benchmarks/width_depth_table.py`` prints the table of the documentation: measured
over predicted root mean square errors of 200 networks of Euler layers, for tanh and Gaussian
neurons on a line and in the plane, and what the affine control and Sobol blocks gain.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import ridgeflow as rf
from ridgeflow.double_continuum.discretise import layer_edges
from ridgeflow.double_continuum.drawn_layers import drawn_ensemble, drawn_outputs
from ridgeflow.double_continuum.drawn_variance import quasi_draws

NETWORKS, POINTS = 200, 64
SHAPES = ((64, 1), (64, 16), (64, 64))


def limits():
    """Double continua by dimension and activation: a name, the limit and its last depth."""
    line = rf.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.5)
    plane = rf.GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], 0.5)
    for dim, law, region, tol in (
        (1, line, rf.Region([0.0], 4.361, 1.225), 1e-3),
        (2, plane, None, 1e-2),
    ):
        for name in ("tanh", "gaussian"):
            eta = rf.activation(name)
            yield (
                f"m = {dim} {name}",
                rf.DoubleContinuum(law, eta, span=(0.0, 0.15), region=region, tol=tol),
                0.15,
            )


def ratios(limit, end, control, shared=False):
    """Constants, and measured over predicted errors for each shape."""
    law = rf.width_depth_law(limit, control=control)
    x = quasi_draws(limit, POINTS)
    target = limit.flow(x, end, log_density=False).points
    rng = np.random.default_rng(0)
    found = []
    for depth, width in SHAPES:
        edges = layer_edges(limit, depth, law.spacing)
        out = drawn_ensemble(limit, edges, width, x, NETWORKS, rng, control=control, shared=shared)
        square = ((out - target) ** 2).sum(axis=2).mean(axis=1)
        neurons = "shared" if shared else "per_layer"
        found.append(np.sqrt(square.mean()) / law.error(depth, width, neurons=neurons))
    return law, found


def gains(limit, end):
    """Errors of 64 layers of 64 neurons: plain, controlled, and controlled by Sobol blocks."""
    x = quasi_draws(limit, POINTS)
    target = limit.flow(x, end, log_density=False).points
    edges = layer_edges(limit, 64, "clock")
    errors = []
    for sampling, control in (
        ("monte_carlo", None),
        ("monte_carlo", "affine"),
        ("sobol_layers", "affine"),
    ):
        out = drawn_outputs(limit, edges, 64, x, range(10), sampling=sampling, control=control)
        errors.append(np.sqrt(((out - target) ** 2).sum(axis=2).mean()))
    return errors


def table(quick=False):
    lines = [
        f"Drawn networks of Euler layers, clock steps, {NETWORKS} of each: measured / predicted",
        f"{'law':<16}{'neurons':<14}{'C1':>8}{'C2 or Cs':>10}"
        + "".join(f"{f'{L} x {J}':>10}" for L, J in SHAPES),
    ]
    last = ["", "64 x 64, 10 networks of each: root mean square error", ""]
    last[2] = f"{'law':<16}{'plain':>12}{'control':>12}{'and Sobol':>12}{'gain':>8}"
    for name, limit, end in limits():
        if quick and not name.startswith("m = 1"):
            continue
        for kind, control, shared in (
            ("independent", None, False),
            ("shared", None, True),
            ("controlled", "affine", False),
        ):
            law, found = ratios(limit, end, control, shared)
            constant = law.c_shared if shared else law.c2
            lines.append(
                f"{name:<16}{kind:<14}{law.c1:8.4f}{constant:10.3f}"
                + "".join(f"{each:10.3f}" for each in found)
            )
        plain, controlled, blocks = gains(limit, end)
        last.append(f"{name:<16}{plain:12.2e}{controlled:12.2e}{blocks:12.2e}{plain / blocks:8.1f}")
    return "\n".join(lines + last) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="on a line alone")
    parser.add_argument("--out", type=Path, help="file to write the table to")
    options = parser.parse_args()
    start = time.perf_counter()
    text = table(options.quick)
    print(text, end="")
    print(f"{time.perf_counter() - start:.0f} s")
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
