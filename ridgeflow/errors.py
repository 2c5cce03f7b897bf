"""Exceptions and warnings of ridgeflow.

Every refusal is a subclass of a built-in exception, so that callers may catch either. Messages
follow one pattern: the name, the requirement, what was given, a way out.
"""

__all__ = [
    "AccuracyWarning",
    "AdmissibilityError",
    "CacheWarning",
    "CheckpointError",
    "ConvergenceError",
    "FileFormatError",
    "MemoryBudgetError",
    "MissingDependencyError",
    "RankWarning",
    "RegionError",
    "RegionWarning",
    "SingularTimeError",
    "TableWarning",
]


class AdmissibilityError(ValueError):
    """The pair (activation, ridgelet) has a divergent or a zero constant K."""


class RegionError(ValueError):
    """A representation was evaluated outside the region on which it holds."""


class SingularTimeError(ValueError):
    """The backward heat flow was asked for at or past its singular time."""


class ConvergenceError(RuntimeError):
    """A quadrature or an integration did not reach the accuracy that was asked for."""


class MemoryBudgetError(MemoryError):
    """The result, or what is needed to compute it, exceeds the configured memory budget."""


class FileFormatError(ValueError):
    """A file is truncated, malformed, or was not written by the function that should read it."""


class CheckpointError(ValueError):
    """A checkpoint is damaged or that of another job; the message says which inputs differ."""


class MissingDependencyError(ImportError):
    """An optional package is needed; the message holds the install line."""


class AccuracyWarning(UserWarning):
    """A result is less accurate than asked for; the message says by how much and what would do."""


class RankWarning(UserWarning):
    """A least-squares problem is rank deficient and its minimum-norm solution was returned."""


class RegionWarning(UserWarning):
    """Part of the points lie outside the region on which a representation holds."""


class TableWarning(UserWarning):
    """Part of a table was left out; the message says which and why."""


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept on disk and are compiled anew in each process."""
