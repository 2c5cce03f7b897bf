"""The public callables, from the code: what must have a row."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import ridgeflow as rf
from ridgeflow.cli import root

__all__ = ["callables"]

# Modules that are documented as a whole, and classes that public functions return.
_MODULES = (
    "bibliography",
    "closed_forms",
    "constructions",
    "datasets",
    "networks.analysis",
    "networks.pairs",
    "plotting",
    "theorems",
)
_RESULTS = (
    "ridgelet.null_space.NullRidgelet",
    "ridgelet.irie_funahashi.IrieFunahashiSpectrum",
    "ridgelet.single_scale.SingleScaleSpectrum",
)
_OPERATORS = (
    "__add__",
    "__call__",
    "__getitem__",
    "__iter__",
    "__len__",
    "__mul__",
    "__neg__",
    "__rmul__",
    "__sub__",
    "__truediv__",
)


def _methods(kind: type) -> list[str]:
    """Public methods and operators; those of scikit-learn's base classes are its own, but score."""
    found = []
    for name in dir(kind):
        if name.startswith("_") and name not in _OPERATORS:
            continue
        member = getattr(kind, name)
        if not callable(member) or inspect.isclass(member):
            continue
        home = getattr(member, "__module__", None) or ""
        if home.startswith("ridgeflow") or (name == "score" and home.startswith("sklearn")):
            found.append(name)
    return found


def _of(name: str, thing: Any) -> list[str]:
    if not inspect.isclass(thing):
        return [name] if callable(thing) else []
    if issubclass(thing, Exception):
        return []
    short = name.removeprefix("rf.")
    return [name, *(f"{short}.{method}" for method in _methods(thing))]


def callables() -> set[str]:
    """Names of functions, constructors, methods, operators and commands."""
    found: set[str] = set()
    for name in rf.__all__:
        thing = getattr(rf, name)
        if not inspect.ismodule(thing):
            found.update(_of(f"rf.{name}", thing))
    for home in _MODULES:
        module = importlib.import_module(f"ridgeflow.{home}")
        for name in module.__all__:
            found.update(_of(f"{home}.{name}", getattr(module, name)))
    for name in _RESULTS:
        home, _, last = name.rpartition(".")
        found.update(_of(name, getattr(importlib.import_module(f"ridgeflow.{home}"), last)))
    found.update(f"cli.main {name}" for name in root.commands)
    return found - {name for name in found if name in _RESULTS}
