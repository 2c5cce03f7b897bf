"""Residual networks as headers and arrays, for files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow.fields.region import Region
from ridgeflow.networks.exchange import STORED
from ridgeflow.networks.shallow import ShallowNetwork

if TYPE_CHECKING:
    from ridgeflow.networks.residual import ResidualNetwork

__all__ = ["parts_of", "record_of"]


def record_of(network: ResidualNetwork) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Header and arrays that hold a network."""
    header: dict[str, Any] = {"scheme": network.scheme, "layers": [], "region": None}
    arrays: dict[str, NDArray] = {"steps": network.steps}
    for layer, fields in enumerate(network.layers):
        records = [field._record() for field in fields]
        header["layers"].append([record for record, _ in records])
        for stage, (_, parts) in enumerate(records):
            arrays |= {f"{layer}/{stage}/{name}": value for name, value in parts.items()}
    if network.region is not None:
        header["region"] = {
            "center": np.asarray(network.region.center, dtype=float).tolist(),
            "radius": float(network.region.radius),
            "margin": float(network.region.margin),
        }
    return header, arrays


def parts_of(
    header: dict[str, Any], arrays: Mapping[str, NDArray]
) -> tuple[list[tuple[ShallowNetwork, ...]], NDArray, dict[str, Any]]:
    """Layers, steps and options of the network that a header and arrays hold.

    Raises KeyError, TypeError, ValueError or AttributeError where they hold none.
    """
    layers = []
    for layer, records in enumerate(header["layers"]):
        fields = []
        for stage, record in enumerate(records):
            parts = {name: arrays[f"{layer}/{stage}/{name}"] for name in STORED}
            fields.append(ShallowNetwork._from_record(record, parts))
        layers.append(tuple(fields))
    region = None if header["region"] is None else Region(**header["region"])
    return layers, arrays["steps"], {"scheme": header["scheme"], "region": region}
