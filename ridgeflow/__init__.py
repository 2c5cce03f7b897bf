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
    "directions": "geometry",
    "ParameterGrid": "ridgelet.grids.parameter_grid",
    "RadonPlan": "radon_transform.forward",
    "dot_test": "radon_transform.dot_test",
    "dual_radon": "radon_transform.inverse",
    "filter_sinogram": "radon_transform.inverse",
    "radon": "radon_transform.forward",
    "radon_adjoint": "radon_transform.forward",
    "radon_inverse": "radon_transform.inverse",
    "ridgelet_transform": "ridgelet.transform",
    "reconstruct": "ridgelet.reconstruct",
    "reconstruct_gradient": "ridgelet.reconstruct_gradient",
    "CorrectedDual": "ridgelet.grids.corrected_dual",
    "corrected_dual": "ridgelet.spectra.corrected_dual",
    "Spectrum": "ridgelet.spectra.spectrum",
    "ErrorBudget": "ridgelet.errors.budget",
    "load_spectrum": "ridgelet.spectra.spectrum",
    "Provenance": "ridgelet.spectra.provenance",
    "IntegralRepresentation": "ridgelet.representation",
    "finite_reconstruct": "ridgelet.finite_field",
    "finite_ridgelet_transform": "ridgelet.finite_field",
    "dual_potential": "ridgelet.spectra.calculus",
    "gradient_spectrum": "ridgelet.spectra.calculus",
    "inner_product": "ridgelet.spectra.calculus",
    "laplacian_spectrum": "ridgelet.spectra.calculus",
    "linear_combination": "ridgelet.spectra.spectrum",
    "irie_funahashi_spectrum": "ridgelet.irie_funahashi",
    "relu_spectrum": "ridgelet.single_scale",
    "step_spectrum": "ridgelet.single_scale",
    "ghost": "ridgelet.null_space",
    "null_ridgelet": "ridgelet.null_space",
    "minimum_norm": "ridgelet.projection",
    "project_null": "ridgelet.projection",
    "project_range": "ridgelet.projection",
    # networks
    "ShallowNetwork": "networks.shallow",
    "fit_outer_weights": "networks.outer_weights",
    "RidgeletClassifier": "networks.estimator",
    "RidgeletRegressor": "networks.estimator",
    "ResidualNetwork": "networks.residual",
    "load_network": "networks.residual",
    # transport
    "GaussianDAE": "transport.gaussian_dae",
    "DeepDAE": "transport.deep_dae",
    "ContinuousDAE": "transport.flow",
    "FlowResult": "transport.flow_result",
    "Estimate": "transport.functionals",
    "entropy": "transport.functionals",
    "DenoisingAutoencoder": "transport.denoising_autoencoder",
    "PositionNoiseDAE": "transport.position_noise_dae",
    "StackedDAE": "transport.stacked_dae",
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
    "FieldFit": "double_continuum.field_fit",
    "fit_field": "double_continuum.field_fit",
    "reconstruct_network": "double_continuum.field_fit",
    "DoubleContinuum": "double_continuum.continuum",
    "MovingContinuum": "double_continuum.moving_region",
    "MovingRegion": "double_continuum.moving_region",
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
