"""What scikit-learn's checks of data let pass and an estimator here refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ridgeflow._validate import as_array, positive_int

__all__ = ["as_random_state", "kind_of", "refuse_masks", "refuse_what_is_no_number"]


def refuse_masks(value: Any, name: str) -> None:
    if isinstance(value, np.ma.MaskedArray):
        as_array(value, name)


def kind_of(value: Any) -> str | None:
    """The kind of an array's dtype; None for what is no array."""
    return getattr(getattr(value, "dtype", None), "kind", None)


def refuse_what_is_no_number(**arrays: Any) -> None:
    """What scikit-learn would read as numbers: dates, text, and what lies under a mask."""
    for name, value in arrays.items():
        refuse_masks(value, name)
        kind = kind_of(value)
        if kind in ("S", "U", "V"):
            raise TypeError(f"`{name}` must be numeric, got dtype {value.dtype}")
        if kind in ("m", "M"):
            raise TypeError(
                f"`{name}` must be numeric, got dtype {value.dtype} (subtract a date and divide by "
                "a unit of time)"
            )


def as_random_state(value: Any) -> np.random.RandomState:
    if value is None or isinstance(value, np.random.RandomState):
        return check_random_state(value)
    return check_random_state(positive_int(value, "random_state", minimum=0, maximum=2**32 - 1))
