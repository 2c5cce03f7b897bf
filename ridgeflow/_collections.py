"""Where Dask collections are seen: calls with one of them are answered by the bridge to Dask.

Dask is not imported here: as long as nobody has done so no argument can be of it.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["bridge", "collection_among", "takes_collections", "takes_collections_in"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Class = TypeVar("_Class", bound=type)
# Of Dask's own kinds, and ours of what is held by several workers.
_HOMES = ("dask.", "ridgeflow.bridges.")
# Kinds that are neither; whatever comes often is found here at once.
_plain: set[type] = {float, int, str, type(None)}


def collection_among(*values: Any) -> bool:
    """Whether some value is a Dask collection, or is made of them; also one of a list or tuple."""
    if "dask" not in sys.modules:
        return False
    for value in values:
        kind = type(value)
        if kind in _plain:
            continue
        if kind is tuple or kind is list:
            if any(type(part).__module__.startswith(_HOMES) for part in value[:2]):
                return True
        elif kind.__module__.startswith(_HOMES):
            return True
        else:
            _plain.add(kind)
    return False


def bridge() -> Any:
    """The module that answers for Dask."""
    # By name: this floor is below all others, and the bridge above them.
    return importlib.import_module("ridgeflow.bridges.dask")


def takes_collections(function: _Function) -> _Function:
    """A function, or method, whose calls with Dask collections are answered by the bridge."""

    @functools.wraps(function)
    def called(*args: Any, **named: Any) -> Any:
        given = (*args, *named.values())
        if not _plain.issuperset(map(type, given)) and collection_among(*given):
            return bridge().answer(called, args, named)
        return function(*args, **named)

    return called  # type: ignore[return-value]


def takes_collections_in(*names: str) -> Callable[[_Class], _Class]:
    """The same for methods of a class."""

    def with_methods(cls: _Class) -> _Class:
        for name in names:
            setattr(cls, name, takes_collections(vars(cls)[name]))
        return cls

    return with_methods
