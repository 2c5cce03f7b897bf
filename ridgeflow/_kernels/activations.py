"""Activations and their slopes by kernel code, as branch-free functions of one scalar.

Fused multiplications carry the rounding of what a later step would amplify. The tests measure the
errors: at most two units in the last place of η, in the range below the normal numbers too. Slopes
are as accurate relative to themselves, those with a zero (of dsigmoid, GELU and SiLU) relative
to 1. Nothing is checked.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from numba.extending import overload

from ridgeflow._kernels import elementary, vectors
from ridgeflow._kernels.elementary import (
    ATAN,
    DROP,
    LN2,
    LN2_32,
    LOG,
    LOG_ERFC,
    LOW,
    LOW_32,
    MAGIC,
    MAGIC_32,
    MILLS,
    NORMAL,
    SIN,
    at_most,
    bell,
    polynomial,
    reduced,
    series,
)
from ridgeflow._kernels.vectors import (
    INLINED,
    choose,
    constant,
    copy_sign,
    fma,
    inlined,
    turned,
)

__all__ = ["FAR", "PERIODIC", "SLOPES", "SOURCE", "eta"]

# Kernels that were compiled with another text of these files must not be reused.
SOURCE = zlib.crc32(
    b"".join(Path(str(m)).read_bytes() for m in (__file__, elementary.__file__, vectors.__file__))
)


@inlined
def _one(z):  # type: ignore[no-untyped-def]
    # The difference keeps what is not finite visible.
    return 1.0 + (z - z)


@inlined
def _linear(z):  # type: ignore[no-untyped-def]
    return z


@inlined
def _relu(z):  # type: ignore[no-untyped-def]
    return choose(z < 0.0, 0.0, z)


@inlined
def _step(z):  # type: ignore[no-untyped-def]
    return choose(z > 0.0, 1.0, choose(z < 0.0, 0.0, 0.5 + z))


@inlined
def _relu2(z):  # type: ignore[no-untyped-def]
    return choose(z < 0.0, 0.0, z * z)


@inlined
def _logistic(z):  # type: ignore[no-untyped-def]
    """(q, s, y, rho): e = e^-\\|z\\| = (1 + q) s 2^-64 and 1/(1 + e) = (1 + rho) y."""
    q, s = reduced(-at_most(z, 750.0, 120.0))
    scale = s * DROP
    e = fma(q, scale, scale)
    y = 1.0 / (1.0 + e)
    # 1 - y is exact.
    return q, s, y, fma(-e, y, 1.0 - y)


@inlined
def _sigmoid(z):  # type: ignore[no-untyped-def]
    q, s, y, rho = _logistic(z)
    below = z < 0.0
    q = choose(below, q, 0.0)
    y = y * choose(below, s, 2.0**64)
    return fma(y, rho + q, y) * DROP


@inlined
def _density(z):  # type: ignore[no-untyped-def]
    """2^64 e/(1 + e)², e = e^-\\|z\\|, with y and rho of ``_logistic``, and 1 − e."""
    q, s, y, rho = _logistic(z)
    square = y * y
    slip = fma(y, y, -square) / square + 2.0 * rho
    square = square * s
    scale = s * DROP
    return fma(square, fma(slip, q, slip) + q, square), y, rho, fma(-q, scale, 1.0 - scale)


@inlined
def _sigmoid_slope(z):  # type: ignore[no-untyped-def]
    return _density(z)[0] * DROP


@inlined
def _sigmoid_curvature(z):  # type: ignore[no-untyped-def]
    h, y, rho, rest = _density(z)
    top = rest * y
    low = fma(top, rho, fma(rest, y, -top))
    return copy_sign(fma(h, top, h * low) * DROP, -z)


@inlined
def _tanh(z):  # type: ignore[no-untyped-def]
    x = -2.0 * at_most(z, 20.0, 10.0)
    t = fma(x, 1.4426950408889634, constant(z, MAGIC + 1023.0, MAGIC_32 + 127.0))
    k = constant(z, MAGIC + 1023.0, MAGIC_32 + 127.0) - t
    first = fma(k, constant(z, LN2, LN2_32), x)
    r = fma(k, constant(z, LOW, LOW_32), first)
    low = fma(k, constant(z, LOW, LOW_32), first - r)
    # (1 − e)/(1 + e) with e = (1 + q + low) s.
    q, s = series(t, r)
    e = fma(q, s, s)
    y = 1.0 / (1.0 + e)
    rho = fma(-e, y, 1.0 - y)
    top = fma(-q, s, 1.0 - s)
    return copy_sign(fma(top, y, y * fma(top, rho, -s * low)), z)


@inlined
def _tanh_slope(z):  # type: ignore[no-untyped-def]
    return _density(z + z)[0] * (4.0 * DROP)


@inlined
def _softplus(z):  # type: ignore[no-untyped-def]
    q, s = reduced(-at_most(z, 750.0, 120.0))
    s = s * DROP
    e = fma(q, s, s)
    e_low = fma(q, s, s - e)
    d = 2.0 + e
    # y + rest = e/(2 + e) in more than the working precision; the last factor is about 1/d.
    y = e / d
    rest = (fma(-y, d, e) + e_low - y * (e - (d - 2.0))) * (0.825 - 0.167 * d)
    square = y * y
    log = 2.0 * y + fma(y * square, polynomial(square, LOG, 0, 0), 2.0 * rest)
    return choose(z < 0.0, log, z + log)


@inlined
def _gaussian(z):  # type: ignore[no-untyped-def]
    q, s = bell(at_most(z, 38.7, 15.5), 0.5)
    return fma(q, s, s) * DROP


@inlined
def _gaussian_slope(z):  # type: ignore[no-untyped-def]
    q, s = bell(at_most(z, 38.7, 15.5), 0.5)
    u = at_most(z, 40.0, 20.0)
    return copy_sign(fma(u, q, u) * s * DROP, -z)


@inlined
def _erf(z):  # type: ignore[no-untyped-def]
    u = at_most(z, 5.93, 3.95)
    # −erf = e^x − 1, x = log erfc(u), which is as accurate near 0 as x is relative to itself.
    w = fma(
        u, polynomial(u, LOG_ERFC, 1, 0), constant(z, 8.560699289955665e-18, 5.401869218609375e-08)
    )
    x = fma(u, polynomial(z, LOG_ERFC, 0, 1), u * w)
    magic = constant(z, MAGIC + 1023.0, MAGIC_32 + 127.0)
    t = fma(x, 1.4426950408889634, magic)
    q, s = series(t, fma(magic - t, constant(z, LN2, LN2_32), x))
    return copy_sign(fma(-q, s, 1.0 - s), z)


@inlined
def _erf_slope(z):  # type: ignore[no-untyped-def]
    q, s = bell(at_most(z, 27.4, 11.0), 1.0)
    return fma(q, 1.1283791670955126, 1.1283791670955126) * s * DROP


@inlined
def _normal(z):  # type: ignore[no-untyped-def]
    """(p, low) with p + low = Φ(z) for \\|z\\| <= 1.05."""
    y = z * z
    p = polynomial(y, NORMAL, 1, 0)
    c = polynomial(z, NORMAL, 0, 1)
    n = fma(y, p, c)
    # What is left of the constant when it is rounded.
    low = fma(y, p, c - n) + constant(z, -2.5e-17, -1.13352e-08)
    p = fma(z, n, 0.5)
    return p, fma(z, n, 0.5 - p) + z * low


@inlined
def _mills(u):  # type: ignore[no-untyped-def]
    """(g, low) with g + low = u e^{u²/2} Φ(−u) for u >= 1.05."""
    c = constant(u, 3.0, 2.0)
    t = (u - c) / (u + c)
    p = polynomial(t, MILLS, 1, 0)
    c = polynomial(u, MILLS, 0, 1)
    g = fma(t, p, c)
    return g, fma(t, p, c - g) + constant(u, -2.3e-17, 1.1868e-08)


@inlined
def _gelu(z):  # type: ignore[no-untyped-def]
    u = at_most(z, 38.7, 15.5)
    q, s = bell(u, 0.5)
    g, low = _mills(u)
    far = choose(z < 0.0, 0.0, z) - (g + fma(g, q, low)) * s * DROP
    p, low = _normal(z)
    return choose(u < 1.05, fma(z, p, z * low), far)


@inlined
def _gelu_slope(z):  # type: ignore[no-untyped-def]
    u = at_most(z, 38.7, 15.5)
    q, s = bell(u, 0.5)
    v = choose(u < 1.05, 1.05, u)
    far = _mills(v)[0] / v - v * 0.3989422804014327
    far = fma(far, q, far) * s * DROP
    p, low = _normal(-u)
    density = fma(q, 0.3989422804014327, 0.3989422804014327) * s * DROP
    h = choose(u < 1.05, p + fma(-u, density, low), far)
    return choose(z < 0.0, h, 1.0 - h)


@inlined
def _silu(z):  # type: ignore[no-untyped-def]
    q, s, y, rho = _logistic(z)
    below = z < 0.0
    q = choose(below, q, 0.0)
    rho = fma(rho, q, rho) + q
    v = choose(below, -at_most(z, 750.0, 120.0) * s, z)
    top = v * y
    h = top + fma(top, rho, fma(v, y, -top))
    # Beyond these the value is z or 0 to rounding, infinity included.
    return choose(below, choose(z < -760.0, 0.0, h * DROP), choose(z > 100.0, z, h))


@inlined
def _silu_slope(z):  # type: ignore[no-untyped-def]
    q, s, y, _ = _logistic(z)
    u = at_most(z, 750.0, 120.0)
    e = fma(q, s, s) * DROP
    # y = 1/(1 + e): e y (1 − u y) on the left, y (1 + u e y) on the right.
    left = fma(y, q, y) * fma(-u, y, 1.0) * s * DROP
    return choose(z < 0.0, left, y * fma(u * e, y, 1.0))


@inlined
def _arctan(z):  # type: ignore[no-untyped-def]
    u = abs(z)
    big = u > 2.414213562373095
    middle = u > 0.41421356237309503
    q = choose(middle, choose(big, -1.0, u - 1.0), u) / choose(middle, choose(big, u, u + 1.0), 1.0)
    y = q * q
    base = choose(
        middle,
        choose(big, 1.5707963267948966, constant(z, 0.7853981633974483, 0.7853981633974483)),
        0.0,
    )
    low = choose(
        big,
        constant(z, 6.123233995736766e-17, -4.371139e-08),
        constant(z, 3.061616997868383e-17, -2.1855695e-08),
    )
    low = choose(middle, low, 0.0)
    return copy_sign(base + (q + fma(q * y, polynomial(y, ATAN, 0, 0), low)), z)


@inlined
def _arctan_slope(z):  # type: ignore[no-untyped-def]
    u = abs(z)
    far = u > constant(z, 2.0**60, 2.0**30)
    q = 1.0 / choose(far, u, fma(z, z, 1.0))
    return choose(far, q * q, q)


@inlined
def _sine(z, shift):  # type: ignore[no-untyped-def]
    """sin(z + shift π/2), shift 0 or 1, for \\|z\\| below ``FAR``."""
    magic = constant(z, MAGIC, MAGIC_32)
    t = fma(z, 0.3183098861837907, 0.5 * shift) + magic
    n = shift - 2.0 * (t - magic)
    r = fma(n, constant(z, 1.5707963267948966, 1.57079637050628662109375), z)
    r = fma(n, constant(z, 6.123233995736766e-17, -4.371138828673793e-08), r)
    r = fma(n, constant(z, -1.4973849048591698e-33, -1.7151244994428828e-15), r)
    y = r * r
    v = r * y
    rest = v * (y * polynomial(y, SIN, 1, 0))
    return turned(r + fma(v, polynomial(z, SIN, 0, 1), rest), t)


@inlined
def _cos(z):  # type: ignore[no-untyped-def]
    return _sine(z, 1.0)


@inlined
def _sin(z):  # type: ignore[no-untyped-def]
    return _sine(z, 0.0)


# By kernel code: first the activations, then slopes that are none of them.
_TABLE = (
    *(_linear, _relu, _step, _relu2, _sigmoid, _sigmoid_slope, _tanh, _softplus, _gaussian),
    *(_erf, _gelu, _silu, _arctan, _cos, _sin, _one, _sigmoid_curvature, _tanh_slope),
    *(_gaussian_slope, _erf_slope, _gelu_slope, _silu_slope, _arctan_slope),
)
# Code of the slope and its factor, by the code of the activation; the slope of the step is none.
SLOPES: dict[int, tuple[int, float]] = {
    **{0: (15, 1.0), 1: (2, 1.0), 2: (15, 0.0), 3: (1, 2.0), 4: (5, 1.0), 5: (16, 1.0)},
    **{6: (17, 1.0), 7: (4, 1.0), 8: (18, 1.0), 9: (19, 1.0), 10: (20, 1.0), 11: (21, 1.0)},
    **{12: (22, 1.0), 13: (14, -1.0), 14: (13, 1.0)},
}


# Codes of cos and sin, and the sizes (float64, float32) beyond which their arguments may not lie:
# there the multiples of π/2 are no longer exact products.
PERIODIC = (13, 14)
FAR = (1e8, 8e3)


def eta(code, z):  # type: ignore[no-untyped-def]
    """η(z), or the slope of an activation, by its code: a literal where this is compiled."""
    return _TABLE[code](z)


@overload(eta, prefer_literal=True, jit_options=INLINED)
def _eta_overload(code, z):  # type: ignore[no-untyped-def]
    function = _TABLE[code.literal_value]
    return lambda code, z: function(z)
