"""Rows of the bank: a public callable, valid arguments for it, and what must agree with it."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import ridgeflow as rf

__all__ = ["Equal", "Room", "Row", "folder", "in_units", "resolve"]


def resolve(name: str) -> Any:
    """The object of a name: of ``rf`` ("rf.radon"), of a class ("Region.contains"), of a module."""
    head, _, rest = name.partition(".")
    if head == "rf":
        return getattr(rf, rest)
    if hasattr(rf, head) and inspect.isclass(getattr(rf, head)):
        return getattr(getattr(rf, head), rest)
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module("ridgeflow." + ".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise KeyError(name)


@dataclass(frozen=True)
class Equal:
    """Two computations that must agree: one of the row, and the same in another form.

    ``both`` returns the pair; ``rtol`` is relative to the largest value; 0 asks for equal bits.
    Where it is ``refusable`` an error of ours does as well.
    """

    label: str
    both: Callable[[], tuple[Any, Any]]
    rtol: float = 1e-12
    refusable: bool = False


UNITS = (1e-6, 1e-3, 1e3, 1e6)
# Near the ends of the range of numbers, where squares leave it: the same, or an error of ours.
ENDS = (1e-150, 1e-75, 1e75, 1e150)


def in_units(
    compute: Callable[[float], Any],
    power: float | tuple[float, ...],
    rtol: float = 1e-9,
    units: Sequence[float] = UNITS,
) -> tuple[Equal, ...]:
    """``compute(s)``, in units in which lengths are multiplied by s, gives s**power times as much.

    Several results, in a tuple, have each their power. Near the ends of the range of numbers it may
    be refused.
    """

    def pair(s: float) -> Callable[[], tuple[Any, Any]]:
        def both() -> tuple[Any, Any]:
            found, plain = compute(s), compute(1.0)
            if isinstance(power, tuple):
                return found, tuple(scaled(x, s, p) for x, p in zip(plain, power))
            return found, scaled(plain, s, power)

        return both

    return tuple(
        Equal(f"lengths times {s:g}", pair(s), rtol, refusable=s in ENDS) for s in (*units, *ENDS)
    )


def scaled(x: Any, s: float, power: float) -> np.ndarray:
    """x s**power, which may lie beyond the range of numbers where s**power alone does, or not."""
    array, steps = np.asarray(x), max(1, int(np.ceil(abs(power))))
    with np.errstate(over="ignore", under="ignore"):
        for _ in range(steps):
            array = array * s ** (power / steps)
    return array


@dataclass
class Row:
    """A valid call.

    Parameters
    ----------
    name : str
        What is called.
    arguments : callable
        Makes fresh keyword arguments.
    on : callable, optional
        Makes the object whose method is called.
    call : callable, optional
        What to call instead of the object of that name, with the same keyword arguments.
    out : callable, optional
        The numbers of a result that are to be finite and to agree; by default all of them.
    kinds : dict
        Kinds of arguments that their values do not tell.
    aliases : dict
        Other names by which messages may call an argument.
    fixed : sequence of str
        Arguments that are not changed.
    exempt : dict
        For some arguments, the labels of mutations that do not apply to them.
    infinite : bool
        Whether a result may hold infinite values (a law of measure zero, a logarithm of zero).
    foreign : sequence of str
        Packages whose own validation speaks for us by convention.
    errors : tuple of exception classes
        Errors that Python's conventions ask for here.
    rtol : float
        Agreement of equivalent calls, relative to the largest value.
    slow : bool
        Whether the calls take long, or need what takes long to build.
    limit : float
        Seconds that one call may take.
    """

    name: str
    arguments: Callable[[], dict[str, Any]]
    on: Callable[[], Any] | None = None
    call: Callable[..., Any] | None = None
    out: Callable[[Any], Any] | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, Sequence[str]] = field(default_factory=dict)
    fixed: Sequence[str] = ()
    exempt: dict[str, Sequence[str]] = field(default_factory=dict)
    infinite: bool = False
    foreign: Sequence[str] = ()
    errors: tuple[type[Exception], ...] = ()
    rtol: float = 1e-9
    limit: float = 5.0
    equal: Sequence[Equal] = ()
    slow: bool = False
    variant: str = ""

    @property
    def title(self) -> str:
        return self.name + (f" [{self.variant}]" if self.variant else "")

    @cached_property
    def target(self) -> Any:
        return resolve(self.name.partition(" ")[0])

    @cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.target)

    def run(self, arguments: dict[str, Any]) -> Any:
        """Call with these arguments; those that cannot be given by name are given by place."""
        if self.call is not None:
            return self.call(**arguments)
        if self.on is None:
            called = self.target
        else:
            called = getattr(self.on(), self.name.rpartition(".")[2])
        placed, named = [], dict(arguments)
        for name, parameter in inspect.signature(called).parameters.items():
            if parameter.kind is parameter.POSITIONAL_ONLY and name in named:
                placed.append(named.pop(name))
            if parameter.kind is parameter.VAR_POSITIONAL and name in named:
                placed.extend(named.pop(name))
        return called(*placed, **named)

    def optional(self, name: str) -> bool:
        parameter = self.signature.parameters.get(name)
        if parameter is None:
            return False
        return parameter.default is None or "None" in str(parameter.annotation)

    def annotation(self, name: str) -> str:
        parameter = self.signature.parameters.get(name)
        return "" if parameter is None else str(parameter.annotation)

    def kind(self, name: str, value: Any) -> str:
        """What an argument is, from what its row says, its name, its value and its annotation."""
        if name in self.kinds:
            return self.kinds[name]
        text = self.annotation(name)
        if name in ("rng", "random_state"):
            return "rng"
        if isinstance(value, os.PathLike):
            return "path"
        if value is None:
            return "none"
        if isinstance(value, (bool, np.bool_)):
            return "flag"
        if isinstance(value, rf.Activation) or (isinstance(value, str) and name == "activation"):
            return "activation"
        if isinstance(value, str):
            return "option"
        if isinstance(value, (int, float, np.integer, np.floating)):
            if "ArrayLike" in text or text in ("Any", "NDArray"):
                return "scalar array"
            return "integer" if isinstance(value, (int, np.integer)) and "int" in text else "number"
        if isinstance(value, complex):
            return "number"
        if isinstance(value, np.ndarray):
            return "array"
        if isinstance(value, (list, tuple)):
            return "items"
        if isinstance(value, dict):
            return "mapping"
        if inspect.isroutine(value) and not isinstance(value, type):
            return "function"
        return "object"


class Room(list):
    """The rows of one part of the library."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def record(self, name: str) -> None:
        """A plain record that only the library makes, and from which nothing is computed."""
        self.append(Row(name, dict, call=lambda: None))

    def add(
        self, name: str, arguments: Callable[[], dict[str, Any]] = dict, **options: Any
    ) -> None:
        self.append(Row(name, arguments, **options))


def folder() -> Path:
    """A folder for files that calls write, removed when the process ends."""
    global _folder
    if _folder is None:
        import tempfile

        _folder = tempfile.TemporaryDirectory(prefix="bank-")
    return Path(_folder.name)


_folder: Any = None
