"""Formulas that leave the range of floating-point numbers are refused, not returned."""

import numpy as np
import pytest

from ridgeflow._validate import representable


@representable
def quotient(x, y, *, name="none"):
    """x² / y²."""
    return np.square(x) / np.square(y)


def test_a_result_in_range_is_returned_without_a_warning():
    # The square overflows on the way, the quotient is a right zero.
    assert quotient(np.array([2.0]), np.array([1e200])) == 0
    assert quotient(3.0, 2.0) == 2.25


@pytest.mark.parametrize("name", ["x", "y"])
def test_the_argument_of_extreme_size_is_named(name):
    given = {"x": np.ones(3), "y": np.full(3, 2.0)}
    given[name] = given[name] * (1e200 if name == "x" else 1e-200)
    with pytest.raises(ValueError, match=rf"^`{name}` must be such that the result is represent"):
        quotient(**given)


def test_all_arguments_are_named_where_none_is_extreme():
    with pytest.raises(ValueError, match=r"^`x`, `y` must be such"):
        quotient([1.0, 2.0], [0.0, 1.0])


@representable
def share(part, whole):
    return quotient(part, whole)


def test_the_outermost_function_names_its_own_arguments():
    with pytest.raises(ValueError, match=r"^`part` must be such"):
        share(1e200, 2.0)


def test_the_function_keeps_its_name_and_its_document():
    assert quotient.__name__ == "quotient" and quotient.__doc__ == "x² / y²."
