"""Runge-Kutta tableaux as data that check themselves, and the step that they describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ridgeflow._fork import cached_property

__all__ = ["SCHEMES", "TABLEAUX", "Tableau", "rooted_trees"]

# What can be added, and multiplied by numbers from the left: arrays, tensors, nodes of a graph.
Value = TypeVar("Value")


@cache
def rooted_trees(n: int) -> tuple[tuple, ...]:
    """Rooted trees with n nodes, each the sorted tuple of the subtrees at its root.

    Examples
    --------
    >>> [len(rooted_trees(n)) for n in range(1, 9)]
    [1, 1, 2, 4, 9, 20, 48, 115]
    """

    def forests(nodes: int, largest: int) -> list[tuple]:
        if nodes == 0:
            return [()]
        found = []
        for size in range(min(nodes, largest), 0, -1):
            for tree in rooted_trees(size):
                for rest in forests(nodes - size, size):
                    if not rest or (size, tree) >= (_nodes(rest[0]), rest[0]):
                        found.append((tree, *rest))
        return found

    return tuple(forests(n - 1, n - 1))


def _nodes(tree: tuple) -> int:
    return 1 + sum(_nodes(branch) for branch in tree)


def _weight(tree: tuple, a: NDArray) -> tuple[NDArray, float]:
    """Elementary weight of every stage, and density of a tree."""
    phi, gamma = np.ones(len(a)), float(_nodes(tree))
    for branch in tree:
        inner, density = _weight(branch, a)
        phi, gamma = phi * (a @ inner), gamma * density
    return phi, gamma


def _residual(a: NDArray, b: NDArray, order: int) -> float:
    """Worst residual of the order conditions: b (S,), or (S, degree) for weights that are
    polynomials in the place within the step, with the coefficient of the power j + 1 in column j.
    """
    worst = 0.0
    polynomial = b.reshape(len(b), -1)
    for n in range(1, order + 1):
        for tree in rooted_trees(n):
            phi, gamma = _weight(tree, a)
            wanted = np.zeros(polynomial.shape[1])
            wanted[n - 1 if b.ndim == 2 else 0] = 1 / gamma
            # Rounding grows with the size of the terms.
            size = 1 + float((np.abs(phi)[:, None] * np.abs(polynomial)).sum(axis=0).max())
            worst = max(worst, float(np.abs(phi @ polynomial - wanted).max()) / size)
    return worst


@dataclass(frozen=True)
class Tableau:
    r"""An explicit Runge-Kutta method, :math:`k_i = v(x + h\sum_j a_{ij} k_j,\ t + c_i h)`,
    :math:`x \leftarrow x + h \sum_i b_i k_i`.

    Parameters
    ----------
    name : str
    order : int
    rows : tuple of tuples
        :math:`a_{i1}, .., a_{i,i-1}` for i = 2, 3, ..
    weights : tuple
        b.
    error : tuple, optional
        Weights of the error estimate, b minus those of the embedded method.
    error_order : int
        Order of the embedded method.
    second_error : tuple, optional
        The same for another embedded method, of order 3: together, as
        :math:`e^2/\sqrt{e^2 + e_3^2/100}`, they estimate an error of higher order.
    dense : tuple of tuples, optional
        Polynomials :math:`b_i(\theta)`, coefficients of :math:`\theta, \theta^2, ..`, whose
        :math:`x + h \sum_i b_i(\theta) k_i` is the solution at :math:`t + \theta h`.
    dense_order : int
        Order of that.
    extra_rows : tuple of tuples
        Stages after the others that it needs beside them.

    Raises
    ------
    ValueError
        If an order condition fails by more than 1e-12, relative to its terms.

    References
    ----------
    E. Hairer, S. P. Norsett and G. Wanner, *Solving Ordinary Differential Equations I*, 1993,
    Theorem II.2.13 (order conditions), sections II.5 and II.6 (Dormand-Prince 8(5,3), continuous
    extensions). Ch. Tsitouras, *Runge-Kutta pairs of order 5(4) satisfying only the first column
    simplifying assumption*, Comput. Math. Appl. 62 (2011), Table 1. J. R. Dormand and
    P. J. Prince, *A family of embedded Runge-Kutta formulae*, 1980. L. F. Shampine, *Some practical
    Runge-Kutta formulas*, Math. Comp. 46 (1986) (continuous extension).

    Examples
    --------
    >>> TABLEAUX["rk4"].order, TABLEAUX["tsit5"].stages, TABLEAUX["dop853"].dense_order
    (4, 7, 7)
    """

    name: str
    order: int
    rows: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    error: tuple[float, ...] = ()
    error_order: int = 0
    second_error: tuple[float, ...] = ()
    dense: tuple[tuple[float, ...], ...] = ()
    dense_order: int = 0
    extra_rows: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        checks = [(self.a, self.b, self.order)]
        if self.error:
            checks.append((self.a, self.b - np.array(self.error), self.error_order))
        if self.second_error:
            checks.append((self.a, self.b - np.array(self.second_error), 3))
        if self.dense:
            checks.append((self.all_rows, np.array(self.dense), self.dense_order))
        worst = max(_residual(*each) for each in checks)
        if self.dense:
            ends = np.array(self.dense).sum(axis=1)[: self.stages] - self.b
            worst = max(worst, float(np.abs(ends).max()) / 10)
        if worst > 1e-12:
            raise ValueError(
                f"`rows` and `weights` of {self.name!r} must meet the conditions of order "
                f"{self.order}, got a residual of {worst:.1e}"
            )

    @property
    def stages(self) -> int:
        return len(self.weights)

    @cached_property
    def all_rows(self) -> NDArray[np.float64]:
        """The matrix a with the stages that only dense output needs."""
        rows = (*self.rows, *self.extra_rows)
        matrix = np.zeros((len(rows) + 1, len(rows) + 1))
        for i, row in enumerate(rows, start=1):
            matrix[i, : len(row)] = row
        return matrix

    @property
    def a(self) -> NDArray[np.float64]:
        return self.all_rows[: self.stages, : self.stages]

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

    @cached_property
    def nodes(self) -> tuple[float, ...]:
        """Places within the step at which stages lie, in order and without repeats."""
        return tuple(np.unique(self.c).tolist())

    @cached_property
    def node_of(self) -> tuple[int, ...]:
        """For each stage the index of its node."""
        return tuple(self.nodes.index(node) for node in self.c.tolist())

    def increment(self, velocity: Callable[[int, Value], Value], x: Value, h: float) -> Value:
        """:math:`h \\sum_i b_i k_i`, with ``velocity(i, y)`` the slope of stage i at y."""
        slopes = [velocity(0, x)]
        for stage, row in enumerate(self.rows, start=1):
            slopes.append(velocity(stage, x + _combined(h, row, slopes)))  # type: ignore[operator]
        return _combined(h, self.weights, slopes)

    def step(self, velocity: Callable[[int, Value], Value], x: Value, h: float) -> Value:
        """Where one step of size h leads from x; see :meth:`increment`."""
        return x + self.increment(velocity, x, h)  # type: ignore[operator]


def _combined(h: float, weights: tuple[float, ...], slopes: list[Any]) -> Any:
    terms = [(h * w) * k for w, k in zip(weights, slopes, strict=True) if w]
    return sum(terms[1:], terms[0])


_TSIT5 = (
    0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081,
    2.324710524099774,
)  # fmt: skip
_TSIT5_DENSE = (
    (1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216),
    (0.0, 0.1317, -0.2234, 0.1017),
    (0.0, 3.930296236894751, -5.941033872131505, 2.490627285651253),
    (0.0, -12.411077166933676, 30.338188630282318, -16.548102889244902),
    (0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928),
    (0.0, -27.896526289197286, 65.09189467479368, -34.87065786149661),
    (0.0, 1.5, -4.0, 2.5),
)
_DOPRI5_DENSE = (
    (1.0, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432),
    (0.0, 0.0, 0.0, 0.0),
    (0.0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799),
    (0.0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072),
    (0.0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632),
    (0.0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844),
    (0.0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423),
)
_DOPRI5 = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_DOP853 = (
    (
        0.05260015195876773,
    ),
    (
        0.0197250569845379, 0.0591751709536137,
    ),
    (
        0.02958758547680685, 0.0, 0.08876275643042054,
    ),
    (
        0.2413651341592667, 0.0, -0.8845494793282861, 0.924834003261792,
    ),
    (
        0.037037037037037035, 0.0, 0.0, 0.17082860872947386, 0.12546768756682242,
    ),
    (
        0.037109375, 0.0, 0.0, 0.17025221101954405, 0.06021653898045596, -0.017578125,
    ),
    (
        0.03709200011850479, 0.0, 0.0, 0.17038392571223998, 0.10726203044637328,
        -0.015319437748624402, 0.008273789163814023,
    ),
    (
        0.6241109587160757, 0.0, 0.0, -3.3608926294469414, -0.868219346841726, 27.59209969944671,
        20.154067550477894, -43.48988418106996,
    ),
    (
        0.47766253643826434, 0.0, 0.0, -2.4881146199716677, -0.590290826836843,
        21.230051448181193, 15.279233632882423, -33.28821096898486, -0.020331201708508627,
    ),
    (
        -0.9371424300859873, 0.0, 0.0, 5.186372428844064, 1.0914373489967295, -8.149787010746927,
        -18.52006565999696, 22.739487099350505, 2.4936055526796523, -3.0467644718982196,
    ),
    (
        2.273310147516538, 0.0, 0.0, -10.53449546673725, -2.0008720582248625, -17.9589318631188,
        27.94888452941996, -2.8589982771350235, -8.87285693353063, 12.360567175794303,
        0.6433927460157636,
    ),
)  # fmt: skip
_DOP853_WEIGHTS = (
    0.054293734116568765, 0.0, 0.0, 0.0, 0.0, 4.450312892752409, 1.8915178993145003,
    -5.801203960010585, 0.3111643669578199, -0.1521609496625161, 0.20136540080403034,
    0.04471061572777259,
)  # fmt: skip
_DOP853_FIFTH = (
    0.01312004499419488, 0.0, 0.0, 0.0, 0.0, -1.2251564463762044, -0.4957589496572502,
    1.6643771824549864, -0.35032884874997366, 0.3341791187130175, 0.08192320648511571,
    -0.022355307863886294,
)  # fmt: skip
_DOP853_THIRD = (
    -0.18980075407240762, 0.0, 0.0, 0.0, 0.0, 4.450312892752409, 1.8915178993145003,
    -5.801203960010585, -0.4226823213237919, -0.1521609496625161, 0.20136540080403034,
    0.02265179219836082,
)  # fmt: skip
_DOP853_DENSE_ROWS = (
    (
        0.056167502283047954, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25350021021662483, -0.2462390374708025,
        -0.12419142326381637, 0.15329179827876568, 0.00820105229563469, 0.007567897660545699,
        -0.008298,
    ),
    (
        0.03183464816350214, 0.0, 0.0, 0.0, 0.0, 0.028300909672366776, 0.053541988307438566,
        -0.05492374857139099, 0.0, 0.0, -0.00010834732869724932, 0.0003825710908356584,
        -0.00034046500868740456, 0.1413124436746325,
    ),
    (
        -0.42889630158379194, 0.0, 0.0, 0.0, 0.0, -4.697621415361164, 7.683421196062599,
        4.06898981839711, 0.3567271874552811, 0.0, 0.0, 0.0, -0.0013990241651590145,
        2.9475147891527724, -9.15095847217987,
    ),
)  # fmt: skip
_DOP853_DENSE = (
    (
        -8.428938276109013, 0.0, 0.0, 0.0, 0.0, 0.5667149535193777, -3.0689499459498917,
        2.38466765651207, 2.117034582445028, -0.871391583777973, 2.2404374302607883,
        0.6315787787694688, -0.08899033645133331, 18.148505520854727, -9.194632392478356,
        -4.436036387594894,
    ),
    (
        10.427508642579134, 0.0, 0.0, 0.0, 0.0, 242.28349177525817, 165.20045171727028,
        -374.5467547226902, -22.113666853125306, 7.733432668472264, -30.674084731089398,
        -9.332130526430229, 15.697238121770845, -31.139403219565178, -9.35292435884448,
        35.81684148639408,
    ),
    (
        19.985053242002433, 0.0, 0.0, 0.0, 0.0, -387.0373087493518, -189.17813819516758,
        527.8081592054236, -11.57390253995963, 6.8812326946963, -1.0006050966910838,
        0.7777137798053443, -2.778205752353508, -60.19669523126412, 84.32040550667716,
        11.99229113618279,
    ),
    (
        -25.69393346270375, 0.0, 0.0, 0.0, 0.0, -154.18974869023643, -231.5293791760455,
        357.6391179106141, 93.40532418362432, -37.45832313645163, 104.0996495089623,
        29.8402934266605, -43.53345659001114, 96.32455395918828, -39.17726167561544,
        -149.72683625798564,
    ),
)  # fmt: skip


def _polynomials(weights: tuple[float, ...], rest: tuple[tuple[float, ...], ...]) -> tuple:
    """The continuous extension of order 7, θ(f₀ + (1 − θ)(f₁ + θ(f₂ + (1 − θ)(f₃ + ..)))): its
    coefficients f are fixed by both ends of the step but for the last four.
    """
    stages = len(rest[0])
    first, last, whole = np.zeros((3, stages))
    first[0], last[len(weights)] = 1, 1
    whole[: len(weights)] = weights
    terms = [whole, first - whole, 2 * whole - first - last, *map(np.array, rest)]
    value = np.zeros((stages, 1))
    for i, term in enumerate(reversed(terms)):
        value[:, 0] += term
        # By 1 - θ and θ in turns; the innermost and the outermost factor are θ.
        longer = np.zeros((stages, value.shape[1] + 1))
        longer[:, 1:] = value if i % 2 == 0 else -value
        if i % 2 == 1:
            longer[:, :-1] += value
        value = longer
    return tuple(map(tuple, value[:, 1:].tolist()))


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
            dense=_DOPRI5_DENSE,
            dense_order=4,
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
            dense=_TSIT5_DENSE,
            dense_order=4,
        ),
        Tableau(
            "dop853",
            8,
            (*_DOP853, _DOP853_WEIGHTS),
            (*_DOP853_WEIGHTS, 0.0),
            (*_DOP853_FIFTH, 0.0),
            5,
            second_error=(*_DOP853_THIRD, 0.0),
            dense=_polynomials(_DOP853_WEIGHTS, _DOP853_DENSE),
            dense_order=7,
            extra_rows=_DOP853_DENSE_ROWS,
        ),
    )
}  # fmt: skip
# Those without control of their error, for steps of given size.
SCHEMES = {name: tableau for name, tableau in TABLEAUX.items() if not tableau.error}
