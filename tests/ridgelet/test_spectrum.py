"""Shapes, arithmetic, provenance and words of spectra."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.ridgelet.spectra.provenance import field_digest

LAW = rf.GaussianMixture([1.0], [[0.1, 0.2]], 0.3)
PSI = rf.Ridgelet(2, 2)
KNOWN_DIGEST = "7d0e66a770385198100bdf8507854188"
GRIDS = {
    "polar": rf.ParameterGrid.polar(2, 4, [0.5, 1.0, 2.0], 1.5, 0.5, center=[0.1, 0.0]),
    "cartesian": rf.ParameterGrid.cartesian([np.arange(3.0), np.arange(2.0)], np.arange(4.0)),
    "nodes": rf.ParameterGrid.nodes([[1.0, 2.0], [0.5, 0.1]], [0.0, 1.0]),
}


def test_values_must_fit_the_grid():
    with pytest.raises(ValueError, match="one row for each of the 2 nodes"):
        rf.Spectrum(np.zeros(3), GRIDS["nodes"], PSI)
    with pytest.raises(ValueError, match="dimension 2 of the grid"):
        rf.Spectrum(np.zeros(2), GRIDS["nodes"], rf.Ridgelet(3, 2))
    with pytest.raises(ValueError, match="finite"):
        rf.Spectrum(np.array([0.0, np.nan]), GRIDS["nodes"], PSI)


def test_values_by_scale():
    grid = GRIDS["polar"]
    spectrum = rf.ridgelet_transform(LAW, PSI, grid)
    part = spectrum.at_scale(1)
    assert part.shape == (4, len(grid.offsets(1)))
    assert np.array_equal(part.ravel(), spectrum.values[grid.starts[1] : grid.starts[2]])
    with pytest.raises(ValueError, match="needs a polar grid"):
        rf.ridgelet_transform(LAW, PSI, GRIDS["nodes"]).at_scale(0)


def test_a_spectrum_without_record_has_no_budget():
    grid = GRIDS["polar"]
    bare = rf.Spectrum(np.zeros(grid.size), grid, PSI)
    with pytest.raises(ValueError, match="without record"):
        bare.error_budget(rf.activation("gaussian"))


def bank(grid=GRIDS["polar"]):
    """A scalar, a two-component and a complex spectrum on one grid."""
    axis = np.linspace(-2, 2, 17)
    values = LAW.pdf(np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2))
    values = values.reshape(17, 17)
    fields = (values, np.stack([values, 2 * values], axis=2), (1 + 2j) * values)
    with pytest.warns(rf.AccuracyWarning, match="sample more finely"):
        return [rf.ridgelet_transform(rf.GridField(f, (axis, axis)), PSI, grid) for f in fields]


def test_arithmetic():
    one, vector, wavy = bank()
    v, w = one.values, wavy.values
    assert np.array_equal((one + wavy).values, v + w)
    assert np.array_equal((one - wavy).values, v - w)
    assert np.array_equal((-one).values, -v)
    for factor in (3, 0.5, np.float64(0.5), np.float32(2.0), 2j, np.complex128(1 - 1j)):
        assert isinstance(factor * one, rf.Spectrum)
        assert np.array_equal((factor * one).values, factor * v)
        assert np.array_equal((one * factor).values, factor * v)
    assert np.allclose((vector / 4).values, vector.values / 4, rtol=1e-15, atol=0)
    assert (2 * vector).values.shape == vector.values.shape
    single = rf.Spectrum(v.astype(np.float32), one.grid, PSI)
    assert (2 * single - single / 3).values.dtype == np.float32
    assert rf.inner_product(2 * one, one) == pytest.approx(2 * one.norm() ** 2, rel=1e-14)


def test_arithmetic_refuses_what_does_not_fit():
    one, vector, _ = bank()
    with pytest.raises(ValueError, match="components"):
        one + vector
    with pytest.raises(ValueError, match="must have the ridgelet of the first"):
        one - rf.Spectrum(one.values, one.grid, rf.Ridgelet(2, 4))
    with pytest.raises(ValueError, match="must lie on the grid"):
        one + rf.ridgelet_transform(LAW, PSI, GRIDS["nodes"])
    with pytest.raises(ZeroDivisionError, match="other than 0"):
        one / 0
    for wrong in (one.values, "2", [1.0], None):
        with pytest.raises(TypeError):
            one * wrong
        with pytest.raises(TypeError):
            one + wrong
        with pytest.raises(TypeError):
            one / wrong


def test_a_multiple_keeps_its_budget():
    eta = rf.activation("gaussian")
    spectrum = rf.ridgelet_transform(LAW, PSI, GRIDS["polar"])
    budget, again = spectrum.error_budget(eta), (-3j * spectrum).error_budget(eta)
    assert again.total == pytest.approx(budget.total, rel=1e-13)
    assert again.kink == pytest.approx(budget.kink, rel=1e-13)
    assert (spectrum + spectrum).record is None


def test_provenance_of_a_transform():
    axes = (np.linspace(-2, 2, 9), np.linspace(-1, 1, 7))
    samples = rf.SampleField(np.arange(10.0).reshape(5, 2), np.ones((5, 3)))
    grid = rf.GridField(np.outer(axes[0], axes[1]), axes)
    for field, size, method in ((LAW, 1, "exact"), (samples, 5, "direct"), (grid, 63, "direct")):
        found = rf.ridgelet_transform(field, PSI, GRIDS["nodes"], tol=1e-5).provenance
        [origin] = found.fields
        assert (origin.kind, origin.dim, origin.size) == (type(field).__name__, 2, size)
        assert (origin.method, origin.tol, origin.version) == (method, 1e-5, rf.__version__)
        assert found.version == rf.__version__
        assert found.is_of(field)
        assert found.steps == (f"ridgelet_transform(method={method!r}, tol=1e-05)",)
        assert not any(found.is_of(other) for other in (LAW, samples, grid) if other is not field)


def test_a_digest_changes_with_every_number():
    axes = (np.linspace(-2, 2, 9), np.linspace(-1, 1, 7))
    values = np.outer(axes[0], axes[1])
    other = values.copy()
    other[3, 4] = np.nextafter(other[3, 4], 1)
    points = np.arange(10.0).reshape(5, 2)
    fields = [
        rf.GridField(values, axes),
        rf.GridField(other, axes),
        rf.GridField(values.astype(np.float32), axes),
        rf.GridField(values.T, axes[::-1]),
        rf.GridField(values, (axes[0], 2 * axes[1])),
        rf.GridField(values[..., None], axes),
        rf.SampleField(points),
        rf.SampleField(points, np.ones(5)),
        rf.SampleField(points[::-1]),
        rf.SampleField(points, weights=np.arange(5.0)),
        LAW,
        rf.GaussianMixture([1.0], [[0.1, 0.2]], 0.3000001),
    ]
    digests = [field_digest(field) for field in fields]
    # A law and a function that is 1 at its points are the same measure.
    assert digests[6] == digests[7]
    assert len(set(digests)) == len(fields) - 1
    assert field_digest(rf.GridField(values.copy(order="F"), axes)) == digests[0]
    # The digest is part of files: it must not change between versions.
    assert field_digest(rf.GaussianMixture([1.0], [[0.0]], 1.0)) == KNOWN_DIGEST


def test_provenance_of_what_is_made_of_spectra():
    eta = rf.activation("gaussian").derivative()
    psi = rf.admissible_ridgelet(eta, 1)
    laws = [rf.GaussianMixture([1.0], [[m]], 0.25) for m in (0.0, 0.3)]
    grid = rf.ParameterGrid.for_field(laws[0], eta, psi, 1e-3)
    one, other = (rf.ridgelet_transform(law, psi, grid) for law in laws)
    made = {
        "gradient_spectrum": rf.gradient_spectrum(one),
        "laplacian_spectrum": rf.laplacian_spectrum(one),
        "dual_potential": rf.dual_potential(rf.gradient_spectrum(one)).spectrum,
        f"project_range(activation={eta.name!r}, truncated=False)": rf.project_range(one, eta),
        f"project_null(activation={eta.name!r}, truncated=False)": rf.project_null(one, eta),
        "linear_combination(coefficients=[-1])": -one,
    }
    for step, spectrum in made.items():
        steps = spectrum.provenance.steps
        assert steps[0].startswith("ridgelet_transform(")
        assert steps[-1] == step
        assert spectrum.provenance.is_of(laws[0])
    both = 2 * one - other
    assert [len(both.provenance.fields), len((both + one).provenance.fields)] == [2, 2]
    assert not both.provenance.is_of(laws[0])
    assert both.provenance.steps == (
        "ridgelet_transform(method='exact', tol=1e-08)",
        "linear_combination(coefficients=[2])",
        "linear_combination(coefficients=[1, -1])",
    )
    unseen = rf.ghost("tanh", laws[0], grid)
    assert unseen.provenance.steps[-1].startswith("ghost(activation='tanh', ridgelets=[Ridgelet(")
    assert unseen.provenance.is_of(laws[0])
    assert rf.gradient_spectrum(rf.Spectrum(one.values, grid, psi)).provenance is None


def test_a_repeated_step_is_told_twice():
    spectrum = rf.ridgelet_transform(LAW, PSI, GRIDS["polar"])
    twice = rf.laplacian_spectrum(rf.laplacian_spectrum(spectrum))
    assert twice.provenance.steps[1:] == ("laplacian_spectrum", "laplacian_spectrum")


def test_histories_stay_short():
    start = rf.ridgelet_transform(LAW, PSI, GRIDS["nodes"])
    spectrum = start
    for i in range(200):
        law = rf.GaussianMixture([1.0], [[float(i), 0.0]], 0.3)
        spectrum = 0.5 * spectrum + rf.ridgelet_transform(law, PSI, GRIDS["nodes"])
    history = spectrum.provenance
    assert len(history.steps) <= 61 and len(history.fields) == 60
    assert history.steps[0] == start.provenance.steps[0]
    assert "..." in history.steps and "without 1 of its fields" in history.steps[-1]
    assert len(str(history.to_dict())) < 30_000  # measured 16 700


def test_words():
    spectrum = rf.ridgelet_transform(LAW, PSI, GRIDS["polar"])
    text = repr(spectrum)
    assert text.startswith("<Spectrum: 484 nodes, float64\n")
    assert "polar, m = 2: 4 directions x 3 scales from 0.5 to 2, offsets in steps of 0.5" in text
    assert f"GaussianMixture, m = 2, 1 component ({field_digest(LAW)[:8]})" in text
    assert "method='exact', tol=1e-08" in text and rf.__version__ in text
    assert "cartesian, m = 2: 3 x 2 x 4" in repr(
        rf.ridgelet_transform(LAW, PSI, GRIDS["cartesian"])
    )
    bare = repr(rf.Spectrum(np.ones((2, 3), np.float32), GRIDS["nodes"], PSI))
    assert "2 nodes x 3 components, float32" in bare and "plain nodes" in bare
    assert "field     not recorded" in bare
    many = spectrum
    for i in range(6):
        law = rf.GaussianMixture([1.0], [[0.1 * i, 0.0]], 0.3)
        many = many + rf.ridgelet_transform(law, PSI, GRIDS["polar"])
    assert "and 3 more" in repr(many) and "... 2 more ..." in repr(many)
