"""Packages that only some formats need."""

from __future__ import annotations

import importlib
from typing import Any

from ridgeflow.errors import MissingDependencyError

__all__ = ["needed"]


def needed(module: str, extra: str) -> Any:
    """A module, or advice which extra of ours installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f'this needs the package {module}: pip install "ridgeflow[{extra}]"'
        ) from error
