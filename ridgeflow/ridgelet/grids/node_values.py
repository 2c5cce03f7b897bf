"""Values on the nodes of a parameter grid: what sums, duals and budgets need of a spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Any

from numpy.typing import NDArray

from ridgeflow._fork import cached_property
from ridgeflow._validate import as_real_array, instance_of
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.ridgelet.grids.field_record import FieldRecord
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid

__all__ = ["NodeValues"]


@dataclass(frozen=True, eq=False, repr=False)
class NodeValues:
    """A ridgelet transform as numbers: values (P,) or (P, k), their nodes, the analysing function,
    and what is known of the field."""

    values: NDArray
    grid: ParameterGrid
    ridgelet: Ridgelet
    record: FieldRecord | None = None

    def __post_init__(self) -> None:
        instance_of(self.grid, "grid", ParameterGrid)
        instance_of(self.ridgelet, "ridgelet", Ridgelet)
        instance_of(self.record, "record", FieldRecord, NoneType)
        values = as_real_array(self.values, "values", ndim=(1, 2), allow_complex=True)
        if len(values) != self.grid.size:
            raise ValueError(
                f"`values` must hold one row for each of the {self.grid.size} nodes, "
                f"got shape {values.shape}"
            )
        if self.ridgelet.dim != self.grid.dim:
            raise ValueError(
                f"`ridgelet` must have the dimension {self.grid.dim} of the grid, "
                f"got {self.ridgelet.dim}"
            )
        record = self.record
        n_scales = len(self.grid.scales)
        if record is not None and not {len(record.leaks), len(record.edges)} <= {0, n_scales}:
            raise ValueError(
                f"`record` must hold one leak for each of the {n_scales} scales of the grid, got "
                f"{len(record.leaks)} and {len(record.edges)}"
            )
        object.__setattr__(self, "values", values)

    @cached_property
    def words(self) -> dict[Any, str]:
        """What is to be said of reconstructions, by activation and dual."""
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()

    @property
    def dim(self) -> int:
        """Dimension m of the space."""
        return self.grid.dim

    @property
    def component_shape(self) -> tuple[int, ...]:
        """() for a scalar field, (k,) for a vector field."""
        return self.values.shape[1:]

    def at_scale(self, scale: int) -> NDArray:
        """Values of one scale of a polar grid.

        Parameters
        ----------
        scale : int
            Position among ``grid.scales``.

        Returns
        -------
        ndarray, shape (U, B) or (U, B, k)
            By direction and offset (``grid.offsets(scale)``).

        Raises
        ------
        ValueError
            If the grid is not polar.
        """
        self._need_polar("at_scale")
        number = self.grid._scale_number(scale)
        start, stop = self.grid.starts[number], self.grid.starts[number + 1]
        n_offsets = 2 * int(self.grid.half_counts[number]) + 1
        return self.values[start:stop].reshape(-1, n_offsets, *self.component_shape)

    def _need_polar(self, what: str) -> None:
        if self.grid.kind != "polar":
            raise ValueError(
                f"{what} needs a polar grid, got a spectrum on {self.grid.kind} nodes "
                "(ParameterGrid.polar or ParameterGrid.for_field)"
            )
