"""Autoencoders through a bottleneck: what must be lost, and how little it can be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ridgeflow.constructions import BottleneckAutoencoder
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


def _ellipse() -> list[Callable[[NDArray], NDArray]]:
    return [lambda t: np.stack([3 * np.cos(t), np.sin(t)], axis=1)]


@statement(
    "autoencoder_bounds",
    "Autoencoders work but for a small set, where they must fail",
    claim="Through one dimension, the error is small on closed curves but for an arc of half-width "
    "η, within the budget e_G + Lip(G) e_F; and on each closed component it reaches the filling "
    "radius, for every autoencoder: 1 on both circles of the Hopf link, 1 on the ellipse (3, 1), "
    "whose reach is 1/3 (sharp: its projection on the long axis). Error > ε holds on a length of "
    "at least 2(ρ − ε)/(1 + Lip(GF)).",
    papers=(_PAPER,),
    where="upper and lower bounds",
    reason="The construction fits the curves to a few hundredths; the sup over samples falls short "
    "of that over the curve by their distance, 2 percent.",
    breaks={
        "a bound of 2, the diameter": {"radius": 2.0},
        "no error on the removed arc": {"continuous": False},
    },
)
def autoencoder_bounds(effort: str, *, radius: float = 1.0, continuous: bool = True) -> Outcome:
    """Build autoencoders with closing gaps; compare their errors with the bounds."""
    comparisons, series = [], []
    wide, narrow = sized(effort, ((0.6, 0.4), (0.4,)), ((0.6, 0.4, 0.2), (0.6, 0.4, 0.2)))
    for name, curves, gaps in (
        ("Hopf link", _hopf(), wide),
        ("ellipse (3, 1)", _ellipse(), narrow),
    ):
        kept, whole = [], []
        for gap in gaps:
            report = BottleneckAutoencoder.from_curves(curves, gap=gap).report(0.05)
            label = f"{name}, η = {gap}"
            kept.append(report.sup_kept)
            whole.append(report.sup)
            comparisons += [
                equal(f"{label}: part removed", gap / np.pi, report.removed, 0.01),
                at_most(f"{label}: sup on what is kept", 0.1, report.sup_kept),
                at_most(f"{label}: within the budget", report.budget, report.sup_kept, 1e-9),
            ]
            for part in report.components:
                each = f"{label}, {part.name}"
                comparisons.append(equal(f"{each}: filling radius", radius, part.bound, 0.01))
                comparisons.append(at_least(f"{each}: sup", radius, part.sup, 0.02))
                comparisons.append(
                    at_least(f"{label}, {part.name}: bad part", part.bad_bound, part.bad, 1e-3)
                )
            if not continuous:
                comparisons.append(at_most(f"{label}: sup on the whole", 0.1, report.sup))
        series.append(Series.of(f"{name}: kept", gaps, kept))
        series.append(Series.of(f"{name}: whole", gaps, whole))
    flat = _ellipse()[0](np.linspace(0, 2 * np.pi, 4001))[:, 1]
    worst = float(np.abs(flat).max())
    comparisons.append(equal("ellipse, F = x₁, G = (z, 0): sup", radius, worst, 1e-6))
    series.append(Series.of("filling radius", [wide[0], wide[-1]], [radius, radius], "dashed"))
    plot = Plot("Largest errors", "gap η", "sup |G(F(x)) − x|", tuple(series), y_log=True)
    return Outcome(tuple(comparisons), (plot,))
