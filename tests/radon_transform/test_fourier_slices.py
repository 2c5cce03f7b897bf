"""Fourier slices at any wave numbers, and at low ones, against the sums."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.radon_transform.fourier_slices import FourierSlices

RNG = np.random.default_rng(0)


def slices(n, directions, components=1):
    offsets = (np.arange(n) - n // 2) * 0.01
    values = RNG.normal(size=(directions, n, components)) * np.exp(-(offsets**2))[None, :, None]
    return FourierSlices(values, offsets, np.pi / 0.01, 1.0)


def direct(found, k):
    phase = np.exp(-1j * np.outer(found.offsets, k)) * 0.01
    return np.einsum("unc,nk->ukc", found.projections, phase)


@pytest.mark.parametrize(
    ("n", "count", "directions", "components"),
    [(400, 1500, 6, 2), (3000, 2000, 2, 1), (1500, 400, 3, 1), (4, 2000, 1, 1), (7, 500, 2, 1)],
)
@pytest.mark.parametrize("budget", [2**30, 2**20])
def test_waves_between_those_of_the_transform(n, count, directions, components, budget):
    found = slices(n, directions, components)
    k = np.sort(RNG.uniform(0, 1.02 * found.band, count))  # the last ones lie beyond the band
    k[0] = 0
    k[count // 2] = found.band
    wanted = direct(found, k)
    wanted[:, k > found.band * (1 + 1e-12)] = 0
    # Less memory than the waves of two directions takes them one by one.
    with rf.config(memory_budget=budget):
        gap = np.abs(found.at(k) - wanted).max()
    assert gap < 1e-13 * np.abs(wanted).max()  # measured 2.4e-14


def test_wave_numbers_below_the_first_of_a_period():
    found = slices(500, 3, 2)
    step = 2 * np.pi / 5.0
    k = step * 2.0 ** (np.arange(-60, 0) / 4)
    wanted = direct(found, k)
    gap = np.abs(found._below(step, k) - wanted).max()
    assert gap < 1e-13 * np.abs(wanted).max()  # measured 3e-15
