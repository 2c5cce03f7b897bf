"""Trajectories in the score of a Gaussian mixture that cools, each particle with steps of its own.

The law at time t has the covariances Σ_k − 2tI, diagonal after the rotation of each component.
Components are the contiguous axis of every table; those that pad it have weight 0.
"""

from __future__ import annotations

import math

import numpy as np

from ridgeflow._kernels._jit import kernel
from ridgeflow._kernels.mixtures import HALF_LOG2E, exp2_double

__all__ = ["flow_particles", "mixture_drift"]


@kernel
def mixture_drift(x, t, weights, means, turns, variances, z, s, exponent, amplitude, slope, stage):
    """slope[stage, :m] <- ∇log μ_t(x), slope[stage, m] <- its divergence.

    weights (K,), means (m, K), variances (m, K); turns (m, m, K) with z_k = turns_k (x - m_k), or
    empty where no component needs one. Work space z, s (m, K), exponent, amplitude (K,). Rows of
    arrays are never taken as arrays of their own: counting references would cost more than a row.
    """
    m, n = means.shape
    turned = turns.size > 0
    for k in range(n):
        # Padding must not be the largest.
        exponent[k] = 0.0 if weights[k] > 0.0 else -1e300
        amplitude[k] = 1.0
    for i in range(m):
        if turned:
            for k in range(n):
                z[i, k] = 0.0
            for j in range(m):
                xj = x[j]
                for k in range(n):
                    z[i, k] += turns[i, j, k] * (xj - means[j, k])
        else:
            xi = x[i]
            for k in range(n):
                z[i, k] = xi - means[i, k]
        for k in range(n):
            inverse = 1.0 / (variances[i, k] - 2.0 * t)
            s[i, k] = inverse
            exponent[k] -= HALF_LOG2E * z[i, k] * z[i, k] * inverse
            amplitude[k] *= inverse
    top = -math.inf
    for k in range(n):
        top = max(top, exponent[k])
    exp2_double(exponent, n, top)
    total = 0.0
    for k in range(n):
        exponent[k] *= weights[k] * math.sqrt(amplitude[k])
        total += exponent[k]
    inverse = 1.0 / total
    for k in range(n):
        amplitude[k] = 0.0
    for i in range(m):
        for k in range(n):
            scaled = z[i, k] * s[i, k]
            z[i, k] = scaled
            amplitude[k] += scaled * scaled - s[i, k]
    divergence = 0.0
    for k in range(n):
        exponent[k] *= inverse
        divergence += exponent[k] * amplitude[k]
    for j in range(m):
        value = 0.0
        if turned:
            for i in range(m):
                for k in range(n):
                    value -= exponent[k] * turns[i, j, k] * z[i, k]
        else:
            for k in range(n):
                value -= exponent[k] * z[j, k]
        slope[stage, j] = value
        divergence -= value * value
    slope[stage, m] = divergence


@kernel
def flow_particles(
    start, stop, states, steps, counts, weights, means, turns, variances, t0, t1, rtol, atol,
    rows, nodes, errors,
):  # fmt: skip
    """Carry states (n, m + 1), points and log-volumes, from t0 to t1.

    steps (n,): first step of each particle, and the last one after; 0 marks a particle that got
    stuck, with the time it reached in counts[:, 1]. counts (n, 2) gains evaluations. rows (S, S),
    nodes (S,), errors (S,): a Runge-Kutta pair whose last stage is the first of the next step.
    """
    m, n = means.shape
    size = m + 1
    stages = len(nodes)
    z, s = np.empty((m, n)), np.empty((m, n))
    exponent, amplitude = np.empty(n), np.empty(n)
    slope = np.empty((stages, size))
    trial, y = np.empty(size), np.empty(size)
    sign = 1.0 if t1 >= t0 else -1.0
    for p in range(start, stop):
        for i in range(size):
            y[i] = states[p, i]
        t, h = t0, steps[p]
        mixture_drift(y, t, weights, means, turns, variances, z, s, exponent, amplitude, slope, 0)
        evaluations = 1
        while sign * (t1 - t) > 0.0:
            last = sign * (t + 1.0000001 * h - t1) >= 0.0
            step = t1 - t if last else h
            for stage in range(1, stages):
                for i in range(size):
                    value = 0.0
                    for before in range(stage):
                        value += rows[stage, before] * slope[before, i]
                    trial[i] = y[i] + step * value
                mixture_drift(
                    trial, t + nodes[stage] * step, weights, means, turns, variances, z, s,
                    exponent, amplitude, slope, stage,
                )  # fmt: skip
            evaluations += stages - 1
            error = 0.0
            for i in range(size):
                value = 0.0
                for stage in range(stages):
                    value += errors[stage] * slope[stage, i]
                scale = atol + rtol * max(abs(y[i]), abs(trial[i]))
                error += (step * value / scale) ** 2
            error = math.sqrt(error / size)
            if error <= 1.0:
                t = t1 if last else t + step
                for i in range(size):
                    y[i] = trial[i]
                    slope[0, i] = slope[stages - 1, i]
            # Not a number counts as far too large.
            factor = 0.1
            if error == error:
                factor = min(5.0, max(0.1, 0.9 * (error + 1e-10) ** -0.2))
            # A step cut short at the end says little about the next one.
            kept = abs(h) if error <= 1.0 and last else 0.0
            h = sign * max(kept, abs(step) * factor)
            if abs(h) <= 1e-15 * max(abs(t0), abs(t1)):
                h = 0.0
                break
        for i in range(size):
            states[p, i] = y[i]
        steps[p] = h
        counts[p, 0] += evaluations
        counts[p, 1] = t
