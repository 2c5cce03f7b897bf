"""Rows of Radon and ridgelet transforms, spectra and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import ridgeflow as rf

from .objects import (
    angles,
    axis,
    eta,
    grid,
    grid_field,
    image,
    line_spectrum,
    mixture,
    normal,
    offsets,
    plan,
    points,
    ridgelet,
    sample_field,
    saved,
    spectrum,
    weighted_samples,
)
from .rows import Equal, Room, folder, in_units

room = Room("transforms")
UNITS = (1e-6, 1e-3, 1e3, 1e6)


def axes(n: int = 9) -> tuple[np.ndarray, np.ndarray]:
    return axis(n), axis(n)


@cache
def _sinogram() -> np.ndarray:
    return rf.radon(mixture(), angles(), offsets())


def sinogram() -> np.ndarray:
    return _sinogram().copy()


def half_weights() -> np.ndarray:
    return rf.directions(2, 8)[1]


# Radon transforms ------------------------------------------------------------------------------

room.add("rf.directions", lambda: {"dim": 2, "n": 5})
room.add("rf.directions", lambda: {"dim": 3, "n": 5}, variant="three variables")


def permuted_radon() -> tuple[Any, Any]:
    order = np.random.default_rng(0).permutation(8)
    return (
        rf.radon(grid_field(), angles()[order], offsets()),
        rf.radon(grid_field(), angles(), offsets())[order],
    )


def radon_units(s: float) -> Callable[[], tuple[Any, Any]]:
    """Values as they are, lengths times s: integrals along lines times s."""
    wide = rf.GridField(image(), (s * axis(), s * axis()))
    return lambda: (
        rf.radon(wide, angles(), s * offsets()),
        s * rf.radon(grid_field(), angles(), offsets()),
    )


def repeated_radon() -> tuple[Any, Any]:
    times = np.array([1, 2, 3, 1, 3, 2])
    weighted = rf.SampleField(points(), weights=times / 12)
    plain = rf.SampleField(np.repeat(points(), times, axis=0))
    return tuple(rf.radon(f, angles(), offsets(), bandwidth=0.5) for f in (plain, weighted))


FIELDS = {"grid": grid_field, "mixture": mixture, "samples": sample_field}
for variant, field in FIELDS.items():
    room.add(
        "rf.radon",
        lambda field=field, variant=variant: {
            "field": field(),
            "directions": angles(),
            "offsets": offsets(),
            "method": "auto",
            "tol": 1e-8,
            "bandwidth": 0.5 if variant == "samples" else None,
            "model": "bilinear",
        },
        variant=variant,
        equal=(
            Equal("directions in another order", permuted_radon),
            Equal("samples repeated in place of weights", repeated_radon),
            # measured 1e-9: the requested accuracy
            *(Equal(f"lengths times {s:g}", radon_units(s), 1e-7) for s in UNITS),
        )
        if variant == "grid"
        else (),
    )
room.add(
    "rf.radon_adjoint",
    lambda: {
        "sinogram": sinogram(),
        "directions": angles(),
        "offsets": offsets(),
        "axes": axes(),
        "method": "auto",
        "tol": 1e-8,
        "model": "bilinear",
    },
    # The tolerance of the row is finer than single precision.
    exempt={"sinogram": ("float32",)},
)
if True:
    room.add(
        "rf.radon_inverse",
        lambda: {
            "sinogram": sinogram(),
            "directions": angles(),
            "offsets": offsets(),
            "axes": axes(),
            "filter": "ramp",
            "weights": half_weights(),
            "tol": None,
        },
    )
    room.add(
        "rf.filter_sinogram",
        lambda: {"sinogram": sinogram(), "offsets": offsets(), "dim": 2, "filter": "ramp"},
    )
room.add(
    "rf.dual_radon",
    lambda: {
        "sinogram": sinogram(),
        "directions": angles(),
        "offsets": offsets(),
        "points": points(),
        "weights": half_weights(),
    },
    equal=(
        Equal(
            "points in another order",
            lambda: (
                rf.dual_radon(sinogram(), angles(), offsets(), points()[::-1]),
                rf.dual_radon(sinogram(), angles(), offsets(), points())[::-1],
            ),
        ),
    ),
)
room.add(
    "rf.RadonPlan",
    lambda: {
        "field_or_axes": axes(),
        "directions": angles(),
        "offsets": offsets(),
        "method": "auto",
        "tol": 1e-8,
        "model": "bilinear",
        "dtype": None,
    },
    out=lambda made: made(image(9)),
    aliases={"field_or_axes": ("axes", "field", "values")},
)
room.add("RadonPlan.__call__", lambda: {"values": image()}, on=plan)
room.add("RadonPlan.adjoint", lambda: {"sinogram": sinogram()}, on=plan)
room.add(
    "RadonPlan.inverse",
    lambda: {"sinogram": sinogram(), "filter": "ramp", "weights": half_weights()},
    on=plan,
)
room.add("RadonPlan.as_linear_operator", on=plan, out=lambda made: made.matvec(image().ravel()))
room.add("rf.dot_test", lambda: {"plan": plan(), "rng": 0})


def at_axes(s: float) -> Any:
    """Lengths in units of s: an image of the same law, of density 1/s²."""
    law = rf.GaussianMixture([1.0], [[0.0, 0.0]], s**2)
    u, w = rf.directions(2, 8)
    p = s * offsets()
    return rf.radon_inverse(rf.radon(law, u, p), u, p, (s * axis(9), s * axis(9)), weights=w)


def filtered(s: float, name: str = "ramp") -> Any:
    return rf.filter_sinogram(sinogram() / s, s * offsets(), 2, filter=name)


def dual_in(s: float) -> Any:
    u, w = rf.directions(2, 8)
    return rf.dual_radon(sinogram() / s, u, s * offsets(), s * points(), weights=w)


def adjoint_in(s: float) -> Any:
    return rf.radon_adjoint(sinogram(), angles(), s * offsets(), (s * axis(9), s * axis(9)))


def reflected() -> tuple[Any, Any]:
    """A direction and its opposite see the same lines."""
    return (
        rf.radon(grid_field(), -angles(), offsets()),
        rf.radon(grid_field(), angles(), offsets())[:, ::-1],
    )


def complex_image() -> tuple[Any, Any]:
    wave = rf.GridField(image() * (1 + 2j), (axis(), axis()))
    return (
        rf.radon(wave, angles(), offsets()),
        rf.radon(grid_field(), angles(), offsets()) * (1 + 2j),
    )


room.add(
    "rf.radon_inverse",
    lambda: {"sinogram": sinogram(), "directions": angles(), "offsets": offsets(), "axes": axes()},
    variant="units",
    fixed=("sinogram", "directions", "offsets", "axes"),
    # measured 1e-9 for transforms with a tolerance
    equal=(
        *in_units(at_axes, -2, 1e-7),
        *in_units(filtered, -2, 1e-9),
        *in_units(dual_in, -1, 1e-9),
        *in_units(adjoint_in, 1, 1e-7),
        Equal("opposite directions", reflected, 1e-7),
        Equal("complex images", complex_image, 1e-7),
    ),
)

# Finite fields ---------------------------------------------------------------------------------


def small() -> np.ndarray:
    return np.arange(25.0).reshape(5, 5)


def profile() -> np.ndarray:
    return np.array([1.0, 2.0, 0.0, 1.0, 0.5])


room.add("rf.finite_ridgelet_transform", lambda: {"f": small(), "rho": profile()})
room.add(
    "rf.finite_reconstruct",
    lambda: {
        "spectrum": rf.finite_ridgelet_transform(small(), profile()),
        "sigma": np.array([0.0, 1.0, 2.0, 0.0, 0.0]),
        "rho": profile(),
    },
)

# Grids -----------------------------------------------------------------------------------------


def scales() -> np.ndarray:
    return np.geomspace(0.125, 8.0, 7)


room.add(
    "rf.ParameterGrid",
    lambda: {"kind": "nodes", "dim": 2, "size": 3, "plain": (points(3), points(3)[:, 0])},
    # The two arrays go by the names that they have everywhere else.
    aliases={"plain": ("a", "b"), "dim": ("a",)},
)
room.add(
    "ParameterGrid.polar",
    lambda: {
        "dim": 2,
        "n_directions": 8,
        "scales": scales(),
        "radius": 3.0,
        "step": 0.5,
        "margin": 8.0,
        "center": np.array([0.5, 0.0]),
        "scale_weights": np.ones(7),
    },
)
room.add(
    "ParameterGrid.cartesian",
    lambda: {"a_axes": [axis(5), axis(5)], "b_axis": axis(7)},
    # Steps of this axis are not equal in half precision.
    exempt={"b_axis": ("float16",)},
)
room.add("ParameterGrid.nodes", lambda: {"a": points(), "b": points()[:, 0]})
for variant, field in {"mixture": normal, "grid": grid_field, "samples": sample_field}.items():
    room.add(
        "ParameterGrid.for_field",
        lambda field=field, variant=variant: {
            "field": field(),
            "activation": eta(),
            "ridgelet": ridgelet(),
            "tol": 1e-2,
            "n_directions": 8,
            "bandwidth": 0.5 if variant == "samples" else None,
            "dual": "plain",
        },
        variant=variant,
    )
room.add("ParameterGrid.offsets", lambda: {"scale": 2}, on=grid)

# Ridgelet transforms ---------------------------------------------------------------------------


def nodes() -> tuple[np.ndarray, np.ndarray]:
    return points(5), points(5, seed=2)[:, 0]


def transformed(s: float) -> Callable[[], tuple[Any, Any]]:
    """Lengths times s: nodes divided by s; a density's spectrum is the same."""
    law = rf.GaussianMixture([1.0], [[0.0, 0.0]], s**2)
    a, b = nodes()
    return lambda: (
        rf.ridgelet_transform(law, ridgelet(), (a / s, b)).values,
        rf.ridgelet_transform(normal(), ridgelet(), (a, b)).values,
    )


def permuted_transform() -> tuple[Any, Any]:
    a, b = nodes()
    order = [3, 1, 4, 0, 2]
    return (
        rf.ridgelet_transform(grid_field(), ridgelet(), (a[order], b[order])).values,
        rf.ridgelet_transform(grid_field(), ridgelet(), (a, b)).values[order],
    )


def repeated_transform() -> tuple[Any, Any]:
    times = np.array([1, 2, 3, 1, 3, 2])
    weighted = rf.SampleField(points(), weights=times / 12)
    plain = rf.SampleField(np.repeat(points(), times, axis=0))
    return tuple(rf.ridgelet_transform(f, ridgelet(), nodes()).values for f in (plain, weighted))


for variant, field in {**FIELDS, "weighted": weighted_samples}.items():
    for where in ("polar", "nodes"):
        room.add(
            "rf.ridgelet_transform",
            lambda field=field, where=where, variant=variant: {
                "field": field(),
                "ridgelet": ridgelet(),
                "grid": grid() if where == "polar" else nodes(),
                "method": "auto",
                "tol": 1e-8,
                "bandwidth": 0.5 if variant == "samples" else None,
            },
            variant=f"{variant}, {where}",
            aliases={"grid": ("a", "b")} if where == "nodes" else {},
            # A thousand times as many waves are a minute of work.
            exempt={"bandwidth": ("times 0.001",)} if variant == "samples" else {},
            rtol=1e-7,
            equal=(
                Equal("nodes in another order", permuted_transform),
                Equal("samples repeated in place of weights", repeated_transform),
                *(Equal(f"lengths times {s:g}", transformed(s), 1e-9) for s in UNITS),
            )
            if (variant, where) == ("mixture", "nodes")
            else (),
        )
for method in ("auto", "direct"):
    room.add(
        "rf.reconstruct",
        lambda method=method: {
            "spectrum": spectrum(),
            "activation": eta(),
            "points": points(),
            "method": method,
            "dual": "plain",
        },
        variant=method,
        equal=(
            Equal(
                "points in another order",
                lambda method=method: (
                    rf.reconstruct(spectrum(), eta(), points()[::-1], method=method),
                    rf.reconstruct(spectrum(), eta(), points(), method=method)[::-1],
                ),
            ),
        ),
        rtol=1e-7,
    )
room.add(
    "rf.reconstruct_gradient",
    lambda: {
        "spectrum": spectrum(),
        "activation": eta(),
        "points": points(),
        "dual": "plain",
    },
    rtol=1e-7,
)
room.add(
    "rf.corrected_dual",
    lambda: {
        "spectrum": line_spectrum(),
        "activation": eta(),
        "limit": 10.0,
        "band": (0.125, 4.0),
    },
)


@cache
def dual() -> rf.CorrectedDual:
    return rf.corrected_dual(line_spectrum(), eta())


room.record("rf.CorrectedDual")
room.add("CorrectedDual.__call__", lambda: {"k": np.array([0.25, 1.0, 2.0])}, on=dual)
room.add(
    "CorrectedDual.fits",
    lambda: {"spectrum": line_spectrum(), "activation": eta()},
    on=dual,
)

# Spectra ---------------------------------------------------------------------------------------

room.add(
    "rf.Spectrum",
    lambda: {
        "values": spectrum().values.copy(),
        "grid": grid(),
        "ridgelet": ridgelet(),
        "record": None,
        "provenance": None,
    },
    out=lambda made: (made.norm(), rf.reconstruct(made, eta(), points())),
)
for name in ("__add__", "__sub__"):
    room.add(f"Spectrum.{name}", lambda: {"other": spectrum()}, on=spectrum)
for name in ("__mul__", "__rmul__", "__truediv__"):
    room.add(
        f"Spectrum.{name}",
        lambda name=name: {"divisor" if "div" in name else "factor": 2.0},
        on=spectrum,
        exempt=dict.fromkeys(("factor", "divisor"), ("complex",)),
        errors=(ZeroDivisionError,),
    )
room.add("Spectrum.__neg__", on=spectrum)
room.add("Spectrum.norm", on=spectrum)
room.add("Spectrum.at_scale", lambda: {"scale": 2}, on=spectrum)
room.add(
    "Spectrum.error_budget",
    lambda: {"activation": eta(), "dual": "plain"},
    on=line_spectrum,
    infinite=True,
)
room.add("Spectrum.plot", lambda: {"component": None, "directions": [0, 1]}, on=spectrum)
room.add(
    "Spectrum.save",
    lambda: {"path": folder() / "spectrum" / "s.npz"},
    on=spectrum,
    call=lambda path: (folder() / "spectrum").mkdir(exist_ok=True) or spectrum().save(path),
)
room.add(
    "Spectrum.to_xarray",
    lambda: {"layout": "auto", "split_complex": True},
    on=spectrum,
)
room.add("Spectrum.from_xarray", lambda: {"dataset": spectrum().to_xarray()})
room.add("rf.load_spectrum", lambda: {"path": saved("spectrum")})
room.record("rf.ErrorBudget")
room.record("rf.Provenance")
room.add("Provenance.to_dict", on=lambda: spectrum().provenance)
room.add("Provenance.from_dict", lambda: {"data": spectrum().provenance.to_dict()})
room.add("Provenance.is_of", lambda: {"field": normal()}, on=lambda: spectrum().provenance)
room.add(
    "rf.linear_combination",
    lambda: {"spectra": [spectrum(), spectrum()], "coefficients": np.array([2.0, -0.5])},
)
room.add("rf.inner_product", lambda: {"first": spectrum(), "second": spectrum()})
for name in ("gradient_spectrum", "laplacian_spectrum"):
    room.add(f"rf.{name}", lambda: {"spectrum": spectrum(), "tol": 1e-4})


@cache
def slopes() -> rf.Spectrum:
    return rf.gradient_spectrum(spectrum())


room.add("rf.dual_potential", lambda: {"spectrum": slopes(), "tol": 1e-4})


@cache
def narrow_spectrum() -> rf.Spectrum:
    eta = rf.activation("gaussian").derivative()
    psi = rf.admissible_ridgelet(eta, 1)
    return rf.ridgelet_transform(
        normal(1), psi, rf.ParameterGrid.for_field(normal(1), eta, psi, 1e-2)
    )


for name in ("project_range", "project_null", "minimum_norm"):
    room.add(
        f"rf.{name}",
        lambda: {
            "spectrum": narrow_spectrum(),
            "activation": rf.activation("gaussian").derivative(),
            "truncated": True,
            "tol": 1e-2,
        },
    )
room.add("rf.null_ridgelet", lambda: {"activation": eta(), "dim": 2, "by": "parity"})
room.add(
    "rf.ghost",
    lambda: {
        "activation": eta(),
        "field": normal(),
        "grid": grid(),
        "order": None,
        "ridgelet": None,
        "tol": 1e-8,
    },
)
room.add(
    "ridgelet.null_space.NullRidgelet.__call__",
    lambda: {"z": axis(5)},
    on=lambda: rf.null_ridgelet("tanh", 2),
)
room.add(
    "ridgelet.null_space.NullRidgelet.fourier",
    lambda: {"omega": axis(5)},
    on=lambda: rf.null_ridgelet("tanh", 2),
)


def law_in(s: float) -> rf.GaussianMixture:
    return rf.GaussianMixture([1.0], [[0.5 * s, 0.0]], s**2)


def grid_in(s: float) -> rf.ParameterGrid:
    return rf.ParameterGrid.polar(2, 8, np.geomspace(0.1, 10, 7) / s, 3.0 * s, 0.5)


def spectrum_in(s: float) -> rf.Spectrum:
    return rf.ridgelet_transform(law_in(s), ridgelet(), grid_in(s))


def reconstructed(s: float, method: str, name: str = "reconstruct") -> Any:
    more = {"method": method} if name == "reconstruct" else {}
    return getattr(rf, name)(spectrum_in(s), eta(), s * points(), **more)


def chosen(s: float) -> Any:
    made = rf.ParameterGrid.for_field(law_in(s), eta(), ridgelet(), 1e-2, n_directions=8)
    return made.scales * s


def budget(s: float) -> Any:
    found = spectrum_in(s).error_budget(eta())
    return np.array([found.truncation, found.quadrature, found.directions])


def linear() -> tuple[Any, Any]:
    s = spectrum()
    x = points()
    return rf.reconstruct(2.0 * s - 0.5 * s, eta(), x), 1.5 * rf.reconstruct(s, eta(), x)


room.add(
    "rf.reconstruct",
    lambda: {"spectrum": spectrum(), "activation": eta(), "points": points()},
    variant="units",
    fixed=("spectrum", "activation", "points"),
    equal=(
        Equal("linear", linear, 1e-6),  # measured 3e-8: fast sums have a tolerance
        *in_units(lambda s: spectrum_in(s).values, 0, 1e-9),
        *in_units(lambda s: spectrum_in(s).norm(), -1, 1e-9),
        *in_units(lambda s: reconstructed(s, "auto"), -2, 1e-6),
        *in_units(lambda s: reconstructed(s, "direct"), -2, 1e-9),
        *in_units(lambda s: reconstructed(s, "", "reconstruct_gradient"), -3, 1e-6),
        *in_units(chosen, 0, 1e-9),
        *in_units(budget, 0, 1e-6),
        *in_units(lambda s: rf.gradient_spectrum(spectrum_in(s)).values, -1, 1e-6),
        *in_units(lambda s: rf.laplacian_spectrum(spectrum_in(s)).values, -2, 1e-6),
    ),
)

# Other spectra ---------------------------------------------------------------------------------

room.add(
    "rf.irie_funahashi_spectrum",
    lambda: {"field": normal(), "activation": "gaussian", "tol": 1e-2, "n_directions": 8},
    rtol=1e-6,
)
for name in ("relu_spectrum", "step_spectrum"):
    room.add(
        f"rf.{name}",
        lambda: {
            "field": normal(),
            "tol": 1e-1,
            "reach": 5.0,
            "step": 0.25,
            "n_directions": 8,
        },
        # 0.1 in single precision is another tolerance; a thousand times the offsets are half a
        # minute of work.
        rtol=1e-6,
        exempt={"reach": ("times 1000",)},
    )


def single_in(name: str) -> Any:
    def compute(s: float) -> Any:
        made = getattr(rf, name)(law_in(s), tol=1e-1, n_directions=8)
        return made.reconstruct(s * points(), method="direct")

    return compute


def irie_in(s: float) -> Any:
    made = rf.irie_funahashi_spectrum(law_in(s), "gaussian", tol=1e-2, n_directions=8)
    return made.reconstruct(s * points(), method="direct")


for name in ("relu_spectrum", "step_spectrum", "irie_funahashi_spectrum"):
    room.add(
        f"rf.{name}",
        lambda name=name: {
            "field": normal(),
            "tol": 1e-1,
            **({"activation": "gaussian"} if name.startswith("irie") else {}),
        },
        variant="units",
        fixed=("field", "tol", "activation"),
        equal=in_units(irie_in if name.startswith("irie") else single_in(name), -2, 1e-7),
    )


@cache
def irie() -> Any:
    return rf.irie_funahashi_spectrum(normal(), "gaussian", tol=1e-2, n_directions=8)


@cache
def single() -> Any:
    return rf.relu_spectrum(normal(), tol=1e-1, n_directions=8)


room.add("ridgelet.irie_funahashi.IrieFunahashiSpectrum.nodes", on=irie)
room.add("ridgelet.single_scale.SingleScaleSpectrum.nodes", on=single)
for method in ("exact", "direct"):
    for owner, made in {
        "irie_funahashi.IrieFunahashiSpectrum": irie,
        "single_scale.SingleScaleSpectrum": single,
    }.items():
        room.add(
            f"ridgelet.{owner}.reconstruct",
            lambda method=method: {"points": points(), "method": method},
            on=made,
            variant=method,
        )


# Representations -------------------------------------------------------------------------------


def waves() -> rf.CallableField:
    return rf.CallableField(lambda x: np.sin(x[:, 0]) + x[:, 0], 1)


def line_region() -> rf.Region:
    return rf.Region([0.0], 2.0, 2.0)


@cache
def representation() -> rf.IntegralRepresentation:
    return rf.IntegralRepresentation(waves(), eta(), region=line_region(), tol=1e-2)


room.add(
    "rf.IntegralRepresentation",
    lambda: {
        "field": waves(),
        "activation": eta(),
        "ridgelet": None,
        "region": line_region(),
        "tol": 1e-2,
        "reference": None,
        "grid": None,
        "band": None,
        "dual": "plain",
        "n_axis": None,
        "like": None,
    },
    out=lambda made: made(points(4, 1)),
)
for name in ("__call__", "gradient"):
    room.add(f"IntegralRepresentation.{name}", lambda: {"points": points(4, 1)}, on=representation)
room.add("IntegralRepresentation.error_budget", on=representation)
room.add(
    "IntegralRepresentation.blend",
    lambda: {"representations": [representation(), representation()], "weights": [0.25, 0.75]},
    out=lambda made: made(points(4, 1)),
)
