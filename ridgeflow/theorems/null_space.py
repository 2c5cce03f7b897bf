"""Ghosts: parameter distributions that a network does not show."""

from __future__ import annotations

import numpy as np

from ridgeflow.fields.grid import GridField
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import activation
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.null_space import dual_transform, ghost
from ridgeflow.ridgelet.reconstruct import reconstruct
from ridgeflow.ridgelet.transform import ridgelet_transform
from ridgeflow.theorems.example_laws import mixture, points, spectrum
from ridgeflow.theorems.statement import (
    Outcome,
    Plot,
    Series,
    at_least,
    equal,
    relative_error,
    sized,
    small,
    statement,
)


@statement(
    "ghosts",
    "Ghosts: spectra that tanh does not see",
    claim="S[R[f;ρ];η] = 0 for every ρ with K(η,ρ) = 0. For tanh and sin 2πx, ρ_k = Λ G^(k−1) on "
    "[−6, 6]²: k = 1, 3 give nothing, k = 2, 4 give f with cosines −0.913 and 0.985. No multiple "
    "of a ghost, however large, changes an output when it is added to a spectrum.",
    papers=("sonoda2021ghosts",),
    where="numerical experiments",
    reason="Ghosts by parity cancel to rounding. The cosines are those of 601 nodes a side, to "
    "three digits; 201 change them by less than 1e−3. The mixture's grid has the tolerance 1e−3.",
    breaks={
        "ΛG′ and ΛG‴ as the ghosts": {"first": True},
        "the sign of the cosines": {"cosines": (0.913, -0.985)},
    },
)
def ghosts(
    effort: str,
    *,
    cosines: tuple[float, float] = (-0.913, 0.985),
    half_width: float = 6.0,
    wave: float = 2 * np.pi,
    first: bool = False,
) -> Outcome:
    """The published experiment, and multiples of a ghost on top of the spectrum of a mixture."""
    x = np.linspace(-1, 1, 201)
    f = np.sin(wave * x)
    axis = np.linspace(-half_width, half_width, sized(effort, 201, 601))
    grid = ParameterGrid.cartesian([axis], axis)
    comparisons, series = [], [Series.of("f", x, f, "dashed")]
    shown = 0 if first else 1
    published: dict[int, float | None] = {1 - shown: None, 3 - shown: None}
    published |= {shown: cosines[0], shown + 2: cosines[1]}
    for order, cosine in sorted(published.items()):
        values = ridgelet_transform(GridField(f, (x,)), Ridgelet(1, order), grid)
        found = dual_transform(values, "tanh", x[:, None])
        size = np.abs(found).max()
        if cosine is None:
            comparisons.append(small(f"k = {order + 1}: largest value of S", size, 1e-11))
        else:
            angle = found @ f / (np.linalg.norm(found) * np.linalg.norm(f) + 1e-30)
            comparisons.append(equal(f"k = {order + 1}: cos(S, f)", cosine, angle, 1.5e-3))
        series.append(Series.of(f"k = {order + 1}", x, found / max(1.0, size)))
    tol = sized(effort, 1e-3, 1e-5)
    for name in ("tanh", "relu"):
        seen = spectrum(2, name, tol)
        invisible = ghost(name, mixture(2), seen.grid)
        y = points(2, 200)
        plain = reconstruct(seen, activation(name), y)
        times = seen.norm() / invisible.norm()
        for amount in (1.0, -30.0):
            haunted = reconstruct(seen + amount * times * invisible, activation(name), y)
            error = relative_error(haunted, plain) / abs(amount)
            label = f"{name}, m = 2: change of the output by a ghost of {amount:g} times its norm"
            comparisons.append(small(label, error, tol))
    plot = Plot("What tanh makes of four spectra", "x", "S[R[f;ρ_k]; tanh], scaled", tuple(series))
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "relu_null_relations",
    "Finite ghosts of ReLU",
    claim="Σ c_j a_j = 0 and Σ c_j b_j = 0 imply Σ c_j [(a_j·x − b_j)_+ − (b_j − a_j·x)_+] = 0: "
    "finite networks that are zero without a zero weight, not so if only one of the two holds.",
    papers=("sonoda2021ghosts",),
    where="null space of the ReLU network",
    reason="Sums of a hundred neurons, exact but for rounding.",
    breaks={
        "a plus between the two": {"sign": 1.0},
        "one condition only": {"both": False},
    },
)
def relu_null_relations(effort: str, *, sign: float = -1.0, both: bool = True) -> Outcome:
    """Draw neurons, solve the relations for outer weights, and evaluate."""
    rng = np.random.default_rng(0)
    comparisons, spreads = [], []
    dims = sized(effort, (1, 2, 5), (1, 2, 5, 20, 50))
    for dim in dims:
        a, b = rng.normal(size=(100, dim)), rng.normal(size=100)
        relations = np.column_stack([a, b]) if both else a
        c = rng.normal(size=100)
        once = c - a @ np.linalg.lstsq(a, c, rcond=None)[0]
        c -= relations @ np.linalg.lstsq(relations, c, rcond=None)[0]
        net = ShallowNetwork(
            np.vstack([a, -a]), np.concatenate([b, -b]), np.concatenate([c, sign * c]), "relu"
        )
        half = ShallowNetwork(a, b, c, "relu")
        x = rng.normal(size=(200, dim))
        spreads.append((np.abs(net(x)).max(), np.abs(half(x)).max()))
        ratio = spreads[-1][0] / spreads[-1][1]
        comparisons.append(
            small(f"m = {dim}: largest output over that of half of it", ratio, 1e-12)
        )
        least = float(np.abs(c).min() / np.abs(c).max())
        comparisons.append(at_least(f"m = {dim}: least weight over the largest", 1e-6, least))
        # What is left is the constant −Σ c_j b_j.
        other = ShallowNetwork(
            np.vstack([a, -a]), np.concatenate([b, -b]), np.concatenate([once, sign * once]), "relu"
        )
        gap = float(np.abs(other(x) + once @ b).max() / np.abs(once @ b))
        comparisons.append(small(f"m = {dim}: Σ c_j b_j ≠ 0 leaves −Σ c_j b_j", gap, 1e-10))
    whole, part = np.array(spreads).T
    series = (Series.of("half of the network", dims, part), Series.of("the network", dims, whole))
    plot = Plot("Largest outputs", "dimension m", "", series, x_log=True, y_log=True)
    return Outcome(tuple(comparisons), (plot,))
