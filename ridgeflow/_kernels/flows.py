"""Trajectories in the score of a Gaussian mixture that cools, each particle with steps of its own.

The law at time t has the covariances Σ_k − 2tI, diagonal after the rotation of each component.
``BLOCK`` particles advance side by side, in the lanes of vector registers, at times of their own;
one that has arrived makes room for the next.
"""

from __future__ import annotations

import math

import numpy as np

from ridgeflow._kernels._jit import kernel
from ridgeflow._kernels.mixtures import HALF_LOG2E, exp2_double

__all__ = ["BLOCK", "flow_particles", "isotropic_drift", "mixture_drift"]

BLOCK = 32


@kernel
def mixture_drift(
    x, t, weights, means, turns, variances, z, s, exponent, amplitude, lane, slope, stage
):
    """slope[stage, :m] <- ∇log μ_t(x) of each particle, slope[stage, m] <- its divergence.

    x (m + 1, BLOCK), t (BLOCK,); weights (K,), means (m, K), variances (m, K); turns (m, m, K) with
    z_k = turns_k (x - m_k), or empty where no component needs one. Work space z, s (m, K, BLOCK),
    exponent, amplitude (K, BLOCK), lane (3, BLOCK).
    """
    m, n = means.shape
    # Loops of unknown length run in vector registers; known ones would be taken apart before.
    width = len(t)
    turned = turns.size > 0
    for k in range(n):
        for p in range(width):
            exponent[k, p] = 0.0
            amplitude[k, p] = 1.0
    for i in range(m):
        for k in range(n):
            variance = variances[i, k]
            if turned:
                for p in range(width):
                    z[i, k, p] = 0.0
                for j in range(m):
                    row, mean = turns[i, j, k], means[j, k]
                    for p in range(width):
                        z[i, k, p] += row * (x[j, p] - mean)
            else:
                mean = means[i, k]
                for p in range(width):
                    z[i, k, p] = x[i, p] - mean
            for p in range(width):
                inverse = 1.0 / (variance - 2.0 * t[p])
                s[i, k, p] = inverse
                exponent[k, p] -= HALF_LOG2E * z[i, k, p] * z[i, k, p] * inverse
                amplitude[k, p] *= inverse
    for p in range(width):
        lane[0, p] = exponent[0, p]
    for k in range(1, n):
        for p in range(width):
            lane[0, p] = max(lane[0, p], exponent[k, p])
    for k in range(n):
        for p in range(width):
            exponent[k, p] -= lane[0, p]
    exp2_double(exponent.reshape(-1), n * width, 0.0)
    for p in range(width):
        lane[1, p] = 0.0
    for k in range(n):
        weight = weights[k]
        for p in range(width):
            exponent[k, p] *= weight * math.sqrt(amplitude[k, p])
            lane[1, p] += exponent[k, p]
    for p in range(width):
        lane[1, p] = 1.0 / lane[1, p]
        lane[2, p] = 0.0
    for i in range(m):
        for k in range(n):
            for p in range(width):
                scaled = z[i, k, p] * s[i, k, p]
                z[i, k, p] = scaled
                lane[2, p] += exponent[k, p] * (scaled * scaled - s[i, k, p])
    for j in range(m):
        for p in range(width):
            slope[stage, j, p] = 0.0
        for i in range(m if turned else 1):
            for k in range(n):
                row = turns[i, j, k] if turned else 1.0
                axis = i if turned else j
                for p in range(width):
                    slope[stage, j, p] -= row * exponent[k, p] * z[axis, k, p]
        for p in range(width):
            slope[stage, j, p] *= lane[1, p]
    for p in range(width):
        slope[stage, m, p] = lane[2, p] * lane[1, p]
    for j in range(m):
        for p in range(width):
            slope[stage, m, p] -= slope[stage, j, p] * slope[stage, j, p]


@kernel
def isotropic_drift(x, t, weights, means, variances, square, s, exponent, lane, slope, stage):
    """As ``mixture_drift`` for variances (1, K), the same on all axes, or (1, 1), shared by all.

    Work space square, exponent (K, BLOCK), s (K or more, BLOCK), lane (3, BLOCK).
    """
    m, n = means.shape
    width = len(t)
    shared = variances.shape[1] == 1
    for k in range(variances.shape[1]):
        variance = variances[0, k]
        for p in range(width):
            s[k, p] = 1.0 / (variance - 2.0 * t[p])
    for k in range(n):
        own = 0 if shared else k
        for p in range(width):
            square[k, p] = 0.0
        for i in range(m):
            mean = means[i, k]
            for p in range(width):
                square[k, p] += (x[i, p] - mean) * (x[i, p] - mean)
        for p in range(width):
            exponent[k, p] = -HALF_LOG2E * square[k, p] * s[own, p]
    for p in range(width):
        lane[0, p] = exponent[0, p]
    for k in range(1, n):
        for p in range(width):
            lane[0, p] = max(lane[0, p], exponent[k, p])
    for k in range(n):
        for p in range(width):
            exponent[k, p] -= lane[0, p]
    exp2_double(exponent.reshape(-1), n * width, 0.0)
    for p in range(width):
        lane[1, p] = 0.0
        lane[2, p] = 0.0
    for j in range(m):
        for p in range(width):
            slope[stage, j, p] = 0.0
    for k in range(n):
        weight = weights[k]
        own = 0 if shared else k
        if not shared:
            for _ in range(m // 2):
                for p in range(width):
                    exponent[k, p] *= s[k, p]
            if m % 2 == 1:
                for p in range(width):
                    exponent[k, p] *= math.sqrt(s[k, p])
        for p in range(width):
            share = weight * exponent[k, p]
            lane[1, p] += share
            share *= s[own, p]
            exponent[k, p] = share
            lane[2, p] += share * (square[k, p] * s[own, p] - m)
        for j in range(m):
            mean = means[j, k]
            for p in range(width):
                slope[stage, j, p] -= exponent[k, p] * (x[j, p] - mean)
    for p in range(width):
        lane[1, p] = 1.0 / lane[1, p]
        slope[stage, m, p] = lane[2, p] * lane[1, p]
    for j in range(m):
        for p in range(width):
            slope[stage, j, p] *= lane[1, p]
            slope[stage, m, p] -= slope[stage, j, p] * slope[stage, j, p]


@kernel
def _drift(x, t, weights, means, turns, variances, z, s, exponent, amplitude, lane, slope, stage):
    if variances.shape[0] < means.shape[0] or variances.shape[1] < means.shape[1]:
        isotropic_drift(x, t, weights, means, variances, z[0], s[0], exponent, lane, slope, stage)
    else:
        mixture_drift(
            x, t, weights, means, turns, variances, z, s, exponent, amplitude, lane, slope, stage
        )


@kernel
def flow_particles(
    start, stop, states, steps, counts, weights, means, turns, variances, t0, t1, rtol, atol,
    rows, nodes, errors,
):  # fmt: skip
    """Carry states (n, m + 1), points and log-volumes, from t0 to t1.

    variances (m, K), or (1, K) where axes have the same, or (1, 1) where components have too.
    steps (n,): first step of each particle, and the last one after; 0 marks a particle that got
    stuck, with the time it reached in counts[:, 1]. counts (n, 2) gains evaluations. rows (S, S),
    nodes (S,), errors (S,): a Runge-Kutta pair whose last stage is the first of the next step.
    """
    m, n = means.shape
    size = m + 1
    stages = len(nodes)
    z, s = np.empty((m, n, BLOCK)), np.empty((m, n, BLOCK))
    exponent, amplitude = np.empty((n, BLOCK)), np.empty((n, BLOCK))
    lane = np.empty((3, BLOCK))
    slope = np.zeros((stages, size, BLOCK))
    y, trial = np.zeros((size, BLOCK)), np.zeros((size, BLOCK))
    time, now, h, step = np.full(BLOCK, t0), np.empty(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
    held = np.full(BLOCK, -1)
    sign = 1.0 if t1 >= t0 else -1.0
    following, active = start, 0
    while True:
        fresh = False
        for p in range(BLOCK):
            if held[p] < 0 and following < stop:
                held[p] = following
                for i in range(size):
                    y[i, p] = states[following, i]
                time[p], h[p] = t0, steps[following]
                following += 1
                active += 1
                fresh = True
            elif held[p] < 0:
                # An empty lane repeats a particle that stands still.
                step[p] = 0.0
        if active == 0:
            return
        for p in range(BLOCK):
            if held[p] >= 0:
                last = sign * (time[p] + 1.0000001 * h[p] - t1) >= 0.0
                step[p] = t1 - time[p] if last else h[p]
        # One call of the drift in all: it is large, and each call would be compiled in place.
        for stage in range(0 if fresh else 1, stages):
            for i in range(size):
                for p in range(BLOCK):
                    trial[i, p] = 0.0
                for before in range(stage):
                    row = rows[stage, before]
                    for p in range(BLOCK):
                        trial[i, p] += row * slope[before, i, p]
                for p in range(BLOCK):
                    trial[i, p] = y[i, p] + step[p] * trial[i, p]
            for p in range(BLOCK):
                now[p] = time[p] + nodes[stage] * step[p]
            _drift(
                trial, now, weights, means, turns, variances, z, s, exponent, amplitude, lane,
                slope, stage,
            )  # fmt: skip
        for p in range(BLOCK):
            if held[p] < 0:
                continue
            error = 0.0
            for i in range(size):
                value = 0.0
                for stage in range(stages):
                    value += errors[stage] * slope[stage, i, p]
                scale = atol + rtol * max(abs(y[i, p]), abs(trial[i, p]))
                error += (step[p] * value / scale) ** 2
            error = math.sqrt(error / size)
            counts[held[p], 0] += stages - 1
            last = abs(time[p] + step[p] - t1) <= 1e-15 * abs(t1)
            accepted = error <= 1.0
            if accepted:
                time[p] = t1 if last else time[p] + step[p]
                for i in range(size):
                    y[i, p] = trial[i, p]
                    slope[0, i, p] = slope[stages - 1, i, p]
            # Not a number counts as far too large.
            factor = 0.1
            if error == error:
                factor = min(5.0, max(0.1, 0.9 * (error + 1e-10) ** -0.2))
            # A step cut short at the end says little about the next one.
            kept = abs(h[p]) if accepted and last else 0.0
            h[p] = sign * max(kept, abs(step[p]) * factor)
            stuck = abs(h[p]) <= 1e-15 * max(abs(t0), abs(t1))
            if stuck or (accepted and last):
                for i in range(size):
                    states[held[p], i] = y[i, p]
                steps[held[p]] = 0.0 if stuck else h[p]
                counts[held[p], 1] = time[p]
                held[p] = -1
                active -= 1
