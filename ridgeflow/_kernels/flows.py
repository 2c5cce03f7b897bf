"""Trajectories in the score of a Gaussian mixture that cools, each particle with steps of its own.

The law at time t has the covariances Σ_k − 2tI, diagonal after the rotation of each component.
Steps are taken in the clock s = −log(1 − t/t_max), in which the narrowest component shrinks at a
constant rate: its variance is 2 t_max e^{−s}, without cancellation. ``BLOCK`` particles advance
side by side, in the lanes of vector registers, at times of their own; one that has arrived makes
room for the next. Tables (rows, BLOCK) are flat arrays here.
"""

from __future__ import annotations

import math

import numpy as np

from ridgeflow._kernels._jit import kernel
from ridgeflow._kernels.elementary import DROP, reduced
from ridgeflow._kernels.vectors import choose, fma, full, lanes, load, store

__all__ = ["BLOCK", "flow_particles", "isotropic_drift", "mixture_drift"]

BLOCK = 32
# Exponents below: e to it, and what is made of it, are normal numbers that add nothing.
_LEAST = -650.0
# Beyond so many variables products of inverse deviations may overflow: their logarithms are added.
_FACTORS = 16
# Rounding of the divergence, a difference of terms of the size of the squared score.
_ROUNDING = 16 * 2.2e-16


@kernel
def mixture_drift(
    x, rest, heat, weights, means, turns, excess, z, s, exponent, amplitude, slope, base, whole
):
    """slope[base:] <- m rows ∇log μ_t(x) dt/ds of each particle, and if ``whole`` its divergence.

    x (m or more, BLOCK), rest (BLOCK,) e^{−s}; heat 2 t_max; weights (K,), means (m, K), excess
    (m, K) variances less 2 t_max; turns (m, m, K) with z_k = turns_k (x - m_k), or empty where no
    component needs one. Work space z, s (m, K, BLOCK), exponent, amplitude (K, BLOCK): weight over
    root determinant, or twice its logarithm.
    """
    # Component k has the variances v_ki = excess_ik + heat e^{−s}. With
    # z_ki = (turns_k (x − m_k))_i / v_ki and shares ~ w_k Π_i v_ki^{−1/2} exp(−½ Σ_i v_ki z_ki²):
    # ∇log μ = −Σ_k share_k turns_kᵀ z_k, Δlog μ = Σ_k share_k (|z_k|² − Σ_i 1/v_ki) − |∇log μ|².
    # 1/v comes first, for all lanes; then, register by register, exponents, shares relative to the
    # least of them, so that the largest exponential is 1, and means. Both are multiplied by dt/ds.
    m, n = means.shape
    # Loops of unknown length run in vector registers; known ones would be taken apart before.
    width = len(rest)
    turned = turns.size > 0
    logarithms = m > _FACTORS
    for k in range(n):
        for p in range(width):
            amplitude[k * width + p] = 0.0 if logarithms else 1.0
        for i in range(m):
            row = (i * n + k) * width
            cold = excess[i, k]
            for p in range(width):
                inverse = 1.0 / (cold + heat * rest[p])
                s[row + p] = inverse
                if logarithms:
                    amplitude[k * width + p] += math.log(inverse)
                else:
                    amplitude[k * width + p] *= inverse
        weight = weights[k]
        for p in range(width):
            value = amplitude[k * width + p]
            if logarithms:
                amplitude[k * width + p] = 2.0 * math.log(weight) + value
            else:
                amplitude[k * width + p] = weight * math.sqrt(value)
    for at in range(0, width, lanes(rest)):
        least = full(rest, math.inf)
        for k in range(n):
            q = full(rest, 0.0)
            for i in range(m):
                row = (i * n + k) * width + at
                if turned:
                    distance = full(rest, 0.0)
                    for j in range(m):
                        gap = load(x, j * width + at) - means[j, k]
                        distance = fma(gap, turns[i, j, k], distance)
                else:
                    distance = load(x, i * width + at) - means[i, k]
                scaled = distance * load(s, row)
                q = fma(distance, scaled, q)
                store(z, row, scaled)
            if logarithms:
                q = q - load(amplitude, k * width + at)
            store(exponent, k * width + at, q)
            least = choose(q < least, q, least)
        mass, spread = full(rest, 0.0), full(rest, 0.0)
        for k in range(n):
            gap = 0.5 * (least - load(exponent, k * width + at))
            part, power = reduced(choose(gap < _LEAST, _LEAST, gap))
            share = fma(part, power, power)
            if not logarithms:
                share = share * load(amplitude, k * width + at)
            mass = mass + share
            store(exponent, k * width + at, share)
            if whole:
                for i in range(m):
                    row = (i * n + k) * width + at
                    scaled = load(z, row)
                    spread = fma(share, fma(scaled, scaled, -load(s, row)), spread)
        factor = 1.0 / mass
        rate = load(rest, at) * (0.5 * heat)
        spread = spread * factor
        for j in range(m):
            pull = full(rest, 0.0)
            for k in range(n):
                share = load(exponent, k * width + at)
                if turned:
                    for i in range(m):
                        row = (i * n + k) * width + at
                        pull = fma(share * turns[i, j, k], load(z, row), pull)
                else:
                    pull = fma(share, load(z, (j * n + k) * width + at), pull)
            pull = pull * factor
            spread = fma(-pull, pull, spread)
            store(slope, base + j * width + at, -(pull * rate))
        if whole:
            store(slope, base + m * width + at, spread * rate)


@kernel
def isotropic_drift(
    x, rest, heat, weights, means, excess, s, exponent, amplitude, slope, base, whole
):
    """As ``mixture_drift`` for excess (K,), the same on all axes, or (1,), shared by all."""
    # With v_k = excess_k + heat e^{−s} and q_k = |x − m_k|²/v_k, shares are ~ w_k v_k^{−m/2}
    # exp(−q_k/2): ∇log μ = −Σ_k share_k (x − m_k)/v_k and Δlog μ = Σ_k share_k (q_k − m)/v_k −
    # |∇log μ|². There is no table z: differences are formed again. Powers of v_k are products, or
    # logarithms where these overflow; they cancel where v is shared.
    m, n = means.shape
    width = len(rest)
    shared = len(excess) == 1
    for k in range(len(excess)):
        cold = excess[k]
        for p in range(width):
            s[k * width + p] = 1.0 / (cold + heat * rest[p])
    logarithms = m > _FACTORS and not shared
    if not shared:
        for k in range(n):
            weight = weights[k]
            for p in range(width):
                inverse = s[k * width + p]
                if logarithms:
                    value = 2.0 * math.log(weight) + m * math.log(inverse)
                else:
                    value = weight * (math.sqrt(inverse) if m % 2 == 1 else 1.0)
                    for _ in range(m // 2):
                        value *= inverse
                amplitude[k * width + p] = value
    for at in range(0, width, lanes(rest)):
        inverse = load(s, at)
        least = full(rest, math.inf)
        for k in range(n):
            square = full(rest, 0.0)
            for i in range(m):
                gap = load(x, i * width + at) - means[i, k]
                square = fma(gap, gap, square)
            if not shared:
                inverse = load(s, k * width + at)
            q = square * inverse
            if logarithms:
                q = q - load(amplitude, k * width + at)
            store(exponent, k * width + at, q)
            least = choose(q < least, q, least)
        mass, spread = full(rest, 0.0), full(rest, 0.0)
        for k in range(n):
            q = load(exponent, k * width + at)
            gap = 0.5 * (least - q)
            part, power = reduced(choose(gap < _LEAST, _LEAST, gap))
            share = fma(part, power, power)
            if shared:
                share = share * weights[k]
            else:
                inverse = load(s, k * width + at)
                if logarithms:
                    q = q + load(amplitude, k * width + at)
                else:
                    share = share * load(amplitude, k * width + at)
            mass = mass + share
            share = share * inverse
            store(exponent, k * width + at, share)
            if whole:
                spread = fma(share, q - 1.0 * m, spread)
        factor = 1.0 / mass
        rate = load(rest, at) * (0.5 * heat)
        spread = spread * factor
        for j in range(m):
            pull = full(rest, 0.0)
            place = load(x, j * width + at)
            for k in range(n):
                pull = fma(load(exponent, k * width + at), place - means[j, k], pull)
            pull = pull * factor
            spread = fma(-pull, pull, spread)
            store(slope, base + j * width + at, -(pull * rate))
        if whole:
            store(slope, base + m * width + at, spread * rate)


@kernel
def _drift(
    x, rest, heat, weights, means, turns, excess, z, s, exponent, amplitude, slope, base, whole
):
    # Only one of them is compiled.
    if excess.ndim == 1:
        isotropic_drift(
            x, rest, heat, weights, means, excess, s, exponent, amplitude, slope, base, whole
        )
    else:
        mixture_drift(
            x, rest, heat, weights, means, turns, excess, z, s, exponent, amplitude, slope, base,
            whole,
        )  # fmt: skip


@kernel
def _errors(y, trial, slope, step, errors, m, size, rest, heat, rtol, atol, error):
    """error (BLOCK,) <- square of each particle's error, in units of its tolerance.

    Far out, the log-volume carries the rounding of the squares whose difference its slope is, as
    the log-density does to which it is added: that much is no error of the step.
    """
    width = len(step)
    last = len(errors) - 1
    for at in range(0, width, lanes(step)):
        total = full(step, 0.0)
        square = full(step, 0.0)
        for i in range(size):
            value = full(step, 0.0)
            for stage in range(len(errors)):
                value = fma(load(slope, (stage * size + i) * width + at), errors[stage], value)
            old, new = abs(load(y, i * width + at)), abs(load(trial, i * width + at))
            scale = fma(choose(old > new, old, new), rtol, full(step, atol))
            if i < m:
                speed = load(slope, (last * size + i) * width + at)
                square = fma(speed, speed, square)
            else:
                moved = abs(load(step, at)) * square / (load(rest, at) * (0.5 * heat))
                scale = fma(moved, _ROUNDING, scale)
            ratio = load(step, at) * value / scale
            total = fma(ratio, ratio, total)
        store(error, at, total * (1.0 / size))


@kernel
def _stage(y, slope, clock, step, rows, nodes, stage, size, trial, rest):
    """trial <- y + step Σ rows[stage] slope, and rest <- e^{−s} at the stage's clock."""
    width = len(step)
    for at in range(0, width, lanes(step)):
        taken = load(step, at)
        part, power = reduced(-fma(taken, nodes[stage], load(clock, at)))
        store(rest, at, fma(part, power, power) * DROP)
        for i in range(size):
            total = full(step, 0.0)
            for before in range(stage):
                place = (before * size + i) * width + at
                total = fma(load(slope, place), rows[stage, before], total)
            store(trial, i * width + at, fma(taken, total, load(y, i * width + at)))


@kernel
def _report(y, slope, clock, step, dense, p, size, marks, mark, reached, path, particle):
    """Interpolate the step of lane p at the marks within it; returns the next mark."""
    width, stages = len(step), dense.shape[0]
    sign = 1.0 if step[p] >= 0.0 else -1.0
    while mark < len(marks) and sign * (reached - marks[mark]) >= 0.0:
        theta = (marks[mark] - clock[p]) / step[p]
        for i in range(size):
            value = 0.0
            for stage in range(stages):
                share = 0.0
                for degree in range(dense.shape[1] - 1, -1, -1):
                    share = (share + dense[stage, degree]) * theta
                value += share * slope[(stage * size + i) * width + p]
            path[mark, particle, i] = y[i * width + p] + step[p] * value
        mark += 1
    return mark


@kernel
def flow_particles(
    start, stop, states, begin, start_step, most, counts, weights, means, turns, excess, heat,
    marks, rtol, atol, rows, nodes, errors, dense, path,
):  # fmt: skip
    """Carry states (n, m + 1), points and log-volumes, or (n, m), from ``begin`` to the marks.

    path (len(marks), n, m + 1 or m) <- the states at the marks, clocks that go one way; they are
    interpolated, by dense (S, degree), but for the last one. excess (m, K), or (K,) where axes
    have the same, or (1,) where components have too. start_step: first step of every particle.
    counts (n, 2) gains evaluations and the clock reached: the last mark, but for a particle that
    got stuck or needs more than ``most`` evaluations. rows (S, S), nodes (S,), errors (S,): a
    Runge-Kutta pair whose last stage is the first of the next step.
    """
    # Each pass of the loop tries one step in every lane. Where no particle waits, it first takes in
    # a block of them with their first slopes (stage 0), for lanes that fall free. A step whose
    # error is at most 1 is kept: the marks it passed are interpolated, and its last slope is the
    # first of the next. That is 0.9 error^{-1/5} times as long, but between a tenth and five times.
    m, n = means.shape
    size = states.shape[1]
    whole = size > m
    stages = len(nodes)
    isotropic = excess.ndim == 1
    z = np.empty(0 if isotropic else m * n * BLOCK)
    s = np.empty((1 if isotropic else m) * n * BLOCK)
    exponent, amplitude = np.empty(n * BLOCK), np.empty(n * BLOCK)
    # The slopes of those that wait follow the stages.
    slope = np.zeros((stages + 1) * size * BLOCK)
    y, trial, waiting = np.zeros(size * BLOCK), np.zeros(size * BLOCK), np.zeros(size * BLOCK)
    clock, step, error = np.full(BLOCK, begin), np.zeros(BLOCK), np.empty(BLOCK)
    h, rest = np.zeros(BLOCK), np.empty(BLOCK)
    held, mark = np.full(BLOCK, -1), np.zeros(BLOCK, np.int64)
    end = marks[-1]
    # Not a constant: the loops over lanes would be taken apart.
    width = len(step)
    sign = 1.0 if end >= begin else -1.0
    spare = stages * size * width
    following, first, count, active = start, start, 0, 0
    while True:
        look = first + count == following and following < stop
        if look:
            # The first slopes of the next particles, a block at once.
            first, count = following, min(width, stop - following)
            for p in range(width):
                for i in range(size):
                    waiting[i * width + p] = states[first + min(p, count - 1), i]
        # One call of the drift in all: it is large, and each call would be compiled in place.
        for stage in range(0 if look else 1, stages):
            if stage == 0:
                for at in range(size * width):
                    trial[at] = waiting[at]
                for p in range(width):
                    rest[p] = math.exp(-begin)
            else:
                if stage == 1:
                    for p in range(width):
                        if held[p] < 0 and following < first + count:
                            held[p], mark[p] = following, 0
                            for i in range(size):
                                at = i * width + following - first
                                y[i * width + p] = waiting[at]
                                slope[i * width + p] = slope[spare + at]
                            clock[p], h[p] = begin, start_step
                            following += 1
                            active += 1
                        # A lane without a particle stands still.
                        step[p] = 0.0
                        if held[p] >= 0:
                            last = sign * (clock[p] + 1.0000001 * h[p] - end) >= 0.0
                            step[p] = end - clock[p] if last else h[p]
                    if active == 0:
                        return
                _stage(y, slope, clock, step, rows, nodes, stage, size, trial, rest)
            _drift(
                trial, rest, heat, weights, means, turns, excess, z, s, exponent, amplitude, slope,
                (stage if stage > 0 else stages) * size * width, whole,
            )  # fmt: skip
        _errors(y, trial, slope, step, errors, m, size, rest, heat, rtol, atol, error)
        for p in range(width):
            particle = held[p]
            if particle < 0:
                continue
            counts[particle, 0] += stages - 1
            last = abs(clock[p] + step[p] - end) <= 1e-15 * abs(end)
            accepted = error[p] <= 1.0
            if accepted:
                reached = end if last else clock[p] + step[p]
                mark[p] = _report(
                    y, slope, clock, step, dense, p, size, marks, mark[p], reached, path, particle
                )
                clock[p] = reached
                for i in range(size):
                    at = i * width + p
                    y[at] = trial[at]
                    slope[at] = slope[(stages - 1) * size * width + at]
            # Not a number counts as far too large.
            factor = 0.1
            if error[p] == error[p]:
                # The square of the error to the power -1/10, in single precision.
                power = np.float32(error[p] + 1e-20) ** np.float32(-0.1)
                factor = min(5.0, max(0.1, float(0.9 * power)))
            h[p] = sign * abs(step[p]) * factor
            stuck = abs(h[p]) <= 1e-15 * max(abs(begin), abs(end)) or counts[particle, 0] >= most
            if (accepted and last) or stuck:
                for i in range(size):
                    path[len(marks) - 1, particle, i] = y[i * width + p]
                counts[particle, 1] = clock[p]
                held[p] = -1
                active -= 1
