"""The ridgelet transform on the finite field Z_p, exact."""

from __future__ import annotations

import numpy as np

from ridgeflow.ridgelet.finite_field import finite_ridgelet_transform
from ridgeflow.theorems.statement import Outcome, Plot, Series, sized, small, statement


@statement(
    "finite_field",
    "Exact reconstruction on a finite field",
    claim="For p prime and f: Z_p^m → C, Σ_{a,b} R[f;ρ](a,b) σ(a·x − b) = (p^m ⟨σ,ρ⟩ − D) f(x) + "
    "D Σ_y f(y), D = p^(m−1) σ♯(0) ρ♯(0)*: exactly p^m ⟨σ,ρ⟩ f if ρ has mean zero. An erratum of "
    "the printed constant p^(−(m−1)).",
    papers=("sonoda2024unified", "yamasaki2023quantum"),
    where="Theorem 3.2",
    reason="Sums of integers' images, exact but for rounding.",
    breaks={
        "the printed p^(−(m−1))": {"printed": True},
        "no mean-zero condition": {"correction": 0.0},
        "p^m in D": {"below": 0.0},
    },
)
def finite_field(
    effort: str,
    *,
    factor: float = 1.0,
    power: float = 1.0,
    correction: float = 1.0,
    below: float = -1.0,
    printed: bool = False,
) -> Outcome:
    """Sum all neurons of Z_p^m, by the definition, and compare with the two constants."""
    rng = np.random.default_rng(0)
    comparisons, sizes, errors = [], [], []
    cases = [(2, 3), (5, 2), (7, 1), (3, 3), (11, 2), *sized(effort, [], [(23, 2), (7, 3)])]
    for p, m in cases:
        f = rng.normal(size=(p,) * m) + 1j * rng.normal(size=(p,) * m)
        sigma = rng.normal(size=p)
        x = np.stack(np.meshgrid(*[np.arange(p)] * m, indexing="ij"), axis=-1).reshape(-1, m)
        neurons = (x @ x.T % p)[:, :, None] - np.arange(p)
        for mean_zero in (True, False):
            rho = rng.normal(size=p) + 1.0
            rho -= rho.mean() if mean_zero else 0.0
            spectrum = finite_ridgelet_transform(f, rho).reshape(-1, p)
            found = np.einsum("xab,ab->x", sigma[neurons % p], spectrum)
            extra = correction * float(p) ** (m + below) * sigma.sum() * rho.sum()
            size = float(p) ** (1 - m) if printed else float(p) ** (power * m)
            whole = factor * size * (sigma @ rho)
            predicted = (whole - extra) * f.ravel() + extra * f.sum()
            error = float(np.abs(found - predicted).max() / np.abs(found).max())
            kind = "mean zero" if mean_zero else "any ρ"
            comparisons.append(small(f"p = {p}, m = {m}, {kind}: relative error", error, 1e-12))
        sizes.append(p**m)
        errors.append(error)
    order = np.argsort(sizes)
    series = Series.of("", np.array(sizes)[order], np.array(errors)[order], "points")
    plot = Plot("Rounding", "points of Z_p^m", "relative error", (series,), x_log=True, y_log=True)
    return Outcome(tuple(comparisons), (plot,))
