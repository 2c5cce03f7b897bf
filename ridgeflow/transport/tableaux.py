"""Runge-Kutta tableaux as data that check themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["TABLEAUX", "Tableau"]


def _conditions(a: NDArray, b: NDArray, c: NDArray, order: int) -> list[float]:
    """Residuals of the order conditions up to ``order`` <= 5, one for each rooted tree."""
    one = np.ones(len(c))
    trees: list[tuple[int, NDArray, float]] = [
        (1, one, 1),
        (2, c, 2),
        (3, c**2, 3),
        (3, a @ c, 6),
        (4, c**3, 4),
        (4, c * (a @ c), 8),
        (4, a @ c**2, 12),
        (4, a @ a @ c, 24),
        (5, c**4, 5),
        (5, c**2 * (a @ c), 10),
        (5, (a @ c) ** 2, 20),
        (5, c * (a @ c**2), 15),
        (5, c * (a @ a @ c), 30),
        (5, a @ c**3, 20),
        (5, a @ (c * (a @ c)), 40),
        (5, a @ a @ c**2, 60),
        (5, a @ a @ a @ c, 120),
    ]
    return [float(b @ phi - 1 / gamma) for k, phi, gamma in trees if k <= order]


@dataclass(frozen=True)
class Tableau:
    r"""An explicit Runge-Kutta method, :math:`k_i = v(x + h\sum_j a_{ij} k_j,\ t + c_i h)`,
    :math:`x \leftarrow x + h \sum_i b_i k_i`.

    Parameters
    ----------
    name : str
    order : int
        At most 5.
    rows : tuple of tuples
        :math:`a_{i1}, .., a_{i,i-1}` for i = 2, 3, ..
    weights : tuple
        b.
    error : tuple, optional
        Weights of the error estimate, b minus those of the embedded method.
    error_order : int
        Order of the embedded method.

    Raises
    ------
    ValueError
        If an order condition fails by more than 1e-12.

    References
    ----------
    E. Hairer, S. P. Norsett and G. Wanner, *Solving Ordinary Differential Equations I*, 1993,
    Theorem II.2.13 (order conditions). Ch. Tsitouras, *Runge-Kutta pairs of order 5(4) satisfying
    only the first column simplifying assumption*, Comput. Math. Appl. 62 (2011), Table 1.
    J. R. Dormand and P. J. Prince, *A family of embedded Runge-Kutta formulae*, 1980.

    Examples
    --------
    >>> TABLEAUX["rk4"].order, TABLEAUX["tsit5"].stages
    (4, 7)
    """

    name: str
    order: int
    rows: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    error: tuple[float, ...] = ()
    error_order: int = 0

    def __post_init__(self) -> None:
        worst = max(abs(r) for r in _conditions(self.a, self.b, self.c, self.order))
        if self.error:
            embedded = self.b - np.array(self.error)
            more = _conditions(self.a, embedded, self.c, self.error_order)
            worst = max(worst, max(abs(r) for r in more))
        if worst > 1e-12:
            raise ValueError(
                f"`rows` and `weights` of {self.name!r} must meet the conditions of order "
                f"{self.order}, got a residual of {worst:.1e}"
            )

    @property
    def stages(self) -> int:
        return len(self.weights)

    @cached_property
    def a(self) -> NDArray[np.float64]:
        matrix = np.zeros((len(self.weights), len(self.weights)))
        for i, row in enumerate(self.rows, start=1):
            matrix[i, : len(row)] = row
        return matrix

    @cached_property
    def b(self) -> NDArray[np.float64]:
        return np.array(self.weights, dtype=float)

    @cached_property
    def c(self) -> NDArray[np.float64]:
        return self.a.sum(axis=1)

    @property
    def first_same_as_last(self) -> bool:
        """Whether the last stage is the first one of the next step."""
        return bool(self.stages > 1 and np.array_equal(self.a[-1], self.b))


_TSIT5 = (
    0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081,
    2.324710524099774,
)  # fmt: skip
_DOPRI5 = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)

TABLEAUX = {
    tableau.name: tableau
    for tableau in (
        Tableau("euler", 1, (), (1.0,)),
        Tableau("midpoint", 2, ((0.5,),), (0.0, 1.0)),
        Tableau("rk4", 4, ((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
        Tableau(
            "dopri5",
            5,
            (
                (1 / 5,),
                (3 / 40, 9 / 40),
                (44 / 45, -56 / 15, 32 / 9),
                (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
                (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
                _DOPRI5,
            ),
            (*_DOPRI5, 0.0),
            (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40),
            4,
        ),
        Tableau(
            "tsit5",
            5,
            (
                (0.161,),
                (-0.008480655492356989, 0.335480655492357),
                (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
                (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
                (
                    5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401,
                    -0.028269050394068383,
                ),
                _TSIT5,
            ),
            (*_TSIT5, 0.0),
            (
                -0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995,
                -0.1447110071732629, 0.5823571654525552, -0.45808210592918697, 1 / 66,
            ),
            4,
        ),
    )
}  # fmt: skip
