"""Fields given by a Python function of position, or of position and time; laws known by a score."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_array,
    as_points,
    finite_number,
    flag,
    instance_of,
    non_negative,
    positive_int,
)

__all__ = ["CallableField", "NoisyScore"]


def _required_arguments(fn: Callable[..., Any]) -> int | None:
    """How many positional arguments ``fn`` can be called with at most 2; None where unknown."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return None
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    named_time = len(positional) >= 2 and positional[1].name == "t"
    return 2 if len(required) == 2 or (named_time and len(required) <= 2) else len(required)


class CallableField:
    """A field f(x) or f(x, t) on R^m evaluated by a function; as a score, ∇log of a density.

    Parameters
    ----------
    fn : callable
        ``fn(x)`` or ``fn(x, t)``: points (n, m) and a number t to values (n,), or (n, k) for
        ``components=k > 1``. It is timed if it has a second required argument, or one named ``t``.
    dim : int
        m.
    components : int, optional
        k; for a score it is ``dim`` and need not be given.
    score : bool, optional
        The field is the score ∇log μ of a law μ that is known by nothing else.

    Attributes
    ----------
    dim : int
    component_shape : tuple of int
        () for one component, else (k,). A score has (dim,), also in one dimension.
    timed : bool
        Whether ``fn`` takes the time.
    is_score : bool

    Raises
    ------
    TypeError
        If ``fn`` is not callable or needs another number of arguments.
    ValueError
        If ``components`` contradicts ``score``.

    See Also
    --------
    GridField.from_function : The same function, sampled once.

    Notes
    -----
    **Accuracy.** That of ``fn``.
    **Cost.** One call of ``fn`` per evaluation, with all points at once.

    Examples
    --------
    >>> field = CallableField(lambda x: -x, 2, score=True)
    >>> field([[1.0, 2.0]])
    array([[-1., -2.]])
    """

    def __init__(
        self, fn: Callable[..., ArrayLike], dim: int, *, components: int = 1, score: bool = False
    ) -> None:
        if not callable(fn):
            raise TypeError(f"`fn` must be callable, got {fn!r}")
        arguments = _required_arguments(fn)
        if arguments not in (None, 1, 2):
            raise TypeError(f"`fn` must take x, or x and t, got {arguments} required argument(s)")
        self.fn = fn
        self.dim = positive_int(dim, "dim")
        components = positive_int(components, "components")
        self.is_score = flag(score, "score")
        if self.is_score and components not in (1, self.dim):
            raise ValueError(
                f"`components` of a score must be its dimension {self.dim}, got {components}"
            )
        self.timed = arguments == 2
        self.component_shape: tuple[int, ...]
        if self.is_score:
            self.component_shape = (self.dim,)
        else:
            self.component_shape = () if components == 1 else (components,)

    def __call__(self, x: ArrayLike, t: float | None = None) -> NDArray:
        """Evaluate the field.

        Parameters
        ----------
        x : array, shape (n, m)
        t : float, optional
            Required by a timed field, ignored by others.

        Returns
        -------
        values : array, shape (n,) or (n, k)
            float32 where x is, float64 otherwise.

        Raises
        ------
        TypeError
            If a timed field gets no time, or ``fn`` returns something that is not real numbers.
        ValueError
            If ``fn`` returns another shape, or NaN or infinite values.
        """
        points = as_points(x, "x", dim=self.dim)
        if self.timed:
            if t is None:
                raise TypeError("`t` must be given: this field depends on time")
            values = as_array(self.fn(points, finite_number(t, "t")), "fn")
        else:
            if t is not None:
                finite_number(t, "t")
            values = as_array(self.fn(points), "fn")
        if values.dtype.kind not in "biuf":
            raise TypeError(f"`fn` must return real numbers, got dtype {values.dtype}")
        expected = (len(points), *self.component_shape)
        column = (len(points), 1)
        if values.shape != expected and not ({values.shape, expected} == {column, (len(points),)}):
            raise ValueError(
                f"`fn` must map points of shape {points.shape} to shape {expected}, got "
                f"{values.shape} (see `components`)"
            )
        values = values.reshape(expected).astype(points.dtype)
        if not np.isfinite(values).all():
            bad = int(values.size - np.isfinite(values).sum())
            raise ValueError(
                f"`fn` must return finite values, got {bad} NaN or infinite value(s) among "
                f"{values.size}"
            )
        return values

    def __repr__(self) -> str:
        return (
            f"CallableField(dim={self.dim}, component_shape={self.component_shape}, "
            f"timed={self.timed}, is_score={self.is_score})"
        )


class NoisyScore:
    """The law ``μ * N(0, tI)`` known by its score alone, ``s(x, t)``.

    It has the part of the face of a :class:`GaussianMixture` that a score can answer.

    Parameters
    ----------
    field : CallableField
        A timed score.
    t : float
        Noise variance.

    Examples
    --------
    >>> noisy = NoisyScore(CallableField(lambda x, t: -x / (1 + t), 1, score=True), 1.0)
    >>> noisy.score([[3.0]]), noisy.score_jacobian([[3.0]]).round(9)
    (array([[-1.5]]), array([[[-0.5]]]))
    """

    def __init__(self, field: CallableField, t: float) -> None:
        self.field: CallableField = instance_of(field, "field", CallableField)
        self.t = non_negative(t, "t")
        self.dim = field.dim

    def score(self, x: ArrayLike, *, method: str = "auto", tol: float = 1e-10) -> NDArray:
        """Values of the field; the options are those of mixtures and change nothing."""
        return self.field(x, self.t)

    def score_jacobian(self, x: ArrayLike) -> NDArray:
        """Central differences, symmetrised: an error of some 1e-9 of the score's scale."""
        points = as_points(x, "x", self.dim).astype(np.float64)
        step = np.cbrt(np.finfo(np.float64).eps) * (1 + np.abs(points).max(axis=1, keepdims=True))
        jacobian = np.empty((*points.shape, self.dim))
        for j in range(self.dim):
            move = step * np.eye(self.dim)[j]
            rise = self.score(points + move) - self.score(points - move)
            jacobian[:, :, j] = rise / (2 * step)
        return 0.5 * (jacobian + jacobian.transpose(0, 2, 1))

    def logpdf(self, x: ArrayLike, **options: Any) -> NDArray:
        """Raise: a score does not tell the density."""
        raise TypeError(
            "`law` must have a density for this, got a CallableField that is known by its score "
            "alone (use a GaussianMixture or kernel_density(points))"
        )
