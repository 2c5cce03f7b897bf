"""Activations against mpmath, and their transforms against Parseval pairings in real space."""

import pickle

import mpmath as mp
import numpy as np
import pytest

from ridgeflow.profiles.activation import Activation, activation, activation_names

VALUES = {
    "relu": lambda z: max(z, mp.mpf(0)),
    "step": lambda z: (1 + mp.sign(z)) / 2,
    "relu2": lambda z: max(z, mp.mpf(0)) ** 2,
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "dsigmoid": lambda z: mp.exp(-z) / (1 + mp.exp(-z)) ** 2,
    "tanh": mp.tanh,
    "softplus": lambda z: mp.log1p(mp.exp(z)),
    "gaussian": lambda z: mp.exp(-z * z / 2),
    "erf": mp.erf,
    "gelu": lambda z: z * mp.ncdf(z),
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "arctan": mp.atan,
    "cos": mp.cos,
    "sin": mp.sin,
    "linear": lambda z: z,
}
CODES = {
    "linear": 0, "relu": 1, "step": 2, "relu2": 3, "sigmoid": 4, "dsigmoid": 5, "tanh": 6,
    "softplus": 7, "gaussian": 8, "erf": 9, "gelu": 10, "silu": 11, "arctan": 12, "cos": 13,
    "sin": 14, "dirac": -1,
}  # fmt: skip
SMOOTH = [n for n in VALUES if n not in ("relu", "step", "relu2")]
TRANSFORMS = [n for n in activation_names() if n not in ("cos", "sin", "linear")]
POINTS = [-45.0, -20.3, -6.1, -1.7, -0.9, -1e-3, 0.0, 2e-9, 0.4, 1.0, 2.6, 8.2, 33.0, 700.0]


def panels(low, high, count, nodes=12):
    """Gauss–Legendre nodes and weights on equal panels."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    edges = np.linspace(low, high, count + 1)
    half = 0.5 * np.diff(edges)[:, None]
    return (half * x + 0.5 * (edges[1:] + edges[:-1])[:, None]).ravel(), (half * w).ravel()


def test_names_and_codes():
    assert set(activation_names()) == set(CODES)
    assert {name: activation(name).code for name in CODES} == CODES
    assert activation("tanh").derivative().code == -1
    assert activation("relu2").derivative().code == -1


@pytest.mark.parametrize("name", VALUES)
def test_values(name):
    eta = activation(name)
    with mp.workdps(40):
        exact = np.array([float(VALUES[name](mp.mpf(z))) for z in POINTS])
    got = eta(POINTS)
    # Relative in the tails too; measured 3e-14 where gelu's tail e^(-z²/2) is conditioned like
    # z², 5e-16 elsewhere.
    normal = np.abs(exact) > 1e-290
    np.testing.assert_allclose(got[normal], exact[normal], rtol=1e-13, atol=0)
    assert np.all(np.abs(got[~normal]) <= 1e-289)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name, order):
    eta = activation(name)
    for _ in range(order):
        eta = eta.derivative()
    points = [-8.2, -2.6, -0.4, 0.0, 1.1, 3.3, 20.0]
    with mp.workdps(40):
        exact = [float(mp.diff(VALUES[name], mp.mpf(z), order)) for z in points]
    scale = max(1.0, float(np.abs(exact).max()))
    np.testing.assert_allclose(eta(points), exact, atol=4e-15 * scale)  # measured 1.8e-15


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_fourier_by_pairing(name, order):
    """∫ η(z) h(z−c) dz = (1/2π) ∫ η̂(ω) ĥ(−ω) e^{iωc} dω, with h four times a derivative."""
    eta = activation(name)
    for _ in range(order):
        eta = eta.derivative()
    omega, weight = panels(1e-12, 22.0, 100)
    z, dz = panels(-16.0, 16.0, 128)
    for centre in (-1.3, 0.0, 0.4, 2.0):
        for width in (0.6, 1.0):
            fourier = np.sqrt(2 * np.pi) * width * np.exp(-0.5 * (width * omega) ** 2)
            # h^(j) has the transform (iω)^j ĥ; real signals: twice the real part.
            spectral = (
                np.sum(
                    weight * (eta.fourier(omega) * omega**4 * fourier * np.exp(1j * omega * centre))
                ).real
                / np.pi
            )
            if name in ("dirac", "relu", "step", "relu2"):
                # In the sense of distributions: the derivatives go to h.
                value = _kinked(name, order, centre, width)
            else:
                x = (z - centre) / width
                fourth = (x**4 - 6 * x**2 + 3) * np.exp(-0.5 * x * x) / width**4
                value = np.sum(dz * eta(z) * fourth)
            assert spectral == pytest.approx(value, abs=1e-12)  # measured 6e-14


def _kinked(name, order, centre, width):
    """∫ η^(order)(z) h''''(z−c) dz for the powers z_+^k: k! (−1)^(k+1) h^(3−k+order)(−c) signs."""
    k = {"dirac": -1, "step": 0, "relu": 1, "relu2": 2}[name]
    n = 3 - k + order
    x = -centre / width
    hermite = np.polynomial.hermite_e.hermeval(x, [0] * n + [1])
    derivative = (-1) ** n * hermite * np.exp(-0.5 * x * x) / width**n
    return (-1) ** (k + 1 + order) * (2 if k == 2 else 1) * derivative


@pytest.mark.parametrize("name", TRANSFORMS)
def test_origin_order_parity_and_limits(name):
    eta = activation(name)
    for _ in range(3):
        q = eta.origin_order
        small = np.array([1e-4, 1e-5])
        size = np.abs(eta.fourier(small))
        slope = np.log(size[0] / size[1]) / np.log(10)
        assert slope == pytest.approx(-q, abs=1e-4)  # measured 4e-5 (arctan: e^-|ω|)
        w = np.array([0.3, 1.7, 4.0])
        sign = 1 if eta.parity == "even" else -1
        np.testing.assert_array_equal(eta.fourier(-w), sign * eta.fourier(w))
        if q > 0:
            with pytest.raises(ValueError, match="`omega` must not be 0"):
                eta.fourier([1.0, 0.0])
        else:
            limit = eta.envelope(0.0) if q == 0 else 0.0
            assert eta.fourier(0.0) == limit
        assert eta.derivative().origin_order == q - 1
        assert {eta.parity, eta.derivative().parity} == {"even", "odd"}
        np.testing.assert_allclose(
            eta.derivative().fourier(w), 1j * w * eta.fourier(w), rtol=1e-15, atol=0
        )
        eta = eta.derivative()


@pytest.mark.parametrize("name", VALUES)
def test_parity_part(name):
    eta = activation(name)
    z = np.array([-30.0, -2.0, -0.5, 0.0, 0.5, 2.0, 30.0])
    part = eta.parity_part(z)
    polynomial = np.polynomial.polynomial.polyval(z, eta.polynomial or (0.0,))
    np.testing.assert_allclose(part + polynomial, eta(z), rtol=0, atol=1e-14)  # measured 4e-15
    if name == "linear":
        assert eta.parity is None and not part.any()
    else:
        np.testing.assert_array_equal(part[::-1], part if eta.parity == "even" else -part)


def test_polynomials_as_specified():
    expected = {
        "relu": (0, 0.5), "step": (0.5,), "relu2": (0, 0, 0.5), "sigmoid": (0.5,),
        "softplus": (0, 0.5), "gelu": (0, 0.5), "silu": (0, 0.5), "linear": (0, 1),
    }  # fmt: skip
    for name in activation_names():
        assert activation(name).polynomial == expected.get(name, ())
    assert activation("relu2").derivative().polynomial == (0.0, 1.0)
    assert activation("gelu").derivative().polynomial == (0.5,)


def test_derivative_names():
    chain = {
        "softplus": "sigmoid", "sigmoid": "dsigmoid", "dsigmoid": "dsigmoid'", "relu": "step",
        "step": "dirac", "dirac": "dirac'", "relu2": "2 relu", "cos": "-sin", "sin": "cos",
        "tanh": "tanh'", "linear": "linear'",
    }  # fmt: skip
    for name, derivative in chain.items():
        assert activation(name).derivative().name == derivative
    assert activation("cos").derivative().derivative().name == "-cos"
    assert activation("cos").derivative().derivative().derivative() == activation("sin")
    assert activation("relu2").derivative().derivative().name == "2 step"
    np.testing.assert_array_equal(activation("relu").derivative()([-1.0, 0.0, 3.0]), [0, 0.5, 1])
    np.testing.assert_array_equal(activation("linear").derivative()([-1.0, 3.0]), [1, 1])


def test_flags():
    kinked = {n for n in activation_names() if not activation(n).smooth}
    assert kinked == {"relu", "step", "relu2", "dirac"}
    assert {n for n in activation_names() if activation(n).point_masses} == {"cos", "sin"}


@pytest.mark.parametrize("name", VALUES)
def test_huge_arguments(name):
    eta = activation(name)
    z = np.array([-1e300, -1e17, 1e17, 1e300])
    if name == "relu2":
        z = np.array([-1e300, -1e150, 1e150])
    assert np.isfinite(eta(z)).all()
    for _ in range(2):
        eta = eta.derivative()
        if eta.base != "dirac":
            assert np.isfinite(eta(z)).all()


@pytest.mark.parametrize("name", TRANSFORMS)
def test_huge_frequencies(name):
    eta = activation(name)
    w = np.array([-1e300, 50.0, 1e5, 1e300])
    assert np.isfinite(eta.fourier(w)).all()
    if name not in ("dirac", "relu", "step", "relu2"):
        assert eta.derivative().derivative().fourier(1e300) == 0


@pytest.mark.parametrize("name", VALUES)
def test_dtype_and_shape(name):
    eta = activation(name)
    z = np.linspace(-3, 3, 12).reshape(3, 4)
    single = z.astype(np.float32)
    assert eta(z).dtype == np.float64 and eta(z).shape == (3, 4)
    assert eta(single).dtype == np.float32
    np.testing.assert_array_equal(eta(single), eta(single.astype(np.float64)).astype(np.float32))
    assert eta.parity_part(single).dtype == np.float32
    assert eta([1, 2]).dtype == np.float64
    assert np.ndim(eta(0.3)) == 0
    assert eta(np.zeros((0, 2))).shape == (0, 2)
    if not eta.point_masses and name != "linear":
        assert eta.fourier(single).dtype == np.complex64
        assert eta.fourier(z).dtype == np.complex128


def test_identity():
    eta = activation("tanh").derivative()
    assert pickle.loads(pickle.dumps(eta)) == eta
    assert hash(eta) == hash(activation("tanh").derivative())
    assert eta != activation("tanh")
    assert activation(eta) is eta
    assert repr(eta) == 'Activation("tanh\'")'
    # A derivative that is in the list is the one in the list.
    assert Activation("softplus", 2) == activation("dsigmoid")


def test_errors():
    with pytest.raises(ValueError, match=r"`activation` must be one of .*'rleu'.*mean 'relu'"):
        activation("rleu")
    with pytest.raises(TypeError, match="`activation` must be a string"):
        activation(3)
    with pytest.raises(ValueError, match=r"`activation` must have values.*'dirac', a distribution"):
        activation("dirac")(0.0)
    with pytest.raises(ValueError, match=r'`activation` must have values.*"dirac\'"'):
        activation("dirac").derivative()(1.0)
    for name in ("cos", "sin"):
        with pytest.raises(ValueError, match=f"'{name}': .*point masses at ±1"):
            activation(name).fourier(1.0)
    with pytest.raises(ValueError, match="'linear': the transform of a polynomial lives at 0"):
        activation("linear").fourier(1.0)
    with pytest.raises(ValueError, match="`z` must be finite"):
        activation("relu")([np.nan])
    with pytest.raises(ValueError, match="`omega` must be finite"):
        activation("relu").fourier(np.inf)
    with pytest.raises(TypeError, match="`z` must be real"):
        activation("relu")(1j)
    with pytest.raises(ValueError, match="`order` must be at least 0"):
        Activation("relu", -1)
