"""What a checked theorem is made of: the statement, what it predicts, and what was measured.

A statement is a function that computes both sides of a claim with the library and returns an
:class:`Outcome`. The constants on which the claim rests are its keyword arguments, with their true
values as defaults; a *break* replaces one of them by a wrong one, and the statement must then fail.
It must fail as well with any numeric constant off by 5 percent, or by the *resolution* that it
declares for that constant.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_real_array,
    finite_number,
    instance_of,
    non_negative,
    one_of,
)
from ridgeflow.bibliography import reference
from ridgeflow.errors import MissingDependencyError
from ridgeflow.theorems.constants import RESOLUTION, Constant, numbers, replaced
from ridgeflow.theorems.panels import Plot, Series, keep_words

__all__ = [
    "EFFORTS",
    "Comparison",
    "Outcome",
    "Plot",
    "Result",
    "Series",
    "Statement",
    "at_least",
    "at_most",
    "equal",
    "fitted_slope",
    "registered",
    "relative_error",
    "sized",
    "small",
    "statement",
]

EFFORTS = ("quick", "full")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Comparison:
    """One number that a statement predicts, beside the one that was measured.

    Parameters
    ----------
    label : str
        What the number is.
    predicted, measured : float
    tolerance : float
        Largest violation that passes, in the unit of the numbers, >= 0.
    relation : {"equal", "at most", "at least"}
        How the measured number should stand to the predicted one.

    Examples
    --------
    >>> Comparison("slope", -0.5, -0.52, 0.1).passed
    True
    """

    label: str
    predicted: float
    measured: float
    tolerance: float
    relation: Literal["equal", "at most", "at least"] = "equal"

    def __post_init__(self) -> None:
        keep_words(self, "label")
        object.__setattr__(self, "predicted", finite_number(self.predicted, "predicted"))
        # What was measured may be NaN, and has then failed.
        object.__setattr__(self, "tolerance", non_negative(self.tolerance, "tolerance"))
        one_of(self.relation, "relation", ("equal", "at most", "at least"))
        object.__setattr__(self, "relation", str(self.relation))

    @property
    def violation(self) -> float:
        """How far the measured number is on the wrong side; at most 0 where an inequality holds."""
        gap = self.measured - self.predicted
        if self.relation == "equal":
            return abs(gap)
        return gap if self.relation == "at most" else -gap

    @property
    def passed(self) -> bool:
        """Whether the violation is within the tolerance; never with NaN."""
        return bool(self.violation <= self.tolerance)

    @property
    def usage(self) -> float:
        """Share of the tolerance that the violation takes up; infinite if nothing is allowed."""
        if math.isnan(self.violation):
            return math.inf
        if self.violation <= 0:
            return 0.0
        return self.violation / self.tolerance if self.tolerance > 0 else math.inf


def equal(
    label: str, predicted: float, measured: float, tolerance: float, *, relative: bool = False
) -> Comparison:
    """A number that should equal the prediction; a relative tolerance is one of its modulus."""
    allowed = tolerance * abs(predicted) if relative else tolerance
    return Comparison(label, float(predicted), float(measured), float(allowed))


def small(label: str, measured: float, tolerance: float) -> Comparison:
    """An error, of which the statement says that it is zero."""
    return Comparison(label, 0.0, float(measured), float(tolerance))


def at_most(label: str, bound: float, measured: float, tolerance: float = 0.0) -> Comparison:
    """A number that should not exceed a bound."""
    return Comparison(label, float(bound), float(measured), float(tolerance), "at most")


def at_least(label: str, bound: float, measured: float, tolerance: float = 0.0) -> Comparison:
    """A number that should reach a bound."""
    return Comparison(label, float(bound), float(measured), float(tolerance), "at least")


def fitted_slope(x: ArrayLike, y: ArrayLike) -> float:
    """Least-squares slope of log y against log x: the exponent of a rate."""
    return float(np.polyfit(np.log(as_real_array(x, "x")), np.log(as_real_array(y, "y")), 1)[0])


def relative_error(found: NDArray, truth: NDArray) -> float:
    """Distance of two arrays over the norm of the second."""
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def sized(effort: str, quick: _T, full: _T) -> _T:
    """The size that goes with an effort."""
    return quick if effort == "quick" else full


@dataclass(frozen=True)
class Outcome:
    """What the function of a statement returns: comparisons, and panels that show them.

    Parameters
    ----------
    comparisons : tuple of Comparison
        At least one.
    plots : tuple of Plot
    note : str
        A remark on what was found, if any.
    """

    comparisons: tuple[Comparison, ...]
    plots: tuple[Plot, ...] = ()
    note: str = ""


def _plain(value: Any) -> Any:
    return [asdict(one) for one in value] if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Result:
    """A statement after it was run.

    Parameters
    ----------
    statement : Statement
    effort : {"quick", "full"}
    status : {"passed", "failed", "skipped"}
        Skipped where an optional package is missing.
    comparisons : tuple of Comparison
        Empty if the computation did not finish.
    plots : tuple of Plot
    seconds : float
        Wall-clock time.
    note : str
        A remark, or why the computation did not finish.

    Examples
    --------
    >>> from ridgeflow.theorems import statements
    >>> result = statements()["finite_field"].run("quick")
    >>> result.passed, result.predicted
    (True, 0.0)
    """

    statement: Statement
    effort: str
    status: Literal["passed", "failed", "skipped"]
    comparisons: tuple[Comparison, ...]
    plots: tuple[Plot, ...] = field(repr=False)
    seconds: float
    note: str = ""

    def _words(self) -> dict[str, Any]:
        """What was found, as values of JSON."""
        return {part.name: _plain(getattr(self, part.name)) for part in fields(self)[2:]}

    @classmethod
    def _of_words(cls, statement: Statement, effort: str, words: dict[str, Any]) -> Result:
        """The result of a statement of which this was found."""
        comparisons = tuple(Comparison(**one) for one in words["comparisons"])
        plots = tuple(
            Plot(**{**one, "series": [Series(**line) for line in one["series"]]})
            for one in words["plots"]
        )
        return cls(statement, effort, **{**words, "comparisons": comparisons, "plots": plots})

    @property
    def name(self) -> str:
        """Name of the statement."""
        return self.statement.name

    @property
    def passed(self) -> bool:
        """Whether all comparisons are within their tolerances."""
        return self.status == "passed"

    @property
    def source(self) -> str:
        """Paper and place."""
        return self.statement.source

    @property
    def tightest(self) -> Comparison | None:
        """The comparison that uses up most of its tolerance; None if there is none."""
        return max(self.comparisons, key=lambda c: c.usage, default=None)

    @property
    def predicted(self) -> float:
        """Prediction of the tightest comparison."""
        return self.tightest.predicted if self.tightest else math.nan

    @property
    def measured(self) -> float:
        """Measurement of the tightest comparison."""
        return self.tightest.measured if self.tightest else math.nan

    @property
    def tolerance(self) -> float:
        """Tolerance of the tightest comparison."""
        return self.tightest.tolerance if self.tightest else math.nan

    @property
    def reason(self) -> str:
        """Why the tolerances are what they are."""
        return self.statement.reason


@dataclass(frozen=True)
class Statement:
    """A theorem that can be checked.

    Parameters
    ----------
    name : str
        Lower case, with underscores.
    title : str
    claim : str
        What is claimed, with its constants.
    papers : tuple of str
        Keys of the bibliography, the first being the source.
    where : str
        Number or section within the source.
    reason : str
        Why the tolerances are what they are.
    breaks : mapping of str to mapping
        Wrong constants with which the statement must fail, by what is wrong about them.
    subject : str
        Module that holds it.
    function : callable
        ``function(effort, **constants) -> Outcome``.
    resolution : mapping of str to float
        The constants (``keyword``, or ``keyword[i]`` for one entry) that are known less well than
        to 5 percent: the part of its value by which each must be off for the statement to fail.

    Examples
    --------
    >>> from ridgeflow.theorems import statements
    >>> [constant.label for constant in statements()["radon_laplacian"].constants]
    ['factor', 'order']
    """

    name: str
    title: str
    claim: str
    papers: tuple[str, ...]
    where: str
    reason: str
    breaks: Mapping[str, Mapping[str, Any]]
    subject: str
    function: Callable[..., Outcome] = field(repr=False)
    resolution: Mapping[str, float] = field(default_factory=dict)

    @property
    def _defaults(self) -> dict[str, Any]:
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The numbers on which the claim rests, with the resolution of each."""
        found = []
        for keyword, default in self._defaults.items():
            for place, value in numbers(default):
                one = Constant(keyword, place, value)
                share = self.resolution.get(one.label, self.resolution.get(keyword, RESOLUTION))
                found.append(Constant(keyword, place, value, share))
        return tuple(found)

    @property
    def limits(self) -> str:
        """How far the constants can be off before the statement fails, in words."""
        listed = [
            f"{c.label} = {c.value:.6g} by {100 * c.resolution:.3g} %"
            for c in self.constants
            if c.resolution > RESOLUTION
        ]
        listed.append(f"{'the others' if listed else 'any'} by {100 * RESOLUTION:g} %")
        return f"It fails with a constant that is off: {', '.join(listed)}."

    def run_with(self, effort: str, constant: Constant, value: float) -> Result:
        """Check the statement with another value of one of its :attr:`constants`.

        Parameters
        ----------
        effort : {"quick", "full"}
        constant : Constant
            One of :attr:`constants`.
        value : float
            What stands in its place.

        Returns
        -------
        Result

        Raises
        ------
        ValueError
            If the effort is unknown, the constant not of this statement, or the value not finite.
        TypeError
            If an argument has the wrong type.
        """
        one_of(effort, "effort", EFFORTS)
        instance_of(constant, "constant", Constant, hint="one of `statement.constants`")
        number = finite_number(value, "value")
        if constant not in self.constants:
            labels = ", ".join(c.label for c in self.constants)
            raise ValueError(f"`constant` must be one of {labels}, got {constant.label}")
        default = self._defaults[constant.keyword]
        return self._run(effort, {constant.keyword: replaced(default, constant.place, number)})

    @property
    def source(self) -> str:
        """Authors, title and year of the source, and the place within it."""
        return reference(self.papers[0]) + (f", {self.where}" if self.where else "")

    def run(self, effort: str = "quick", *, broken: str | None = None) -> Result:
        """Check the statement.

        Parameters
        ----------
        effort : {"quick", "full"}
        broken : str, optional
            One of :attr:`breaks`: check the statement with a wrong constant.

        Returns
        -------
        Result
            Failed, with the message, if the computation raised an error.

        Raises
        ------
        ValueError
            If the effort or the break is unknown.
        """
        one_of(effort, "effort", EFFORTS)
        constants = {} if broken is None else self.breaks[one_of(broken, "broken", self.breaks)]
        return self._run(effort, constants)

    def _run(self, effort: str, constants: Mapping[str, Any]) -> Result:
        start = time.perf_counter()
        try:
            found = self.function(effort, **constants)
        except MissingDependencyError as error:
            seconds = time.perf_counter() - start
            return Result(self, effort, "skipped", (), (), seconds, str(error))
        except Exception as error:
            seconds = time.perf_counter() - start
            note = f"{type(error).__name__}: {error}"
            return Result(self, effort, "failed", (), (), seconds, note)
        seconds = time.perf_counter() - start
        passed = bool(found.comparisons) and all(c.passed for c in found.comparisons)
        status: Literal["passed", "failed"] = "passed" if passed else "failed"
        return Result(self, effort, status, found.comparisons, found.plots, seconds, found.note)


_REGISTRY: dict[str, Statement] = {}


def statement(
    name: str,
    title: str,
    *,
    claim: str,
    papers: Sequence[str],
    where: str = "",
    reason: str,
    breaks: Mapping[str, Mapping[str, Any]],
    resolution: Mapping[str, float] | None = None,
) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Register a function as the check of a statement; see :class:`Statement` for the arguments."""

    def keep(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        if name in _REGISTRY and _REGISTRY[name].function.__module__ != function.__module__:
            raise ValueError(f"`name` must be new, got {name!r} again")
        for paper in papers:
            reference(paper)
        if not breaks:
            raise ValueError("`breaks` must hold a way in which the statement fails, got none")
        wrong = {label: MappingProxyType(dict(change)) for label, change in breaks.items()}
        subject = function.__module__.rpartition(".")[2]
        text = " ".join(claim.split())
        made = Statement(
            name,
            title,
            text,
            tuple(papers),
            where,
            " ".join(reason.split()),
            MappingProxyType(wrong),
            subject,
            function,
            MappingProxyType(dict(resolution or {})),
        )
        known = {label for c in made.constants for label in (c.label, c.keyword)}
        for label, share in made.resolution.items():
            if label not in known or not share > RESOLUTION:
                raise ValueError(
                    f"`resolution` must give constants of the statement more than {RESOLUTION}, "
                    f"got {label!r}: {share}"
                )
        _REGISTRY[name] = made
        return function

    return keep


def registered() -> dict[str, Statement]:
    """Statements of the modules imported so far, in their order."""
    return dict(_REGISTRY)
