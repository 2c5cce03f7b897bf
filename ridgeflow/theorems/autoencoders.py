"""Autoencoders through a bottleneck: what must be lost, and how little it can be."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ridgeflow.constructions import BottleneckAutoencoder
from ridgeflow.constructions.autoencoder_report import AutoencoderReport
from ridgeflow.theorems.statement import (
    Outcome,
    Plot,
    Series,
    at_least,
    at_most,
    equal,
    sized,
    statement,
)

_PAPER = "kvalheim2024autoencoders"


def _hopf() -> list[Callable[[NDArray], NDArray]]:
    """Two interlaced unit circles in space."""
    return [
        lambda t: np.stack([np.cos(t), np.sin(t), 0 * t], axis=1),
        lambda t: np.stack([1 + np.cos(t), 0 * t, np.sin(t)], axis=1),
    ]


def _ellipse(axes: tuple[float, float]) -> list[Callable[[NDArray], NDArray]]:
    return [lambda t: np.stack([axes[0] * np.cos(t), axes[1] * np.sin(t)], axis=1)]


_EPS = 0.05


@cache
def _report(axes: tuple[float, float] | None, gap: float) -> AutoencoderReport:
    """Of the autoencoder of an ellipse, or of the Hopf link, kept for reuse."""
    curves = _hopf() if axes is None else _ellipse(axes)
    return BottleneckAutoencoder.from_curves(curves, gap=gap).report(_EPS)


@statement(
    "autoencoder_bounds",
    "Autoencoders work but for a small set, where they must fail",
    claim="Through one dimension, the error is small on closed curves but for an arc of half-width "
    "η, the part η/π, within the budget e_G + Lip(G) e_F; and on each closed component it reaches "
    "the filling radius, for every autoencoder: 1 on both circles of the Hopf link, 1 on the "
    "ellipse (3, 1), whose reach is 1/3. Sharp: projections on a line of its plane, or on the long "
    "axis of the ellipse, miss by no more. Error > ε holds on a length of at least 2(ρ − ε)/(1 + "
    "Lip(GF)).",
    papers=(_PAPER,),
    where="upper and lower bounds",
    reason="The construction fits the curves to a hundredth of their size; the sup over samples "
    "falls short of that over the curve by the square of their distance. Sizes of curves are those "
    "of a polygon of 1024 sides, 1e−3.",
    breaks={
        "a bound of 2, the diameter": {"radius": 2.0},
        "the reach as the bound of the ellipse": {"sharp": 1 / 3},
        "no error on the removed arc": {"continuous": False},
    },
)
def autoencoder_bounds(
    effort: str,
    *,
    radius: float = 1.0,
    sharp: float = 1.0,
    axes: tuple[float, float] = (3.0, 1.0),
    reach: float = 1 / 3,
    part_of: float = 1 / np.pi,
    factor: float = 2.0,
    one: float = 1.0,
    slope: float = 1.0,
    continuous: bool = True,
) -> Outcome:
    """Build autoencoders with closing gaps; compare their errors with the bounds."""
    comparisons, series = [], []
    wide, narrow = sized(effort, ((0.6, 0.4), (0.4,)), ((0.6, 0.4, 0.2), (0.6, 0.4, 0.2)))
    for name, shape, gaps, bound in (
        ("Hopf link", None, wide, radius),
        ("ellipse (3, 1)", axes, narrow, sharp),
    ):
        kept, whole = [], []
        for gap in gaps:
            report = _report(shape, gap)
            label = f"{name}, η = {gap}"
            kept.append(report.sup_kept)
            whole.append(report.sup)
            budget = report.decoder_error + slope * report.lipschitz_decoder * report.encoder_error
            comparisons += [
                equal(f"{label}: part removed", part_of * gap, report.removed, 1e-3),
                at_most(f"{label}: sup on what is kept", 0.01, report.sup_kept),
                at_most(f"{label}: within the budget", report.budget, report.sup_kept, 1e-9),
                equal(f"{label}: the budget", budget, report.budget, 1e-12),
            ]
            for part in report.components:
                each = f"{label}, {part.name}"
                least = factor * (bound - _EPS) / (one + part.lipschitz) / part.measure
                comparisons += [
                    equal(f"{each}: filling radius", bound, part.bound, 1e-3),
                    at_least(f"{each}: sup", bound, part.sup, 1e-3),
                    equal(f"{each}: least bad part", least, part.bad_bound, 1e-3 * least),
                    at_least(f"{each}: bad part", part.bad_bound, part.bad, 1e-3),
                ]
                known = 1.0 if shape is None else reach
                comparisons.append(equal(f"{each}: reach", known, part.reach, 1e-3))
            if not continuous:
                comparisons.append(at_most(f"{label}: sup on the whole", 0.1, report.sup))
        series.append(Series.of(f"{name}: kept", gaps, kept))
        series.append(Series.of(f"{name}: whole", gaps, whole))
    angle = np.linspace(0, 2 * np.pi, 4001)
    flat = float(np.abs(_ellipse(axes)[0](angle)[:, 1]).max())
    comparisons.append(equal("ellipse, F = x₁, G = (z, 0): sup", sharp, flat, 1e-6))
    for name, curve in zip(("first", "second"), _hopf(), strict=True):
        x = curve(angle)
        middle = x[:-1].mean(axis=0)
        errors = []
        for turn in np.linspace(0, np.pi, 12, endpoint=False):
            line = curve(np.array([turn]))[0] - middle
            back = middle + np.outer((x - middle) @ line, line)
            errors.append(float(np.linalg.norm(back - x, axis=1).max()))
        text = f"{name} circle, projections on lines: sup"
        comparisons += [
            equal(f"{text}, least", radius, min(errors), 1e-6),
            equal(f"{text}, largest", radius, max(errors), 1e-6),
        ]
    series.append(Series.of("filling radius", [wide[0], wide[-1]], [radius, radius], "dashed"))
    plot = Plot("Largest errors", "gap η", "sup |G(F(x)) − x|", tuple(series), y_log=True)
    return Outcome(tuple(comparisons), (plot,))
