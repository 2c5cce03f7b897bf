"""Every line of the page of conventions, checked."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

import ridgeflow as rf
from ridgeflow.closed_forms import (
    fourier_gaussian,
    normal_entropy,
    radon_gaussian,
    ridgelet_gaussian,
)
from ridgeflow.geometry import half_sphere_area
from ridgeflow.ridgelet.null_space import dual_transform
from ridgeflow.theorems import statements

PAGE = Path(__file__).parents[1] / "docs" / "conventions.rst"
LAW = rf.GaussianMixture([0.3, 0.7], [[-0.8, 0.2], [0.6, -0.3]], [0.2, 0.3])
LINE = rf.GaussianMixture([0.3, 0.7], [[-0.8], [0.6]], [0.2, 0.3])
X = np.array([[0.1, -0.4], [0.7, 0.2], [-0.3, 0.9]])
CHECKS = {}


def convention(words):
    """Register the check of the line of the page that begins with these words."""

    def keep(function):
        assert words not in CHECKS
        CHECKS[words] = function
        return function

    return keep


def lines():
    text = PAGE.read_text("utf-8")
    found = re.findall(r"^- (.+?)(?=^- |^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return [" ".join(line.split()) for line in found]


def test_every_line_has_a_check():
    begins = {line: [w for w in CHECKS if line.startswith(w)] for line in lines()}
    assert len(begins) >= 30
    assert {line for line, words in begins.items() if len(words) != 1} == set()
    assert len(CHECKS) == len(begins)


@convention("The input dimension is")
def shapes():
    field = rf.CallableField(lambda x: -x, 2, components=2)
    assert LAW.pdf(X).shape == (3,) and LAW.score(X).shape == (3, 2) == field(X).shape


@convention(r":math:`\hat f(\xi)")
def fourier():
    x = np.linspace(-9, 9, 2001)
    f = rf.GaussianMixture([1.0], [[0.4]], 0.3).pdf(x[:, None])
    xi = np.linspace(-14, 14, 1401)
    found = np.exp(-1j * np.outer(xi, x)) @ f * (x[1] - x[0])
    exact = fourier_gaussian(xi[:, None], [0.4], [[0.3]])
    assert np.abs(found - exact).max() < 1e-12  # measured 4e-15
    energy = (np.abs(exact) ** 2).sum() * (xi[1] - xi[0])
    assert energy == pytest.approx(2 * np.pi * (f**2).sum() * (x[1] - x[0]), rel=1e-12)


@convention(r":math:`G(z) = e^{-z^2/2}`")
def gaussians():
    z = np.linspace(-3, 3, 13)
    eta = rf.activation("gaussian")
    assert np.allclose(eta(z), np.exp(-(z**2) / 2), rtol=1e-14)
    assert np.allclose(eta.fourier(z), np.sqrt(2 * np.pi) * np.exp(-(z**2) / 2), rtol=1e-14)
    assert np.allclose(eta.derivative()(z), -z * np.exp(-(z**2) / 2), rtol=1e-13, atol=1e-15)
    # In even dimensions Λ^m G^(ℓ) is a derivative again: −G^(3) for m = 2, ℓ = 1.
    third = (3 * z - z**3) * np.exp(-(z**2) / 2)
    assert np.allclose(rf.Ridgelet(2, 1)(z), -third, atol=1e-12)


@convention("Entropy is")
def entropy_in_nats():
    assert normal_entropy([[0.5]]) == pytest.approx(0.5 * np.log(2 * np.pi * np.e * 0.5))
    assert rf.entropy(rf.GaussianMixture([1.0], [[0.0]], 0.5)).value == pytest.approx(
        normal_entropy([[0.5]]), abs=1e-9
    )


@convention(r":math:`N(\mu, \Sigma)`")
def normal_laws():
    law = rf.GaussianMixture([1.0], [[0.4, -0.2]], [[0.5, 0.1], [0.1, 0.3]])
    assert np.allclose(law.mean, [0.4, -0.2]) and np.allclose(law.cov, [[0.5, 0.1], [0.1, 0.3]])


@convention(r"A neuron is :math:`\eta(a\cdot x - b)`")
def neurons():
    net = rf.ShallowNetwork([[2.0]], [3.0], [1.0], "relu")
    assert net(np.array([[2.0]])) == pytest.approx(1.0)


@convention(r":math:`a = \rho u`")
def scales():
    grid = rf.ParameterGrid.polar(2, 3, [0.5, 2.0], 1.0, 0.5)
    length = np.linalg.norm(grid.a, axis=1)
    assert np.allclose(np.minimum(abs(length - 0.5), abs(length - 2.0)), 0, atol=1e-15)
    # Doubling the unit of x halves a.
    wide = rf.GaussianMixture(LAW.weights, 2 * LAW.means, 4 * LAW.covariances)
    one = rf.ridgelet_transform(LAW, rf.Ridgelet(2, 2), (grid.a, grid.b)).values
    other = rf.ridgelet_transform(wide, rf.Ridgelet(2, 2), (grid.a / 2, grid.b)).values
    assert np.allclose(one, other, rtol=1e-12, atol=1e-15)


@convention(":math:`p` is a Radon offset")
def offsets():
    # The neuron's ridge lies at p = b/ρ along u.
    net = rf.ShallowNetwork([[4.0]], [6.0], [1.0], "step")
    assert net(np.array([[1.49]]))[0] == 0 and net(np.array([[1.51]]))[0] == 1


@convention("Half of the directions are stored")
def half_directions():
    u, weights = rf.directions(2, 8)
    assert weights.sum() == pytest.approx(half_sphere_area(2)) == pytest.approx(np.pi)
    grid = rf.ParameterGrid.polar(2, 64, np.geomspace(1e-3, 3, 60), 1.0, 0.2)
    # ∫ exp(−|a|² − b²) da db over the plane times the line, cut at the largest scale.
    total = grid.weights @ np.exp(-(grid.a**2).sum(1) - grid.b**2)
    assert total == pytest.approx(np.pi**1.5, rel=2e-3)  # measured 4e-4
    assert (u[:, 0] >= -1e-12).all() or (u[:, 1] >= -1e-12).all()


@convention(r":math:`Rf(u,p) = \int")
def radon():
    one = np.ones((1, 9))
    found = rf.dual_radon(one, np.array([[1.0, 0.0]]), np.arange(-4.0, 5.0), X, weights=[np.pi])
    assert np.allclose(found, 2 * np.pi)  # the full circle
    value = radon_gaussian(np.array([[0.6, 0.8]]), [0.3], [0.1, 0.2], [[0.5, 0.1], [0.1, 0.3]])
    law = rf.GaussianMixture([1.0], [[0.1, 0.2]], [[0.5, 0.1], [0.1, 0.3]])

    def along(s):
        return law.pdf(np.array([[0.18 - 0.8 * s, 0.24 + 0.6 * s]]))[0]

    assert value[0, 0] == pytest.approx(quad(along, -8, 8)[0], rel=1e-9)


@convention("Fourier slices")
def slices():
    assert statements()["slice_theorem"].run().passed


@convention(r":math:`\Lambda = \sqrt{-d^2/dp^2}`")
def inversion():
    assert statements()["radon_inversion"].run().passed
    p = np.linspace(-20, 20, 2001)
    filtered = rf.filter_sinogram(np.cos(3 * p)[None] * np.exp(-(p**2) / 50)[None], p, 2)
    assert filtered[0, 1000] == pytest.approx(3, rel=1e-3)  # the symbol |k|


@convention(r":math:`R[f;\psi](a,b) = \int f(x)")
def transform():
    psi, a, b = rf.Ridgelet(1, 2), 3.0, 0.7
    found = rf.ridgelet_transform(LINE, psi, (np.array([[a]]), np.array([b]))).values[0]
    exact = quad(lambda x: LINE.pdf([[x]])[0] * psi(a * x - b), -6, 6, limit=200)[0]
    assert found == pytest.approx(exact, rel=1e-9)
    assert ridgelet_gaussian([[a]], [b], psi, [0.0], [[1.0]]).shape == (1,)


@convention(r":math:`S[\gamma;\eta](x)")
def dual():
    grid = rf.ParameterGrid.polar(1, 1, np.geomspace(0.1, 3, 9), 1.0, 0.3)
    spectrum = rf.ridgelet_transform(LINE, rf.Ridgelet(1, 2), grid)
    x = np.array([[0.3]])
    z = x @ grid.a.T - grid.b
    by_hand = np.exp(-(z**2) / 2) @ (spectrum.values * grid.weights)
    found = dual_transform(spectrum, "gaussian", x, method="direct")
    assert np.allclose(found, by_hand, rtol=1e-12)


@convention(r":math:`S[R[f;\psi];\eta] = K f`")
def constants():
    assert statements()["admissibility_table"].run().passed
    # Its mean 1/2 is a point mass at 0, which the transform leaves out.
    psi = rf.Ridgelet(2, 3)
    found = rf.admissibility("sigmoid", psi)
    eta, w = rf.activation("sigmoid"), np.array([0.7])
    assert np.allclose(eta.fourier(w), -1j * np.pi / np.sinh(np.pi * w))
    assert np.isfinite(found) and found != 0


@convention("A :class:`~ridgeflow.Spectrum` holds")
def spectra():
    grid = rf.ParameterGrid.polar(2, 4, np.geomspace(0.1, 3, 5), 1.0, 0.5)
    psi = rf.Ridgelet(2, 2)
    plain = rf.ridgelet_transform(LAW, psi, (grid.a, grid.b)).values
    assert np.allclose(rf.ridgelet_transform(LAW, psi, grid).values, plain, atol=1e-13)


@convention(r"Scales up to :math:`A` only")
def truncation():
    psi = rf.Ridgelet(1, 2)
    share = rf.transfer_function("gaussian", psi, np.array([0.0, 1e3]), a_max=2.0)
    assert share[0] == pytest.approx(rf.admissibility("gaussian", psi), rel=1e-12)
    assert abs(share[1]) < 1e-100


@convention(":math:`t` is always a noise variance")
def variances():
    law = rf.GaussianMixture([1.0], [[0.0]], 1.0)
    assert rf.GaussianDAE(law, 0.25)([[1.0]])[0, 0] == pytest.approx(0.8)
    same = rf.GaussianDAE(law, 1.0, covariance=[[0.25]])
    assert same([[1.0]])[0, 0] == pytest.approx(0.8)
    assert rf.kernel_density(X, bandwidth=0.5).covariances.ravel()[0] == pytest.approx(0.25)


@convention("The denoising map is the posterior mean")
def denoising():
    assert statements()["tweedie"].run().passed


@convention(r"The continuous limit is :math:`\dot\varphi_t")
def continuous():
    flow = rf.ContinuousDAE(LAW)
    assert flow.t_max == pytest.approx(0.1)
    assert np.allclose(flow.velocity(X, 0.05), flow.law(0.05).score(X), rtol=1e-12)
    with pytest.raises(rf.SingularTimeError):
        flow.flow(X, 0.1)


@convention("``depth`` layers share the total noise")
def depth():
    law = rf.GaussianMixture([1.0], [[0.0]], 1.3)
    slope = 1.3 / 1.55 * (1.3**3 / 1.55**2) / (1.3**3 / 1.55**2 + 0.25)
    assert rf.DeepDAE(law, 0.5, 2)([[1.0]])[0, 0] == pytest.approx(slope, rel=1e-12)


@convention("W2 is the Wasserstein distance itself")
def distance():
    assert rf.wasserstein2(X, X + np.array([3.0, 4.0])) == pytest.approx(5.0)


@convention("A layer of a truncation network is")
def truncation_sign():
    image = rf.constructions.truncation_map(np.eye(1), [-1.0], [[0.2], [3.0]])
    assert np.allclose(image, [[1.0], [3.0]])


@convention("The cost of a network on classes is a square root")
def cost():
    points = np.array([[3.0, 0.1], [3.1, 0.0], [2.9, 0.0], [0.0, 3.0]])
    labels, targets = np.array([0, 0, 0, 1]), np.eye(2)
    net = rf.constructions.configurations(points, labels, targets)[0].network
    square = ((net(points) - targets[labels]) ** 2).sum(axis=1)
    by_hand = np.sqrt(square[:3].mean() + square[3])
    assert net.cost(points, labels) == pytest.approx(by_hand, rel=1e-9, abs=1e-12)


@convention("The gap of a bottleneck is")
def gap():
    ring = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    ring = 5 * np.stack([np.cos(ring), np.sin(ring)], axis=1)
    report = rf.constructions.BottleneckAutoencoder.from_curves([ring], gap=0.4).report(0.05)
    assert report.removed == pytest.approx(0.4 / np.pi, rel=0.02)


@convention(r"On :math:`\mathbb Z_p^m` arrays have shape")
def finite():
    f, rho = np.arange(25.0).reshape(5, 5), np.array([1.0, 0, 0, 0, -1])
    spectrum = rf.finite_ridgelet_transform(f, rho)
    x = np.stack(np.meshgrid(np.arange(5), np.arange(5), indexing="ij"), -1)
    assert spectrum.shape == (5, 5, 5)
    assert spectrum[2, 1, 3] == pytest.approx((f * rho[(x @ [2, 1] - 3) % 5]).sum())


@convention("float32 in, float32 out")
def precision():
    assert LAW.pdf(X.astype(np.float32)).dtype == np.float32
    assert LAW.pdf(X).dtype == np.float64


@convention("Angles are in radians")
def angles():
    W, b = rf.constructions.cone_layer([0.0, 0.0], [1.0, 0.0], np.pi / 2)
    inside = np.array([[1.0, 0.99]])
    assert np.allclose(rf.constructions.truncation_map(W, b, inside), inside)


@convention("``rng`` takes an integer seed")
def seeds():
    assert np.array_equal(LAW.sample(5, 3), LAW.sample(5, np.random.default_rng(3)))
    assert not np.array_equal(LAW.sample(5, None), LAW.sample(5, None))


@convention("Errors of functions are relative in L2")
def errors():
    from ridgeflow.theorems.double_continuum import _displacement_error

    assert _displacement_error(X, X + 1.0, X) == pytest.approx(1.0)
    grid = rf.ParameterGrid.for_field(LINE, rf.activation("gaussian"), rf.Ridgelet(1, 4), 1e-3)
    spectrum = rf.ridgelet_transform(LINE, rf.Ridgelet(1, 4), grid)
    twice = 2 * spectrum
    budgets = [s.error_budget(rf.activation("gaussian")).total for s in (spectrum, twice)]
    assert budgets[0] == pytest.approx(budgets[1], rel=1e-6)


@convention("Options are keyword-only")
def options():
    for name in ("radon", "reconstruct", "ridgelet_transform", "entropy", "validate"):
        for parameter in inspect.signature(getattr(rf, name)).parameters.values():
            if isinstance(parameter.default, str):
                assert parameter.kind is parameter.KEYWORD_ONLY
                assert parameter.default == parameter.default.lower()
    with pytest.raises(ValueError, match="did you mean 'slice'"):
        rf.radon(LAW, np.array([[1.0, 0.0]]), [0.0], method="slise")


@convention("Results do not depend on the number of threads")
def threads():
    found = []
    for n in (1, 2):
        with rf.config(threads=n):
            found.append(LAW.pdf(np.linspace(-2, 2, 4000).reshape(-1, 2)))
    assert np.array_equal(*found)


@pytest.mark.parametrize("words", CHECKS)
def test_convention(words):
    CHECKS[words]()
