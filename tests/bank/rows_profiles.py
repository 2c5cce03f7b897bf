"""Rows of activations, ridgelets and their constants."""

from __future__ import annotations

import numpy as np

import ridgeflow as rf

from .rows import Equal, Room

room = Room("profiles")


def z() -> np.ndarray:
    return np.array([-2.0, -0.5, 0.25, 1.5])


def omega() -> np.ndarray:
    return np.array([-2.0, -0.5, 0.75, 3.0])


room.add(
    "rf.activation",
    lambda: {"name": "tanh"},
    kinds={"name": "activation"},
    aliases={"name": ("activation",)},
)
room.add("rf.activation_names")
room.add("rf.Activation", lambda: {"base": "tanh", "order": 1, "scale": 2.0})
for name, argument in {
    "__call__": "z",
    "parity_part": "z",
    "fourier": "omega",
    "envelope": "omega",
}.items():
    for eta in ("tanh", "relu", "gaussian", "step", "softplus"):
        room.add(
            f"Activation.{name}",
            lambda argument=argument: {argument: z() if argument == "z" else omega()},
            on=lambda eta=eta: rf.activation(eta),
            variant=eta,
        )
room.add("Activation.derivative", on=lambda: rf.activation("tanh"))
room.add(
    "rf.Ridgelet",
    lambda: {"dim": 2, "order": 2, "family": "hermite", "parity": None, "amplitude": None},
    out=lambda made: made(z()),
    kinds={"order": "integer"},
)
room.add(
    "rf.Ridgelet",
    lambda: {"dim": 1, "order": 1.5, "family": "power", "parity": "odd", "amplitude": 0.5},
    out=lambda made: made(z()),
    variant="power",
)
for family, made in {
    "hermite": lambda: rf.Ridgelet(2, 2),
    "power": lambda: rf.Ridgelet(1, 2, family="power"),
}.items():
    room.add("Ridgelet.__call__", lambda: {"z": z()}, on=made, variant=family)
    room.add("Ridgelet.fourier", lambda: {"omega": omega()}, on=made, variant=family)
    room.add("Ridgelet.decay_radius", lambda: {"tol": 1e-6}, on=made, variant=family)
    room.add("Ridgelet.bandlimit", lambda: {"tol": 1e-6}, on=made, variant=family)
    room.add("Ridgelet.derivative", on=made, variant=family)
    room.add("Ridgelet.admissibility", lambda: {"activation": "gaussian"}, on=made, variant=family)
    room.add("Ridgelet.to_dict", on=made, variant=family)
    room.add(
        "Ridgelet.from_dict",
        lambda made=made: {"data": made().to_dict()},
        aliases={"data": ("dim", "order", "family", "parity", "amplitude")},
        variant=family,
        equal=(
            Equal(
                "there and back",
                lambda made=made: (rf.Ridgelet.from_dict(made().to_dict())(z()), made()(z())),
                0,
            ),
        ),
    )
room.add("Ridgelet.table", on=lambda: rf.Ridgelet(2, 2))


def psi() -> rf.Ridgelet:
    return rf.admissible_ridgelet("tanh", 2)


room.add("rf.admissibility", lambda: {"activation": "tanh", "ridgelet": psi()})
room.add("rf.admissible_ridgelet", lambda: {"activation": "tanh", "dim": 2})
room.add(
    "rf.transfer_function",
    lambda: {
        "activation": "tanh",
        "ridgelet": psi(),
        "xi": np.array([0.0, 0.5, 2.0]),
        "a_max": 10.0,
        "a_min": 0.125,
    },
)
room.add(
    "profiles.admissibility.radial_kernel",
    lambda: {"activation": "tanh", "ridgelet": psi(), "omega": np.array([0.0, 0.5, 2.0])},
)
room.add("profiles.admissibility.ridgelet_norm_constant", lambda: {"ridgelet": rf.Ridgelet(2, 2)})
