"""Log densities of Gaussian mixtures with their scores and Hessians: per point one sweep over tiles
of components with an on-line log-sum-exp, so memory does not grow with points times components.

Components are the contiguous axis of every table, padded to a multiple of ``LANES`` by components
of log weight ``PAD`` so that no scalar remainder loop runs. Exponents are in base 2: ``log2c``
holds the base-2 logarithms of the components' constants, and precisions are multiplied by
``HALF_LOG2E``. Points are centred and mapped in float64 before they are rounded to the tables'
type; sums run in that type inside a tile and in float64 across tiles.
"""

from __future__ import annotations

import math

import numpy as np

from ridgeflow._kernels._jit import kernel

__all__ = ["HALF_LOG2E", "LANES", "PAD", "general", "isotropic"]

LANES = 16
PAD = -math.inf
HALF_LOG2E = 0.5 / math.log(2.0)

_LN2 = math.log(2.0)
_TILE = 512

# 2**f on [-1/2, 1/2], Chebyshev interpolants: relative errors 4.2e-18 and 2.5e-9 before rounding.
_D1 = 0.6931471805599453
_D2 = 0.24022650695910158
_D3 = 0.055504108664821625
_D4 = 0.009618129107587256
_D5 = 0.001333355814640647
_D6 = 0.00015403530463724353
_D7 = 1.5252733841556773e-05
_D8 = 1.3215432535912375e-06
_D9 = 1.0178057087733941e-07
_D10 = 7.074194297288521e-09
_D11 = 4.4558179083360645e-10
_S1 = np.float32(0.6931472067028326)
_S2 = np.float32(0.24022650922288757)
_S3 = np.float32(0.05550327226670302)
_S4 = np.float32(0.009618056678524637)
_S5 = np.float32(0.0013400428177615838)
_S6 = np.float32(0.0001546144469856913)
_ONE = np.float32(1.0)
_LEAST = np.float32(-126.0)


@kernel
def exp2_double(q, n, shift):
    """q[:n] <- 2**(q[:n] - shift) for q <= shift; returns the sum. Flushes 2**-1022 and below."""
    total = 0.0
    for k in range(n):
        t = max(q[k] - shift, -1022.0)
        whole = np.rint(t)
        f = t - whole
        f2 = f * f
        f4 = f2 * f2
        low = (1.0 + _D1 * f) + f2 * (_D2 + _D3 * f)
        mid = (_D4 + _D5 * f) + f2 * (_D6 + _D7 * f)
        high = (_D8 + _D9 * f) + f2 * (_D10 + _D11 * f)
        bits = np.int64((np.int64(np.int32(whole)) + 1023) << 52)
        e = (low + f4 * (mid + f4 * high)) * bits.view(np.float64)
        q[k] = e
        total += e
    return total


@kernel
def exp2_single(q, n, shift):
    """The float32 twin of ``exp2_double``; flushes 2**-126 and below."""
    total = np.float32(0.0)
    for k in range(n):
        t = max(q[k] - shift, _LEAST)
        whole = np.rint(t)
        f = t - whole
        f2 = f * f
        low = (_ONE + _S1 * f) + f2 * (_S2 + _S3 * f)
        high = (_S4 + _S5 * f) + f2 * _S6
        bits = np.int32((np.int32(whole) + 127) << 23)
        e = (low + f2 * f2 * high) * bits.view(np.float32)
        q[k] = e
        total += e
    return total


@kernel
def _exp2_tile(q, n, shift, single):
    if single:
        return np.float64(exp2_single(q, n, np.float32(shift)))
    return exp2_double(q, n, shift)


@kernel
def _maximum(q, n, lanes):
    # Lane by lane: a reduction to one number is not vectorised unless NaNs are ruled out.
    for j in range(LANES):
        lanes[j] = q[j]
    for block in range(LANES, n, LANES):
        part = q[block : block + LANES]
        for j in range(LANES):
            lanes[j] = max(lanes[j], part[j])
    top = lanes[0]
    for j in range(1, LANES):
        top = max(top, lanes[j])
    return top


@kernel
def _locate(x, point, centre, whiten, y):
    for i in range(y.size):
        total = 0.0
        for j in range(y.size):
            total += whiten[i, j] * (x[point, j] - centre[j])
        y[i] = total


@kernel
def _map_back(point, whiten, gradient, hessian, want_hessian, score, jacobian):
    # With y = W(x - c): the score is Wᵀs and the Hessian WᵀHW.
    m = gradient.size
    for i in range(m):
        total = 0.0
        for j in range(m):
            total += whiten[j, i] * gradient[j]
        score[point, i] = total
    if want_hessian:
        for i in range(m):
            for r in range(i + 1):
                total = 0.0
                for j in range(m):
                    inner = 0.0
                    for k in range(m):
                        inner += hessian[max(j, k), min(j, k)] * whiten[k, r]
                    total += whiten[j, i] * inner
                jacobian[point, i, r] = total
                jacobian[point, r, i] = total


@kernel
def _isotropic_exponents(q, lo, n, y, log2c, means, half):
    # Slices, because an index lo + k that might be negative keeps a loop from being vectorised.
    m = y.size
    c = log2c[lo : lo + n]
    h = half[lo : lo + n]
    if m == 1:
        y0 = y[0]
        m0 = means[0][lo : lo + n]
        for k in range(n):
            d0 = m0[k] - y0
            q[k] = c[k] - h[k] * (d0 * d0)
    elif m == 2:
        y0, y1 = y[0], y[1]
        m0, m1 = means[0][lo : lo + n], means[1][lo : lo + n]
        for k in range(n):
            d0 = m0[k] - y0
            d1 = m1[k] - y1
            q[k] = c[k] - h[k] * (d0 * d0 + d1 * d1)
    elif m == 3:
        y0, y1, y2 = y[0], y[1], y[2]
        m0, m1, m2 = means[0][lo : lo + n], means[1][lo : lo + n], means[2][lo : lo + n]
        for k in range(n):
            d0 = m0[k] - y0
            d1 = m1[k] - y1
            d2 = m2[k] - y2
            q[k] = c[k] - h[k] * (d0 * d0 + d1 * d1 + d2 * d2)
    else:
        for k in range(n):
            q[k] = 0.0
        for i in range(m):
            yi = y[i]
            mi = means[i][lo : lo + n]
            for k in range(n):
                d = mi[k] - yi
                q[k] += d * d
        for k in range(n):
            q[k] = c[k] - h[k] * q[k]


@kernel
def _isotropic_gradient(e, lo, n, y, means, precision, gradient):
    m = y.size
    zero = e[0] - e[0]
    p = precision[lo : lo + n]
    if m == 2:
        y0, y1 = y[0], y[1]
        m0, m1 = means[0][lo : lo + n], means[1][lo : lo + n]
        s0, s1 = zero, zero
        for k in range(n):
            weight = e[k] * p[k]
            s0 += weight * (m0[k] - y0)
            s1 += weight * (m1[k] - y1)
        gradient[0] += s0
        gradient[1] += s1
    elif m == 3:
        y0, y1, y2 = y[0], y[1], y[2]
        m0, m1, m2 = means[0][lo : lo + n], means[1][lo : lo + n], means[2][lo : lo + n]
        s0, s1, s2 = zero, zero, zero
        for k in range(n):
            weight = e[k] * p[k]
            s0 += weight * (m0[k] - y0)
            s1 += weight * (m1[k] - y1)
            s2 += weight * (m2[k] - y2)
        gradient[0] += s0
        gradient[1] += s1
        gradient[2] += s2
    else:
        for i in range(m):
            yi, s = y[i], zero
            mi = means[i][lo : lo + n]
            for k in range(n):
                s += e[k] * p[k] * (mi[k] - yi)
            gradient[i] += s


@kernel
def _isotropic_hessian(e, lo, n, y, means, precision, shift, hessian):
    # Deviations from the score, not raw second moments: those cancel far from the components.
    zero = e[0] - e[0]
    p = precision[lo : lo + n]
    trace = zero
    for k in range(n):
        trace += e[k] * p[k]
    for i in range(y.size):
        yi, gi = y[i], shift[i]
        mi = means[i][lo : lo + n]
        for j in range(i + 1):
            yj, gj, s = y[j], shift[j], zero
            mj = means[j][lo : lo + n]
            for k in range(n):
                s += e[k] * (p[k] * (mi[k] - yi) - gi) * (p[k] * (mj[k] - yj) - gj)
            hessian[i, j] += s
        hessian[i, i] -= trace


@kernel
def isotropic(
    start,
    stop,
    x,
    centre,
    whiten,
    log2c,
    means,
    precision,
    half,
    single,
    order,
    logpdf,
    score,
    jacobian,
):
    """Mixture of isotropic components in the coordinates y = whiten (x - centre).

    x (N, m) float32 or float64; centre (m,), whiten (m, m) float64; log2c, precision, half (Kp,)
    and means (m, Kp) of one type, float32 iff ``single``; half = precision * HALF_LOG2E. Writes
    logpdf (N,), for order >= 1 score (N, m), for order 2 jacobian (N, m, m), the Hessian of the
    log density; outputs beyond the order may be empty. No checks, no aliasing.
    """
    # The density is Σ_k 2^{q_k}, q_k = log2c_k − half_k |y − m_k|². Tile by tile: exponents, their
    # highest ``top``, powers e_k = 2^{q_k − top}; sums so far, of e_k and e_k g_k with g_k = p_k
    # (m_k − y), are rescaled where top rises. The score g is their ratio. The Hessian needs it
    # first, being the mean by shares of (g_k − g)(g_k − g)ᵀ − p_k I: it takes a second sweep, which
    # finds the powers of a single tile as the first one left them.
    m = means.shape[0]
    n_components = means.shape[1]
    q = np.empty(_TILE, means.dtype)
    lanes = np.empty(LANES, means.dtype)
    y = np.empty(m, means.dtype)
    gradient = np.empty(m, np.float64)
    shift = np.empty(m, means.dtype)
    hessian = np.empty((m, m), np.float64)
    for point in range(start, stop):
        _locate(x, point, centre, whiten, y)
        top = -np.inf
        mass = 0.0
        gradient[:] = 0.0
        for lo in range(0, n_components, _TILE):
            n = min(_TILE, n_components - lo)
            _isotropic_exponents(q, lo, n, y, log2c, means, half)
            highest = np.float64(_maximum(q, n, lanes))
            if highest > top:
                factor = 2.0 ** (top - highest)
                mass *= factor
                for i in range(m):
                    gradient[i] *= factor
                top = highest
            mass += _exp2_tile(q, n, top, single)
            if order >= 1:
                _isotropic_gradient(q, lo, n, y, means, precision, gradient)
        logpdf[point] = _LN2 * (top + math.log2(mass))
        if order >= 1:
            for i in range(m):
                gradient[i] /= mass
                shift[i] = gradient[i]
            if order >= 2:
                hessian[:, :] = 0.0
                for lo in range(0, n_components, _TILE):
                    n = min(_TILE, n_components - lo)
                    if n_components > _TILE:
                        _isotropic_exponents(q, lo, n, y, log2c, means, half)
                        _exp2_tile(q, n, top, single)
                    _isotropic_hessian(q, lo, n, y, means, precision, shift, hessian)
                for i in range(m):
                    for j in range(i + 1):
                        hessian[i, j] /= mass
            _map_back(point, whiten, gradient, hessian, order >= 2, score, jacobian)


@kernel
def _general_exponents(q, v, z, lo, n, y, log2c, means, factors):
    # z = F (mean - y) with F lower triangular, q = log2c - |z|², and v = Fᵀz, which is half the
    # gradient of the exponent, in base 2. Row i of F gives z_i, and with it all it adds to v and q:
    # one vector z of the tile's length serves all rows. In the plane everything is in one loop.
    m = y.size
    c = log2c[lo : lo + n]
    if m == 2:
        y0, y1 = y[0], y[1]
        m0, m1 = means[0][lo : lo + n], means[1][lo : lo + n]
        f0, f1 = factors[0][lo : lo + n], factors[1][lo : lo + n]
        f2 = factors[2][lo : lo + n]
        v0, v1 = v[0], v[1]
        for k in range(n):
            d0 = m0[k] - y0
            z0 = f0[k] * d0
            z1 = f1[k] * d0 + f2[k] * (m1[k] - y1)
            q[k] = c[k] - (z0 * z0 + z1 * z1)
            v0[k] = f0[k] * z0 + f1[k] * z1
            v1[k] = f2[k] * z1
        return
    for k in range(n):
        q[k] = c[k]
    for i in range(m):
        vi = v[i]
        for k in range(n):
            vi[k] = 0.0
    row = 0
    for i in range(m):
        for k in range(n):
            z[k] = 0.0
        for j in range(i + 1):
            yj = y[j]
            mj = means[j][lo : lo + n]
            f = factors[row + j][lo : lo + n]
            for k in range(n):
                z[k] += f[k] * (mj[k] - yj)
        for j in range(i + 1):
            vj = v[j]
            f = factors[row + j][lo : lo + n]
            for k in range(n):
                vj[k] += f[k] * z[k]
        for k in range(n):
            q[k] -= z[k] * z[k]
        row += i + 1


@kernel
def _general_gradient(e, v, n, gradient):
    zero = e[0] - e[0]
    for i in range(gradient.size):
        s = zero
        vi = v[i]
        for k in range(n):
            s += e[k] * vi[k]
        gradient[i] += s


@kernel
def _general_hessian(e, v, lo, n, precisions, shift, hessian):
    zero = e[0] - e[0]
    row = 0
    for i in range(shift.size):
        gi, vi = shift[i], v[i]
        for j in range(i + 1):
            gj, s, t = shift[j], zero, zero
            vj = v[j]
            p = precisions[row][lo : lo + n]
            for k in range(n):
                s += e[k] * (vi[k] - gi) * (vj[k] - gj)
                t += e[k] * p[k]
            hessian[i, j] += s / (HALF_LOG2E * HALF_LOG2E) - t
            row += 1


@kernel
def general(
    start,
    stop,
    x,
    centre,
    whiten,
    log2c,
    means,
    factors,
    precisions,
    single,
    order,
    logpdf,
    score,
    jacobian,
):
    """Mixture with a covariance of its own in each component, y = whiten (x - centre).

    factors (m(m+1)/2, Kp): rows (i, j <= i) of the lower triangular F_k with
    F_kᵀF_k = HALF_LOG2E Σ_k⁻¹; precisions: Σ_k⁻¹ in the same layout (order 2 only). All else as in
    ``isotropic``.
    """
    # As in ``isotropic``, tile by tile with a running top: q_k = log2c_k − |F_k (m_k − y)|², and
    # the score is the mean by shares 2^{q_k} of v_k / HALF_LOG2E. The Hessian is the covariance of
    # these under the shares less the mean precision, deviations from the score first, in a second
    # sweep.
    m = means.shape[0]
    n_components = means.shape[1]
    q = np.empty(_TILE, means.dtype)
    z = np.empty(_TILE, means.dtype)
    v = np.empty((m, _TILE), means.dtype)
    lanes = np.empty(LANES, means.dtype)
    y = np.empty(m, means.dtype)
    shift = np.empty(m, means.dtype)
    gradient = np.empty(m, np.float64)
    hessian = np.empty((m, m), np.float64)
    for point in range(start, stop):
        _locate(x, point, centre, whiten, y)
        top = -np.inf
        mass = 0.0
        gradient[:] = 0.0
        for lo in range(0, n_components, _TILE):
            n = min(_TILE, n_components - lo)
            _general_exponents(q, v, z, lo, n, y, log2c, means, factors)
            highest = np.float64(_maximum(q, n, lanes))
            if highest > top:
                factor = 2.0 ** (top - highest)
                mass *= factor
                for i in range(m):
                    gradient[i] *= factor
                top = highest
            mass += _exp2_tile(q, n, top, single)
            if order >= 1:
                _general_gradient(q, v, n, gradient)
        logpdf[point] = _LN2 * (top + math.log2(mass))
        if order >= 1:
            for i in range(m):
                gradient[i] /= mass
                shift[i] = gradient[i]
                gradient[i] /= HALF_LOG2E
            if order >= 2:
                hessian[:, :] = 0.0
                for lo in range(0, n_components, _TILE):
                    n = min(_TILE, n_components - lo)
                    if n_components > _TILE:
                        _general_exponents(q, v, z, lo, n, y, log2c, means, factors)
                        _exp2_tile(q, n, top, single)
                    _general_hessian(q, v, lo, n, precisions, shift, hessian)
                for i in range(m):
                    for j in range(i + 1):
                        hessian[i, j] /= mass
            _map_back(point, whiten, gradient, hessian, order >= 2, score, jacobian)
