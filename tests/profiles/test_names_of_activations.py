"""A name is taken wherever an activation is; functions of one's own are refused with the reason."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.ridgelet.null_space import dual_transform
from ridgeflow.ridgelet.reconstruct import backproject

pytestmark = pytest.mark.filterwarnings("ignore::ridgeflow.errors.AccuracyWarning")
LAW = rf.GaussianMixture([1.0], [[0.0]], 0.25)
PSI = rf.admissible_ridgelet("tanh", 1)
GRID = rf.ParameterGrid.polar(1, 1, 2.0 ** np.arange(-22, 4), 3.5, 0.4)
S = rf.ridgelet_transform(LAW, PSI, GRID)
X = np.array([[0.3], [-1.0]])

WITH_ACTIVATION = {
    "reconstruct": lambda a: rf.reconstruct(S, a, X),
    "direct": lambda a: rf.reconstruct(S, a, X, method="direct"),
    "gradient": lambda a: rf.reconstruct_gradient(S, a, X),
    "for_field": lambda a: rf.ParameterGrid.for_field(LAW, a, PSI, 1e-2).scales,
    "error_budget": lambda a: S.error_budget(a).total,
    "corrected_dual": lambda a: rf.corrected_dual(S, a).largest,
    "backproject": lambda a: backproject(S, a, 1.5)(X),
    "project_range": lambda a: rf.project_range(S, a, truncated=True).values,
    "project_null": lambda a: rf.project_null(S, a, truncated=True).values,
    "minimum_norm": lambda a: rf.minimum_norm(S, a, truncated=True).values,
    "dual_transform": lambda a: dual_transform(S, a, X),
    "ghost": lambda a: rf.ghost(a, LAW, GRID).values,
    "null_ridgelet": lambda a: rf.null_ridgelet(a, 1)(0.3),
    "admissibility": lambda a: rf.admissibility(a, PSI),
    "admissible_ridgelet": lambda a: rf.admissible_ridgelet(a, 1).exponent,
    "transfer_function": lambda a: rf.transfer_function(a, PSI, [1.0], a_max=3.0),
    "representation": lambda a: rf.IntegralRepresentation(LAW, a, tol=1e-2)(X),
}
WITH_RIDGELET = {
    "transform": lambda r: rf.ridgelet_transform(LAW, r, GRID),
    "for_field": lambda r: rf.ParameterGrid.for_field(LAW, "tanh", r),
    "admissibility": lambda r: rf.admissibility("tanh", r),
    "transfer_function": lambda r: rf.transfer_function("tanh", r, [1.0], a_max=3.0),
    "spectrum": lambda r: rf.Spectrum(S.values, GRID, r),
    "ghost": lambda r: rf.ghost("tanh", LAW, GRID, ridgelet=r),
    "representation": lambda r: rf.IntegralRepresentation(LAW, "tanh", ridgelet=r),
}


@pytest.mark.parametrize("call", WITH_ACTIVATION.values(), ids=WITH_ACTIVATION)
def test_a_name_is_taken_wherever_an_activation_is(call):
    assert np.array_equal(call("tanh"), call(rf.activation("tanh")))
    with pytest.raises(ValueError, match=r"`activation` must be one of .*did you mean 'tanh'"):
        call("tnah")
    with pytest.raises(TypeError, match=r"must be a name or an Activation, got the function"):
        call(np.tanh)
    for other in (None, 3, ["tanh"]):
        with pytest.raises(TypeError, match="`activation` must be a string"):
            call(other)


@pytest.mark.parametrize("call", WITH_RIDGELET.values(), ids=WITH_RIDGELET)
@pytest.mark.parametrize("other", [np.sin, "tanh", 3, S], ids=["function", "text", "number", "S"])
def test_what_is_no_ridgelet_is_refused(call, other):
    with pytest.raises(TypeError, match=r"`ridgelet` must be a .*Ridgelet, got"):
        call(other)


@pytest.mark.parametrize("other", [LAW, None, "s", np.zeros(3)], ids=str)
def test_what_is_no_spectrum_is_refused(other):
    for call in (rf.reconstruct, rf.reconstruct_gradient):
        with pytest.raises(TypeError, match="`spectrum` must be a Spectrum, got"):
            call(other, "tanh", X)
    with pytest.raises(TypeError, match="`spectrum` must be a Spectrum, got"):
        dual_transform(other, "tanh", X)
