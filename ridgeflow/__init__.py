"""ridgeflow: neural networks in their two continuum limits.

A shallow network of infinite width is an integral of ridge functions, a deep one of infinite depth
is the flow of a vector field. ridgeflow computes ridgelet spectra, turns them into networks without
training, integrates them over depth, and reads finite deep networks off the limit.

Names are imported on first use, so ``import ridgeflow`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> module that is its home.
_HOMES = {
    # settings and errors
    "Config": "_config",
    "config": "_config",
    "get_config": "_config",
    "AccuracyWarning": "errors",
    "AdmissibilityError": "errors",
    "CacheWarning": "errors",
    "ConvergenceError": "errors",
    "FileFormatError": "errors",
    "MemoryBudgetError": "errors",
    "MissingDependencyError": "errors",
    "RankWarning": "errors",
    "RegionError": "errors",
    "RegionWarning": "errors",
    "SingularTimeError": "errors",
    "TableWarning": "errors",
    "cite": "bibliography",
    # profiles
    "Activation": "profiles.activation",
    "activation": "profiles.activation",
    "activation_names": "profiles.activation",
    "Ridgelet": "profiles.ridgelet",
    "admissibility": "profiles.admissibility",
    "admissible_ridgelet": "profiles.admissibility",
    "transfer_function": "profiles.admissibility",
    # fields
    "CallableField": "fields.callable",
    "GridField": "fields.grid",
    "SampleField": "fields.samples",
    "GaussianMixture": "fields.mixture",
    "kernel_density": "fields.kernel_density",
    "Region": "fields.region",
    # transforms
    "directions": "transforms.sphere",
    "ParameterGrid": "transforms.geometry",
    "RadonPlan": "transforms.radon",
    "dot_test": "transforms.operators",
    "dual_radon": "transforms.radon_inverse",
    "filter_sinogram": "transforms.radon_inverse",
    "radon": "transforms.radon",
    "radon_adjoint": "transforms.radon",
    "radon_inverse": "transforms.radon_inverse",
    "ridgelet_transform": "transforms.ridgelet",
    "reconstruct": "transforms.ridgelet",
    "reconstruct_gradient": "transforms.reconstruction_gradient",
    "CorrectedDual": "transforms.corrected_dual",
    "corrected_dual": "transforms.corrected_dual",
    "Spectrum": "transforms.spectrum",
    "ErrorBudget": "transforms.error_budget",
    "load_spectrum": "transforms.spectrum_storage",
    "Provenance": "transforms.provenance",
    "IntegralRepresentation": "transforms.representation",
    "finite_reconstruct": "transforms.finite_field",
    "finite_ridgelet_transform": "transforms.finite_field",
    "dual_potential": "transforms.calculus",
    "gradient_spectrum": "transforms.calculus",
    "inner_product": "transforms.calculus",
    "laplacian_spectrum": "transforms.calculus",
    "linear_combination": "transforms.calculus",
    "irie_funahashi_spectrum": "transforms.relatives",
    "relu_spectrum": "transforms.single_scale",
    "step_spectrum": "transforms.single_scale",
    "ghost": "transforms.null_space",
    "null_ridgelet": "transforms.null_space",
    "minimum_norm": "transforms.projection",
    "project_null": "transforms.projection",
    "project_range": "transforms.projection",
    # networks
    "ShallowNetwork": "networks.shallow",
    "fit_outer_weights": "networks.outer_weights",
    "RidgeletClassifier": "networks.estimator",
    "RidgeletRegressor": "networks.estimator",
    "ResidualNetwork": "networks.residual",
    "load_network": "networks.residual",
    # transport
    "GaussianDAE": "transport.denoise",
    "DeepDAE": "transport.deep",
    "ContinuousDAE": "transport.flow",
    "FlowResult": "transport.flow_result",
    "Estimate": "transport.functionals",
    "entropy": "transport.functionals",
    "DenoisingAutoencoder": "transport.noise",
    "PositionNoiseDAE": "transport.position_noise",
    "StackedDAE": "transport.stacked",
    "wasserstein2": "transport.distances",
    "sliced_wasserstein2": "transport.distances",
    "bures_map": "transport.distances",
    "fisher_information": "transport.functionals",
    "potential_energy": "transport.energies",
    "renyi_energy": "transport.energies",
    "wasserstein_velocity": "transport.energies",
    "JKOStep": "transport.jko",
    "jko_step": "transport.jko",
    # double continuum
    "FieldFit": "double_continuum.reconstruct",
    "fit_field": "double_continuum.reconstruct",
    "reconstruct_network": "double_continuum.reconstruct",
    "DoubleContinuum": "double_continuum.continuum",
    "MovingContinuum": "double_continuum.moving",
    "MovingRegion": "double_continuum.moving",
    "ContinuumBudget": "double_continuum.budget",
    "LimitStudy": "double_continuum.limit_study",
    "double_limit_study": "double_continuum.limit_study",
    "InverseResult": "networks.residual_calculus",
    # theorems
    "validate": "theorems.runner",
}

_MODULES = (
    "closed_forms",
    "constructions",
    "datasets",
    "double_continuum",
    "errors",
    "plotting",
    "theorems",
)

__all__ = [*sorted(_HOMES), *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
