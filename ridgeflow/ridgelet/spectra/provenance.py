"""Where a spectrum comes from: which field, by which method, and what was done with it since."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow import __version__
from ridgeflow._validate import instance_of, items_of
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField

__all__ = ["FieldOrigin", "Provenance", "derived", "field_digest", "transformed"]

Field = GridField | SampleField | GaussianMixture

# Histories stay small enough for an attribute of a file.
_MOST_STEPS = 60
_MOST_FIELDS = 60
_PARTS = {
    GaussianMixture: ("component", "components"),
    GridField: ("sample", "samples"),
    SampleField: ("sample", "samples"),
}


@dataclass(frozen=True)
class FieldOrigin:
    """A field that was transformed, and how.

    Attributes
    ----------
    kind : str
        Name of its class.
    dim : int
        Dimension m.
    size : int
        Number of its samples, or of the components of a mixture.
    digest : str
        32 hexadecimal digits that change with any of its numbers (:func:`field_digest`).
    method : str
        Method of the transform.
    tol : float
        Its tolerance.
    version : str
        Version of the library that computed it.

    Examples
    --------
    >>> FieldOrigin("GridField", 2, 4096, "00ff", "slice", 1e-8, "0.1.0").describe()
    'GridField, m = 2, 4096 samples'
    """

    kind: str
    dim: int
    size: int
    digest: str
    method: str
    tol: float
    version: str

    def describe(self) -> str:
        """Class, dimension and size in words."""
        names = {cls.__name__: words for cls, words in _PARTS.items()}
        one, many = names.get(self.kind, ("sample", "samples"))
        return f"{self.kind}, m = {self.dim}, {self.size} {one if self.size == 1 else many}"


@dataclass(frozen=True)
class Provenance:
    """The history of a spectrum.

    Attributes
    ----------
    fields : tuple of FieldOrigin
        Every field that went into it, each once.
    steps : tuple of str
        What was done, oldest first. Long histories keep their first and last steps.
    version : str
        Version of the library that took the last step.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> s = rf.ridgelet_transform(law, rf.Ridgelet(1, 2), ([[1.0]], [0.0]))
    >>> (2 * s).provenance.steps
    ("ridgelet_transform(method='exact', tol=1e-08)", 'linear_combination(coefficients=[2])')
    >>> (2 * s).provenance.is_of(law)
    True
    """

    fields: tuple[FieldOrigin, ...]
    steps: tuple[str, ...]
    version: str

    def is_of(self, field: Field) -> bool:
        """Whether the spectrum was computed from this field and no other, by their digests.

        Parameters
        ----------
        field : GridField, SampleField or GaussianMixture

        Returns
        -------
        bool
        """
        instance_of(field, "field", GridField, SampleField, GaussianMixture)
        return [origin.digest for origin in self.fields] == [field_digest(field)]

    def to_dict(self) -> dict[str, Any]:
        """The history as plain types, for storage."""
        return {
            "fields": [asdict(origin) for origin in self.fields],
            "steps": list(self.steps),
            "version": self.version,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Provenance:
        """The history that :meth:`to_dict` described."""
        instance_of(data, "data", Mapping)
        try:
            fields, steps, version = data["fields"], data["steps"], data["version"]
            origins = tuple(FieldOrigin(**origin) for origin in items_of(fields, "data['fields']"))
        except (KeyError, TypeError) as error:
            raise ValueError(
                "`data` must hold what `to_dict` wrote, 'fields', 'steps' and 'version', got "
                f"{sorted(map(str, data))} ({error})"
            ) from None
        lines = items_of(steps, "data['steps']")
        if not all(isinstance(word, str) for word in (*lines, version)):
            raise TypeError("`data` must hold text for 'version' and in 'steps', got another kind")
        return cls(origins, tuple(lines), version)


def field_digest(field: Field) -> str:
    """The first 32 digits of the SHA-256 of a field's class, shapes and numbers.

    It does not depend on the byte order of the machine. 0.7 s per GB or less.
    """
    if isinstance(field, GaussianMixture):
        arrays: tuple[NDArray, ...] = (field.weights, field.means, field.covariances)
    elif isinstance(field, GridField):
        arrays = (field.values, *field.axes)
    else:
        arrays = (field.points, field.values, field.weights)
    found = hashlib.sha256(type(field).__name__.encode())
    for array in arrays:
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        found.update(f"{little.dtype.str}{little.shape}".encode())
        found.update(little.data)
    return found.hexdigest()[:32]


def transformed(
    field: Field, method: str, tol: float, bandwidth: float | None = None
) -> Provenance:
    """The history of a ridgelet transform."""
    if isinstance(field, GaussianMixture):
        size = field.n_components
    else:
        size = int(np.prod(field.shape)) if isinstance(field, GridField) else len(field.points)
    origin = FieldOrigin(
        type(field).__name__, field.dim, size, field_digest(field), method, float(tol), __version__
    )
    smoothed = "" if bandwidth is None else f", bandwidth={float(bandwidth):g}"
    step = f"ridgelet_transform(method={method!r}, tol={float(tol):g}{smoothed})"
    return Provenance((origin,), (step,), __version__)


def derived(
    operation: str, *sources: Provenance | None, settings: Mapping[str, Any] | None = None
) -> Provenance | None:
    """The history of what an operation made of spectra with these; None where none has any."""
    known = [source for source in sources if source is not None]
    if not known:
        return None
    # A dict keeps each once, in order.
    fields = tuple(dict.fromkeys(origin for source in known for origin in source.fields))
    known.sort(key=lambda source: -len(source.steps))
    lines = list(known[0].steps)
    for source in known[1:]:
        # What the longest history tells already is not told again.
        extra = Counter(source.steps) - Counter(lines)
        for step in source.steps:
            if extra[step] > 0:
                extra[step] -= 1
                lines.append(step)
    given = ", ".join(f"{name}={_shown(value)}" for name, value in (settings or {}).items())
    lines.append(f"{operation}({given})" if given else operation)
    if len(fields) > _MOST_FIELDS:
        fields, left_out = fields[:_MOST_FIELDS], len(fields) - _MOST_FIELDS
        lines[-1] += f" (without {left_out} of its fields)"
    if len(lines) > _MOST_STEPS:
        half = _MOST_STEPS // 2
        lines = [*lines[:half], "...", *(step for step in lines[-half:] if step != "...")]
    return Provenance(fields, tuple(lines), __version__)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, (list, tuple)):
        shown = [_shown(one) for one in value[:8]] + ["..."] * (len(value) > 8)
        return f"[{', '.join(shown)}]"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
