"""Range reductions and polynomials of vectorised elementary functions.

Everything works on the vectors of :mod:`ridgeflow._kernels.vectors`, without branches. Nothing is
checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import overload

from ridgeflow._kernels.vectors import (
    INLINED,
    call_intrinsic,
    choose,
    constant,
    fma,
    inlined,
    intrinsic,
    power_of_two,
)

__all__ = [
    *("ATAN", "DROP", "EXP", "LN2", "LN2_32", "LOG", "LOG_ERFC", "LOW", "LOW_32"),
    *("MAGIC", "MAGIC_32", "MILLS", "NORMAL", "SIN", "at_most", "bell", "polynomial", "reduced"),
    "series",
]

# Near-minimax polynomials, ascending, for float64 and float32.
# fmt: off
_POLYNOMIALS = (
    # (e^r − 1 − r)/r² on |r| <= ln2/2.
    ((
        0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326084, 0.0013888888888883711,
        0.0001984126987500228, 2.480158732567746e-05, 2.755725517000089e-06, 2.755727347871858e-07,
        2.5105312729622103e-08, 2.09147553258932e-09,
    ), (
        0.49999994, 0.16666515, 0.041668084, 0.008369351, 0.0013840464,
    )),
    # (2 atanh(√y)/√y − 2)/y on [0, 1/9].
    ((
        0.6666666666666666, 0.39999999999999525, 0.285714285716001, 0.2222222219823677,
        0.18181819897962714, 0.1538454396486055, 0.13335178631449257, 0.11734279061303197,
        0.10845178394880015, 0.07492143795550767, 0.1563057780092285,
    ), (
        0.6666667, 0.39999706, 0.28592357, 0.21706575, 0.2322433,
    )),
    # (atan(√y)/√y − 1)/y on [0, tan²(π/8)].
    ((
        -0.3333333333333333, 0.19999999999999804, -0.14285714285659828, 0.11111111105155447,
        -0.09090908753500877, 0.07692296375032143, -0.06666424885738255, 0.05878928997834775,
        -0.05230454270650244, 0.04551593220626549, -0.034570561981427744, 0.016285756855221028,
    ), (
        -0.3333333, 0.1999954, -0.14263956, 0.10743731, -0.06451928,
    )),
    # (sin(√y)/√y − 1)/y on [0, π²/4].
    ((
        -0.16666666666666666, 0.008333333333333333, -0.00019841269841269806,
        2.7557319223971175e-06, -2.505210838237619e-08, 1.605904347799452e-10,
        -7.647139048550473e-13, 2.810466816590253e-15, -8.005858059980551e-18,
    ), (
        -0.16666667, 0.008333333, -0.00019841085, 2.7536423e-06, -2.4079236e-08,
    )),
    # log erfc(u)/u on [0, 5.93] and [0, 3.95], its error weighted by what it does to erf/erf.
    ((
        -1.1283791670955126, -0.636619772367591, -0.1027726033013141, 0.019128446993069446,
        0.0002091948541992949, -0.001696207671796641, 0.0005901324393713734,
        -2.5904531307980316e-05, -6.442039206042148e-05, 2.9575513607063154e-05,
        -3.1694420730083837e-06, -3.1332308735272704e-06, 2.037436739628725e-06,
        -5.708143851343222e-07, 1.1814058764425865e-08, 6.568469783979286e-08,
        -3.456704183812493e-08, 1.0768262610186e-08, -2.3593912929621936e-09,
        3.7588359686205975e-10, -4.299501384866462e-11, 3.36243713701122e-12,
        -1.6138883035348738e-13, 3.589862074579468e-15,
    ), (
        -1.1283792, -0.6366194, -0.10277784, 0.019153131, 0.00016017306, -0.0016667095,
        0.0006326159, -0.00011756786, 9.2469845e-06,
    )),
    # (Φ(√y) − 1/2)/√y on [0, 1.25²].
    ((
        0.3989422804014327, -0.06649038006690534, 0.009973557010033204, -0.0011873282154547889,
        0.00011543468748255249, -9.444655838534142e-06, 6.659684921834966e-07,
        -4.1225497218114316e-08, 2.27243607876356e-09, -1.1232834628574352e-10,
        4.835436646454763e-12, -1.4495360692410847e-13,
    ), (
        0.3989423, -0.06649037, 0.009973447, -0.0011869781, 0.000114883376, -8.979693e-06,
        4.6024e-07,
    )),
    # v e^{v²/2} Φ(−v) in (v − c)/(v + c), c = 3 and 2, for v >= 1.05.
    ((
        0.3645418450666865, 0.10987585410794186, -0.1396571309714422, 0.0913773474158002,
        -0.028862946083251868, -0.0017451228905562464, 0.004000106754836263,
        -9.118206260215252e-06, -0.0006512020858508434, -5.109002801612855e-05,
        0.0001166045892759831, 3.277898427841381e-05, -1.697251199419628e-05,
        -1.2075397028057046e-05, 6.570496503235454e-08, 2.842305085607572e-06,
        1.191713891619617e-06, -9.035412069316587e-08, -6.818505077638908e-07,
        -2.1110642312594957e-07, 3.777941299113501e-07, -9.254851990868234e-08,
    ), (
        0.336204, 0.17050178, -0.15130386, 0.032757312, 0.018133948, -0.0035899552, -0.0044461074,
        -0.00054994685, 0.0012462916,
    )),
)
# fmt: on
EXP, LOG, ATAN, SIN, LOG_ERFC, NORMAL, MILLS = range(7)


def polynomial(x, which, skip, count):  # type: ignore[no-untyped-def]
    """A polynomial of the list, from coefficient ``skip``, ``count`` of them or all."""
    *rest, last = _POLYNOMIALS[which][x.dtype == np.float32][skip:][: count or None]
    value = np.full_like(x, last)
    for c in reversed(rest):
        value = fma(value, x, x.dtype.type(c))
    return value


@intrinsic(prefer_literal=True)
def _polynomial(typing_context, x, which, skip, count):  # type: ignore[no-untyped-def]
    c = _POLYNOMIALS[which.literal_value][x.real == types.float32][skip.literal_value :]
    c = c[: count.literal_value or None]

    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        variable = arguments[0]
        kind: Any = variable.type

        def chain(numbers: tuple[float, ...], x: Any) -> Any:
            real = np.float32 if kind.element == ir.FloatType() else np.float64
            *rest, value = (ir.Constant(kind, [float(real(v))] * kind.count) for v in numbers)
            for v in reversed(rest):
                value = call_intrinsic(builder, "fma", [value, x, v])
            return value

        if len(c) < 4:
            return chain(c, variable)
        # Even and odd powers apart: half as many steps that wait for each other.
        square = builder.fmul(variable, variable)
        return call_intrinsic(
            builder, "fma", [chain(c[1::2], square), variable, chain(c[::2], square)]
        )

    return x(x, which, skip, count), emit


@overload(polynomial, prefer_literal=True, jit_options=INLINED)
def _polynomial_overload(x, which, skip, count):  # type: ignore[no-untyped-def]
    return lambda x, which, skip, count: _polynomial(x, which, skip, count)


# Adding it rounds to an integer, held in the low bits of the sum.
MAGIC, MAGIC_32 = 6755399441055744.0, 12582912.0
# With the bias of exponents, and 64 more so that 2^(k + 64) is normal wherever 2^k is a number.
_LIFTED, _LIFTED_32 = MAGIC + 1023.0 + 64.0, MAGIC_32 + 127.0 + 64.0
DROP = 2.0**-64
# ln 2 and what is left of it when it is rounded.
LN2, LN2_32 = 0.6931471805599453, 0.693147182464599609375
LOW, LOW_32 = 2.3190468138462996e-17, -1.904654299957768e-09


@inlined
def at_most(z, wide, narrow):  # type: ignore[no-untyped-def]
    """\\|z\\|, at most the bound of its precision."""
    bound = constant(z, wide, narrow)
    u = abs(z)
    return choose(u > bound, bound, u)


@inlined
def series(t, r):  # type: ignore[no-untyped-def]
    """(q, s) with 1 + q = e^r and s the power of two in the low bits of t."""
    return fma(r * r, polynomial(r, EXP, 0, 0), r), power_of_two(t)


@inlined
def reduced(x):  # type: ignore[no-untyped-def]
    """(q, s) with e^x = (1 + q) s 2^-64, for x <= 0 in the range of exponents."""
    magic = constant(x, _LIFTED, _LIFTED_32)
    t = fma(x, 1.4426950408889634, magic)
    k = magic - t
    r = fma(k, constant(x, LN2, LN2_32), x)
    return series(t, fma(k, constant(x, LOW, LOW_32), r))


@inlined
def bell(u, factor):  # type: ignore[no-untyped-def]
    """(q, s) with exp(−factor u²) = (1 + q) s 2^-64, the rounding of u² carried along."""
    square = u * u
    x = -factor * square
    magic = constant(u, _LIFTED, _LIFTED_32)
    t = fma(x, 1.4426950408889634, magic)
    k = magic - t
    r = fma(k, constant(u, LN2, LN2_32), x)
    rest = fma(k, constant(u, LOW, LOW_32), -factor * fma(u, u, -square))
    return series(t, r + rest)
