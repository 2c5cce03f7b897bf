"""Networks as files, which keep every bit of their parts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ridgeflow._storage import open_archive, save_archive
from ridgeflow.errors import FileFormatError
from ridgeflow.fields.region import Region
from ridgeflow.fields.sample_region import SampleRegion
from ridgeflow.networks.neurons import Neurons
from ridgeflow.profiles.activation import Activation

__all__ = ["Layers", "save_layers", "save_neurons", "stored_parts"]

_SHALLOW, _RESIDUAL = "shallow_network", "residual_network"
# The arrays of one shallow network.
_ARRAYS = ("a", "b", "c", "linear", "bias")


class Layers(NamedTuple):
    """The parts of a residual network."""

    layers: list[list[Neurons]]
    steps: NDArray
    scheme: str
    region: Region | None


def save_neurons(net: Neurons, path: str | os.PathLike) -> None:
    """See :meth:`ShallowNetwork.save`."""
    save_archive(path, _SHALLOW, *_record(net))


def save_layers(net: Layers, path: str | os.PathLike) -> None:
    """See :meth:`ResidualNetwork.save`."""
    header: dict[str, Any] = {"scheme": net.scheme, "layers": [], "region": None}
    arrays: dict[str, NDArray] = {"steps": net.steps}
    for layer, stages in enumerate(net.layers):
        records = [_record(field, f"{layer}/{stage}/") for stage, field in enumerate(stages)]
        header["layers"].append([record for record, _ in records])
        for _, parts in records:
            arrays |= parts
    if net.region is not None:
        header["region"] = {
            "center": np.asarray(net.region.center, dtype=float).tolist(),
            "radius": float(net.region.radius),
            "margin": float(net.region.margin),
        }
        if isinstance(net.region, SampleRegion):
            arrays |= {"normals": net.region.normals, "thickness": net.region.thickness}
    save_archive(path, _RESIDUAL, header, arrays)


@contextlib.contextmanager
def stored_parts(path: str | os.PathLike) -> Iterator[Neurons | Layers]:
    """The parts of the network in a file, for the block that builds it: what either raises, of
    parts that make no network, is said of the file.
    """
    with open_archive(path, _SHALLOW, _RESIDUAL) as archive:
        header = archive.header
        try:
            if header["kind"] == _SHALLOW:
                yield _neurons(header, archive)
                return
            layers = [
                [_neurons(field, archive, f"{i}/{stage}/") for stage, field in enumerate(fields)]
                for i, fields in enumerate(header["layers"])
            ]
            region = None if header["region"] is None else Region(**header["region"])
            if region is not None and "normals" in archive:
                planes = archive["normals"], archive["thickness"]
                region = SampleRegion(**header["region"], normals=planes[0], thickness=planes[1])
            yield Layers(layers, archive["steps"], header["scheme"], region)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(f"{os.fspath(path)!r} holds no valid network: {error}") from None


def _record(net: Neurons, prefix: str = "") -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Header and arrays that hold the neurons."""
    eta = net.activation
    arrays = {prefix + name: getattr(net, name) for name in _ARRAYS}
    return {"activation": [eta.base, eta.order, eta.scale]}, arrays


def _neurons(header: dict[str, Any], arrays: Mapping[str, NDArray], prefix: str = "") -> Neurons:
    a, b, c, linear, bias = (arrays[prefix + name] for name in _ARRAYS)
    return Neurons(a, b, c, Activation(*header["activation"]), linear, bias)
