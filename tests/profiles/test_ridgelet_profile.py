"""Ridgelet functions against mpmath (confluent hypergeometric and Dawson forms)."""

import json
import math
import pickle

import mpmath as mp
import numpy as np
import pytest
from scipy import special

from ridgeflow.profiles.parabolic_cylinder import profile_table
from ridgeflow.profiles.ridgelet import Ridgelet

POINTS = np.concatenate(
    [np.linspace(0, 10, 21), [3.0625, 8.99, 9.2, 11.3, 14.1, 14.2, 17.0, 23.5, 30.0, 39.9, 41, 50]]
)


def reference(psi, z):
    """ψ in the free-order closed form; a Hermite ridgelet is a multiple of it."""
    with mp.workdps(80):
        s, z = mp.mpf(psi.exponent), mp.mpf(float(z))
        q = 1 if psi.parity == "odd" else 0
        alpha, gamma, x = (s + 1 + q) / 2, mp.mpf(1) / 2 + q, z * z / 2
        if psi.algebraic_tail:
            series = mp.hyp1f1(alpha, gamma, -x)
        else:
            # Kummer's form: a polynomial times the Gaussian.
            series = mp.exp(-x) * mp.hyp1f1(gamma - alpha, gamma, x, zeroprec=500)
        value = (-z if q else 1) * mp.gamma(alpha) * 2**alpha * series
        return float(psi.amplitude * value / (2 * mp.pi))


def errors(psi):
    exact = np.array([reference(psi, z) for z in POINTS])
    error = np.abs(psi(POINTS) - exact)
    peak = np.abs(exact).max()
    # Beyond the oscillations of ψ, where the algebraic tail stands alone.
    tail = 2 * math.sqrt(psi.exponent) + 3 <= POINTS
    relative = (error[tail] / np.abs(exact[tail])).max() if psi.algebraic_tail else 0.0
    return error.max() / peak, relative


@pytest.mark.parametrize(
    ("dim", "order"),
    [(1, 0), (1, 1), (1, 2), (1, 5), (2, 0), (2, 1), (2, 6), (3, 0), (3, 2), (3, 7), (4, 3), (5, 2),
     (5, 9), (8, 2), (10, 10), (11, 9), (15, 4), (20, 2), (1, 20)],
)  # fmt: skip
def test_hermite_family(dim, order):
    psi = Ridgelet(dim, order)
    absolute, relative = errors(psi)
    assert absolute < 1e-14  # measured 2.2e-15
    assert psi.algebraic_tail == (dim % 2 == 1)
    if psi.algebraic_tail:
        assert relative < 5e-14  # measured 6e-15


@pytest.mark.parametrize("parity", ["even", "odd"])
@pytest.mark.parametrize("s", [0.05, 0.5, 1, 2, 2.5, 3.999, 7.3, 12, 20, 40, 100.5])
def test_power_family(s, parity):
    psi = Ridgelet(2, s, family="power", parity=parity)
    absolute, relative = errors(psi)
    assert absolute < 1e-13  # measured 1.3e-14, at s = 100.5
    if psi.algebraic_tail:
        # Measured 4e-14; 6e-13 at s = 3.999, whose even tail is 600 times weaker.
        assert relative < 1e-12


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_definition_by_derivatives(dim, order):
    """Λ^m G^(ℓ) as derivatives of G or of the Dawson function, by their own recurrences."""
    z = np.linspace(-4, 4, 41)
    if dim % 2 == 0:
        n = dim + order
        hermite = np.polynomial.hermite_e.hermeval(z, [0] * n + [1])
        exact = (-1) ** (dim // 2) * (-1) ** n * hermite * np.exp(-0.5 * z * z)
    else:
        n, x = order + dim - 1, z / math.sqrt(2)
        before, value = special.dawsn(x), 1 - 2 * x * special.dawsn(x)
        for k in range(1, n + 1):
            before, value = value, -2 * x * value - 2 * k * before
        exact = 2 / math.sqrt(math.pi) * 2 ** (-(n + 1) / 2) * value
        exact *= (-1) ** ((dim - 1) // 2)
    scale = np.abs(exact).max()
    np.testing.assert_allclose(
        Ridgelet(dim, order)(z) / scale, exact / scale, atol=1e-13
    )  # measured 3e-15


@pytest.mark.parametrize(
    "psi",
    [Ridgelet(2, 0), Ridgelet(2, 3), Ridgelet(3, 4), Ridgelet(3, 5),
     Ridgelet(1, 5.5, family="power"), Ridgelet(1, 6, family="power", parity="odd")],
)  # fmt: skip
def test_values_and_transform_agree(psi):
    """ψ(z) = (1/2π) ∫ ψ̂ e^{iωz} dω by the trapezoid rule."""
    omega = np.linspace(-14, 14, 2801)
    z = np.array([-2.3, -0.4, 0.0, 1.0, 3.7])
    value = (psi.fourier(omega) * np.exp(1j * np.outer(z, omega))).sum(axis=1) * 0.01 / (2 * np.pi)
    peak = np.abs(psi(np.linspace(0, 4, 200))).max()
    # |ω|^s with s not of the parity of ψ has a kink at 0: the rule converges like step^(s+1).
    # Measured 7e-16 here, where s >= 3.
    np.testing.assert_allclose(psi(z) / peak, value / peak, atol=1e-9)


def test_fourier_as_specified():
    w = np.array([-3.1, -1.0, -0.2, 0.0, 0.7, 2.0])
    for dim in (1, 2, 3):
        for order in range(5):
            exact = np.sqrt(2 * np.pi) * np.abs(w) ** dim * (1j * w) ** order * np.exp(-w * w / 2)
            np.testing.assert_allclose(
                Ridgelet(dim, order).fourier(w), exact, rtol=1e-14, atol=1e-15
            )
    even = Ridgelet(1, 1.5, family="power")
    odd = Ridgelet(1, 1.5, family="power", parity="odd")
    size = np.abs(w) ** 1.5 * np.exp(-w * w / 2)
    np.testing.assert_allclose(even.fourier(w), size, rtol=1e-15)
    np.testing.assert_allclose(odd.fourier(w), 1j * np.sign(w) * size, rtol=1e-15)
    assert even.fourier(1e300) == 0
    assert Ridgelet(80, 80).fourier(1e300) == 0


def test_attributes():
    assert [Ridgelet(2, k).amplitude / math.sqrt(2 * math.pi) for k in range(5)] == [
        1,
        1,
        -1,
        -1,
        1,
    ]
    psi = Ridgelet(3, 2)
    assert (psi.dim, psi.order, psi.family, psi.parity, psi.exponent) == (
        3,
        2,
        "hermite",
        "even",
        5,
    )
    power = Ridgelet(4, 2.5, family="power", parity="odd")
    assert (power.exponent, power.amplitude, power.parity) == (2.5, 1.0, "odd")
    assert Ridgelet(4, 2, family="power").parity == "even"
    assert not Ridgelet(4, 2, family="power").algebraic_tail


@pytest.mark.parametrize(
    "psi",
    [Ridgelet(1, 0), Ridgelet(1, 3), Ridgelet(2, 1), Ridgelet(2, 2), Ridgelet(3, 4),
     Ridgelet(1, 2.5, family="power"), Ridgelet(2, 2.5, family="power", parity="odd")],
)  # fmt: skip
def test_derivative(psi):
    slope = psi.derivative()
    w = np.array([-2.0, 0.3, 1.1])
    np.testing.assert_allclose(slope.fourier(w), 1j * w * psi.fourier(w), rtol=1e-14)
    assert slope.family == psi.family and slope.dim == psi.dim
    for z in (-1.3, 0.2, 4.0):
        # Eighth-order central differences.
        h, c = 0.02, [4 / 5, -1 / 5, 4 / 105, -1 / 280]
        difference = sum(c[k] * (psi(z + (k + 1) * h) - psi(z - (k + 1) * h)) for k in range(4)) / h
        peak = np.abs(slope(np.linspace(0, 4, 200))).max()
        assert slope(z) / peak == pytest.approx(difference / peak, abs=1e-11)  # measured 6e-13


@pytest.mark.parametrize("psi", [Ridgelet(1, 0), Ridgelet(3, 3), Ridgelet(2, 1), Ridgelet(2, 2)])
def test_parity_is_exact(psi):
    z = np.linspace(0, 60, 4001)
    sign = 1 if psi.parity == "even" else -1
    np.testing.assert_array_equal(psi(-z), sign * psi(z))


@pytest.mark.parametrize("dim", [1, 3, 5])
@pytest.mark.parametrize("order", [0, 1, 4])
def test_tail_exponent(dim, order):
    psi = Ridgelet(dim, order)
    z = np.array([1e3, 1e4])
    slope = np.log(np.abs(psi(z[1:]) / psi(z[:1])))[0] / np.log(10)
    assert slope == pytest.approx(-(psi.exponent + 1), abs=1e-3)  # measured 2.4e-5
    assert psi(1e300) == 0 or psi.exponent < 1
    assert Ridgelet(dim + 1, order)(1e300) == 0


def test_dtype_shape_and_pieces():
    psi = Ridgelet(1, 1)
    z = np.random.default_rng(0).normal(size=(3, 20001)) * 6
    assert psi(z).shape == z.shape and psi(z).dtype == np.float64
    single = z.astype(np.float32)
    assert psi(single).dtype == np.float32 and psi.fourier(single).dtype == np.complex64
    np.testing.assert_array_equal(psi(single), psi(single.astype(float)).astype(np.float32))
    # Pieces do not change values.
    np.testing.assert_array_equal(psi(z).ravel()[::977], psi(z.ravel()[::977]))
    np.testing.assert_array_equal(psi(np.asfortranarray(z)), psi(z))
    assert np.ndim(psi(0.5)) == 0 and psi(np.zeros((0, 3))).shape == (0, 3)
    assert psi([1, 2]).dtype == np.float64


@pytest.mark.parametrize(
    "psi",
    [Ridgelet(1, 0), Ridgelet(1, 1), Ridgelet(3, 2), Ridgelet(2, 0), Ridgelet(2, 5),
     Ridgelet(1, 0.5, family="power"), Ridgelet(1, 11, family="power", parity="odd")],
)  # fmt: skip
@pytest.mark.parametrize("tol", [0.3, 1e-3, 1e-8, 1e-12, 1e-25])
def test_decay_radius(psi, tol):
    radius = psi.decay_radius(tol)
    peak = np.abs(psi(np.linspace(0, 8, 80001))).max()
    outside = radius * np.concatenate((np.linspace(1, 3, 20001), np.logspace(0.5, 6, 500)))
    # The peak is taken over samples: 1e-5 of slack.
    assert np.abs(psi(outside)).max() <= tol * peak * (1 + 1e-5)
    inside = radius - 0.011 - 1e-3 * radius
    assert inside < 0 or np.abs(psi(np.linspace(0.98 * inside, inside, 2001))).max() > tol * peak


def test_bandlimit():
    for psi in (Ridgelet(1, 0), Ridgelet(2, 7), Ridgelet(1, 0.01, family="power")):
        peak = abs(psi.fourier(math.sqrt(psi.exponent)))
        for tol in (0.5, 1e-4, 1e-17):
            w = psi.bandlimit(tol)
            assert w > math.sqrt(psi.exponent)
            assert abs(psi.fourier(w)) / peak == pytest.approx(tol, rel=1e-10)  # measured 7e-14


@pytest.mark.parametrize(
    "psi",
    [
        Ridgelet(1, 1),
        Ridgelet(3, 2),
        Ridgelet(2, 2),
        Ridgelet(2, 1),
        Ridgelet(2, 0.5, family="power"),
        Ridgelet(1, 40),
        Ridgelet(2, 150),
    ],
    ids=str,
)
def test_table_reproduces_values(psi):
    """Cell by cell as its documentation says, beyond the core in sixteen cells per octave."""
    table = psi.table()
    n = len(table.core) - 1
    edge = n / table.per_unit
    octaves = (len(table.tail) - 1) / 16
    far = np.logspace(0, 1.5 + 0.35 * octaves, 900) * edge
    z = np.concatenate((np.linspace(0, edge, 999, endpoint=False), far))
    peak = np.abs(psi(z)).max()
    for x, exact in zip(z, psi(z)):
        if x < edge:
            row, place = table.core, x * table.per_unit
            cell = int(place)
            place -= cell
        else:
            octave = math.floor(math.log2(x / edge) + 1e-15)
            row, place = table.tail, 16 * (x / edge / 2.0**octave - 1)
            cell = int(place)
            place -= cell
            cell = min(16 * octave + cell, len(table.tail) - 1)
        value = np.polynomial.polynomial.polyval(place, row[cell])
        assert value == pytest.approx(exact, abs=2e-14 * peak)  # measured 5e-15 (s = 152)
    # Tails of high order are below rounding where they start.
    assert (len(table.tail) > 1) == (psi.algebraic_tail and psi.exponent < 40)
    assert not table.core[-1].any() and not table.tail[-1].any()


def test_table_is_continuous_and_cheap():
    """Series and table meet, and the table stays small enough to sit in cache."""
    for s, parity in ((1.0, "even"), (4.0, "odd"), (20.0, "odd"), (0.3, "odd")):
        table = profile_table(s, parity)
        psi = Ridgelet(1, s, family="power", parity=parity)
        left, right = psi(np.nextafter(table.z_max, 0)), psi(table.z_max)
        assert left == pytest.approx(right, rel=1e-13)  # measured 1.5e-15
        assert table.coefficients.nbytes < 32768


def test_closed_form_with_a_normal_density():
    """R[N(μ,σ²);ψ](a,b) = v^(−(s+1)/2) ψ((aμ − b)/√v) for every ψ of the common form."""
    mean, sigma = 0.3, 0.7
    x, w = np.polynomial.legendre.leggauss(200)
    x, w = mean + 8 * sigma * x, 8 * sigma * w
    density = np.exp(-0.5 * ((x - mean) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
    for psi in (Ridgelet(1, 0), Ridgelet(1, 3), Ridgelet(1, 1.7, family="power"),
                Ridgelet(1, 5, family="power", parity="odd")):  # fmt: skip
        for a, b in ((0.5, 0.1), (-2.0, 1.0), (5.0, 2.5)):
            v = 1 + (a * sigma) ** 2
            exact = v ** (-(psi.exponent + 1) / 2) * psi((a * mean - b) / math.sqrt(v))
            assert np.sum(w * density * psi(a * x - b)) == pytest.approx(exact, abs=1e-13)
            # measured 4e-15


def test_identity_and_storage():
    for psi in (
        Ridgelet(2, 3),
        Ridgelet(2, 3, amplitude=-2.0),
        Ridgelet(1, 2.5, family="power", parity="odd"),
        Ridgelet(1, 3, family="power", parity="odd").derivative(),
    ):
        assert Ridgelet.from_dict(json.loads(json.dumps(psi.to_dict()))) == psi
        assert pickle.loads(pickle.dumps(psi)) == psi
        assert eval(repr(psi)) == psi
        assert hash(eval(repr(psi))) == hash(psi)
    assert Ridgelet(2, 3) != Ridgelet(2, 4)
    assert Ridgelet(2, 3) != Ridgelet(2, 3, amplitude=1.0)
    with pytest.raises(AttributeError):
        Ridgelet(2, 3).dim = 4


def test_errors():
    with pytest.raises(ValueError, match="`dim` must be at least 1, got 0"):
        Ridgelet(0, 1)
    with pytest.raises(TypeError, match="`dim` must be an integer"):
        Ridgelet(1.5, 1)
    with pytest.raises(ValueError, match="`order` must be at least 0, got -1"):
        Ridgelet(1, -1)
    with pytest.raises(TypeError, match=r"`order` must be an integer, got 1\.5"):
        Ridgelet(1, 1.5)
    with pytest.raises(ValueError, match="`order` must be positive, got 0"):
        Ridgelet(1, 0, family="power")
    with pytest.raises(
        ValueError, match=r"`family` must be one of .* \(did you mean 'hermite'\?\)"
    ):
        Ridgelet(1, 1, family="hermit")
    with pytest.raises(ValueError, match="`parity` must be one of even, odd"):
        Ridgelet(1, 1, family="power", parity="none")
    with pytest.raises(ValueError, match="`parity` must be 'odd' for order 1 of family 'hermite'"):
        Ridgelet(1, 1, parity="even")
    with pytest.raises(ValueError, match=r"exponent of \|omega\| at most 160, got 201"):
        Ridgelet(200, 1)
    with pytest.raises(ValueError, match="`amplitude` must not be zero"):
        Ridgelet(1, 1, amplitude=0)
    with pytest.raises(ValueError, match="`z` must be finite"):
        Ridgelet(1, 1)(np.nan)
    with pytest.raises(ValueError, match="`tol` must be below 1, got 1"):
        Ridgelet(1, 1).decay_radius(1.0)
    with pytest.raises(ValueError, match="`tol` must be positive"):
        Ridgelet(1, 1).bandlimit(0.0)
    with pytest.raises(ValueError, match=r"`data` must have the keys amplitude, dim, .* got dim"):
        Ridgelet.from_dict({"dim": 1})
