"""The numbers on which a claim rests, and how far each can be off before it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["RESOLUTION", "Constant", "numbers", "replaced"]

# A constant that is off by this part of itself (by this much, if it is zero) must be noticed.
RESOLUTION = 0.05


@dataclass(frozen=True)
class Constant:
    """A number on which a claim rests: a keyword argument of its function, or an entry of one.

    Parameters
    ----------
    keyword : str
    place : tuple of int
        Where the number stands in the argument; empty if it is the argument.
    value : float
    resolution : float
        The part of its value (the amount, if the value is zero) by which the number can be off
        before the statement fails.

    Examples
    --------
    >>> Constant("medians", (1,), 0.074, 0.2).label
    'medians[1]'
    """

    keyword: str
    place: tuple[int, ...]
    value: float
    resolution: float = RESOLUTION

    @property
    def label(self) -> str:
        """Name of the argument, with the place in it."""
        return self.keyword + "".join(f"[{i}]" for i in self.place)

    def shifted(self, part: float) -> float:
        """The number off by a part of itself; by the amount, if it is zero."""
        return self.value * (1 + part) if self.value else part


def numbers(value: Any, place: tuple[int, ...] = ()) -> list[tuple[tuple[int, ...], float]]:
    """Numbers of a nest of tuples, with their places; truth values and None are none."""
    if isinstance(value, tuple):
        return [found for i, part in enumerate(value) for found in numbers(part, (*place, i))]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [(place, float(value))]
    return []


def replaced(value: Any, place: tuple[int, ...], number: float) -> Any:
    """A nest of tuples with the number at a place replaced by another."""
    if not place:
        return number
    first, *rest = place
    return tuple(replaced(v, tuple(rest), number) if i == first else v for i, v in enumerate(value))
