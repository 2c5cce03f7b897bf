"""Stacks against compositions; potentials, inverses and densities of one denoiser."""

from __future__ import annotations

import numpy as np
import pytest

import ridgeflow as rf

RNG = np.random.default_rng(0)
LAW = rf.GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.5]], [[0.3, 0.1], [0.1, 0.2]])
X = RNG.normal(size=(30, 2))
DECODERS = [np.array([[1.2, 0.3], [0.0, 0.8]]), np.array([[0.9, -0.4], [0.5, 1.1]]), np.eye(2)]


@pytest.mark.parametrize(
    "law",
    [
        rf.SampleField(LAW.sample(400, 1)),
        rf.GaussianMixture([1.0], [[0.3, -0.2]], [[0.5, 0.1], [0.1, 0.3]]),
    ],
    ids=["samples", "normal"],
)
def test_stacking_is_composition(law):
    stack = rf.StackedDAE(law, [0.1, 0.05, 0.08], DECODERS)
    assert np.abs(stack(X) - stack.composed(X)).max() < 1e-12  # measured 3e-15
    # Without the matching anisotropic noise the two differ.
    wrong = stack.composition[0](X)
    for step in stack.composition[1:]:
        wrong = rf.GaussianDAE(step.law, step.t)(wrong)
    assert np.abs(stack(X) - wrong).max() > 1e-3  # measured 0.02, 0.01
    assert np.abs(stack.decode(stack.encode(X, 1), 1) - stack.layers[0](X)).max() < 1e-13
    product = DECODERS[0] @ DECODERS[1]
    assert np.abs(stack.composition[2].covariance - product @ product.T).max() < 1e-14


def test_numbering_of_the_noise_by_direct_simulation():
    """A denoiser is optimal iff its residual is orthogonal to all functions of the noisy point.

    Layer l denoises z_l (z_0 = x), so in the ground space its noise is C_0 .. C_(l-1) ε: through
    the decoders in front of it, not through its own.
    """
    rng = np.random.default_rng(5)
    law = rf.SampleField(LAW.sample(60, 1))
    times = [0.1, 0.15, 0.08]
    decoders = [*DECODERS[:2], np.array([[1.5, 0.0], [-0.6, 0.7]])]
    stack = rf.StackedDAE(law, times, decoders)
    n = 100_000
    for layer in (1, 2):
        # Features that reach the layer, with its noise, seen in the ground space.
        clean = stack.encode(law.points, layer)[rng.integers(0, 60, n)]
        noisy = clean + np.sqrt(times[layer]) * rng.normal(size=(n, 2))
        ground, x = stack.decode(clean, layer), stack.decode(noisy, layer)
        product = np.linalg.multi_dot([np.eye(2), *decoders[:layer]])
        step = stack.composition[layer]
        assert np.abs(step.covariance - product @ product.T).max() < 1e-14
        through = product @ decoders[layer]
        own = rf.GaussianDAE(step.law, times[layer], covariance=through @ through.T)
        scores = []
        for dae in (step, own):
            residual = ground - dae(x)
            terms = residual[:, :, None] * np.stack([x, np.tanh(3 * x)], axis=2).reshape(n, 1, 4)
            error = terms.std(axis=0) / np.sqrt(n)
            scores.append(np.abs(terms.mean(axis=0) / error).max())
        assert scores[0] < 4  # standard errors; measured 0.9, 0.7
        assert scores[1] > 20  # measured 42, 77


def test_identity_decoders_give_the_deep_denoiser():
    law = rf.GaussianMixture([1.0], [[0.0]], 1.3)
    stack = rf.StackedDAE(law, [0.125] * 4, [np.eye(1)] * 4)
    assert np.abs(stack([[1.0]]) - 0.601809).max() < 1e-6  # theory 7, L = 4


@pytest.mark.parametrize("covariance", [None, [[0.5, 0.2], [0.2, 1.0]]])
def test_potential_inverse_and_density(covariance):
    dae = rf.GaussianDAE(LAW, 0.2, covariance=covariance)
    step, metric = 1e-5, np.linalg.inv(dae.covariance)
    for axis in range(2):
        move = step * np.eye(2)[axis]
        slope = (dae.potential(X + move) - dae.potential(X - move)) / (2 * step)
        assert np.abs(slope - (dae(X) @ metric)[:, axis]).max() < 1e-8  # measured 3e-10
    assert np.abs(dae.inverse(dae(X)) - X).max() < 1e-8  # measured 1e-11
    # The density integrates to one and has the mean of mapped samples.
    axis = np.linspace(-4, 4, 161)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    density = np.exp(dae.pushforward_logpdf(grid))
    assert abs(density.sum() * 0.05**2 - 1) < 1e-6  # measured 1e-9
    # Convexity: the Jacobian is symmetric in the metric and positive.
    jacobian = metric @ dae.jacobian(X)
    assert np.abs(jacobian - np.swapaxes(jacobian, 1, 2)).max() < 1e-12
    assert np.linalg.eigvalsh(jacobian).min() > 0


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: rf.StackedDAE(LAW, [0.1], [np.eye(2)]), ValueError, "mixture of 2 components"),
        (
            lambda: rf.StackedDAE(rf.SampleField(X), [0.1, 0.1], [np.eye(2)]),
            ValueError,
            "one matrix for each of the 2 times, got 1",
        ),
        (
            lambda: rf.StackedDAE(rf.SampleField(X), [0.1], [np.ones((2, 2))]),
            ValueError,
            "must be injective, got singular values",
        ),
        (
            lambda: rf.StackedDAE(rf.SampleField(X), [-0.1], [np.eye(2)]),
            ValueError,
            r"`times\[0\]` must be positive",
        ),
        (
            lambda: rf.GaussianDAE(rf.SampleField(X), 0.1).pushforward_logpdf(X),
            TypeError,
            "must have a density",
        ),
        (
            lambda: rf.GaussianDAE(rf.SampleField(X), 0.1).inverse([[50.0, 0.0]]),
            rf.ConvergenceError,
            "inside the image of the denoiser",
        ),
    ],
)
def test_bad_input(call, error, match):
    with pytest.raises(error, match=match):
        call()
