"""Theorems as experiments: each statement computes what it predicts and what holds in numbers.

:func:`validate` runs them and reports; :func:`statements` lists them. One module per subject holds
the statements; `statement.py` says what one is made of.
"""

from ridgeflow.theorems.report import Report
from ridgeflow.theorems.runner import statements, validate
from ridgeflow.theorems.statement import Comparison, Plot, Result, Series, Statement

__all__ = [
    "Comparison",
    "Plot",
    "Report",
    "Result",
    "Series",
    "Statement",
    "statements",
    "validate",
]
