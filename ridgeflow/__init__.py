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

# What users do -> public name -> module that is its home; the stub and docs/api say the same.
_GROUPS = {
    "Settings, errors and warnings": {
        "Config": "_config",
        "config": "_config",
        "get_config": "_config",
        "AccuracyWarning": "errors",
        "AdmissibilityError": "errors",
        "CacheWarning": "errors",
        "CheckpointError": "errors",
        "ConvergenceError": "errors",
        "FileFormatError": "errors",
        "MemoryBudgetError": "errors",
        "MissingDependencyError": "errors",
        "RankWarning": "errors",
        "RegionError": "errors",
        "RegionWarning": "errors",
        "SingularTimeError": "errors",
        "TableWarning": "errors",
    },
    "Profiles: choose a pair": {
        "Activation": "profiles.activation",
        "activation": "profiles.activation",
        "activation_names": "profiles.activation",
        "Ridgelet": "profiles.ridgelet",
        "admissibility": "profiles.admissibility",
        "admissible_ridgelet": "profiles.admissibility",
        "transfer_function": "profiles.admissibility",
    },
    "Fields: bring a function, data or a law": {
        "CallableField": "fields.callable",
        "GridField": "fields.grid",
        "SampleField": "fields.samples",
        "GaussianMixture": "fields.mixture",
        "kernel_density": "fields.kernel_density",
        "Region": "fields.region",
    },
    "Radon transforms: project and invert": {
        "directions": "geometry",
        "radon": "radon_transform.forward",
        "radon_adjoint": "radon_transform.forward",
        "radon_inverse": "radon_transform.inverse",
        "dual_radon": "radon_transform.inverse",
        "filter_sinogram": "radon_transform.inverse",
        "RadonPlan": "radon_transform.forward",
        "dot_test": "radon_transform.dot_test",
    },
    "Ridgelet transforms: transform and reconstruct": {
        "ParameterGrid": "ridgelet.grids.parameter_grid",
        "ridgelet_transform": "ridgelet.transform",
        "reconstruct": "ridgelet.reconstruct",
        "reconstruct_gradient": "ridgelet.reconstruct_gradient",
        "corrected_dual": "ridgelet.spectra.corrected_dual",
        "CorrectedDual": "ridgelet.grids.corrected_dual",
        "Spectrum": "ridgelet.spectra.spectrum",
        "ErrorBudget": "ridgelet.errors.budget",
        "Provenance": "ridgelet.spectra.provenance",
        "load_spectrum": "ridgelet.spectra.spectrum",
        "IntegralRepresentation": "ridgelet.representation",
    },
    "Other spectra, and spectra of null": {
        "gradient_spectrum": "ridgelet.spectra.calculus",
        "laplacian_spectrum": "ridgelet.spectra.calculus",
        "dual_potential": "ridgelet.spectra.calculus",
        "linear_combination": "ridgelet.spectra.spectrum",
        "inner_product": "ridgelet.spectra.calculus",
        "irie_funahashi_spectrum": "ridgelet.irie_funahashi",
        "step_spectrum": "ridgelet.single_scale",
        "relu_spectrum": "ridgelet.single_scale",
        "finite_ridgelet_transform": "ridgelet.finite_field",
        "finite_reconstruct": "ridgelet.finite_field",
        "ghost": "ridgelet.null_space",
        "null_ridgelet": "ridgelet.null_space",
        "project_range": "ridgelet.projection",
        "project_null": "ridgelet.projection",
        "minimum_norm": "ridgelet.projection",
    },
    "Networks: make, fit, load": {
        "ShallowNetwork": "networks.shallow",
        "fit_outer_weights": "networks.outer_weights",
        "RidgeletRegressor": "networks.estimator",
        "RidgeletClassifier": "networks.estimator",
        "ResidualNetwork": "networks.residual",
        "InverseResult": "networks.residual_calculus",
        "load_network": "networks.residual",
    },
    "Transport: denoise, flow and measure": {
        "GaussianDAE": "transport.gaussian_dae",
        "DenoisingAutoencoder": "transport.denoising_autoencoder",
        "PositionNoiseDAE": "transport.position_noise_dae",
        "DeepDAE": "transport.deep_dae",
        "StackedDAE": "transport.stacked_dae",
        "ContinuousDAE": "transport.flow",
        "FlowResult": "transport.flow_result",
        "Estimate": "transport.functionals",
        "entropy": "transport.functionals",
        "fisher_information": "transport.functionals",
        "potential_energy": "transport.energies",
        "renyi_energy": "transport.energies",
        "wasserstein_velocity": "transport.energies",
        "jko_step": "transport.jko",
        "JKOStep": "transport.jko",
        "wasserstein2": "transport.distances",
        "sliced_wasserstein2": "transport.distances",
        "bures_map": "transport.distances",
    },
    "Double continuum: width and depth": {
        "DoubleContinuum": "double_continuum.continuum",
        "MovingContinuum": "double_continuum.moving_region",
        "MovingRegion": "double_continuum.moving_region",
        "ContinuumBudget": "double_continuum.budget",
        "width_depth_law": "double_continuum.width_depth",
        "WidthDepthLaw": "double_continuum.width_depth",
        "double_limit_study": "double_continuum.limit_study",
        "LimitStudy": "double_continuum.limit_study",
        "reconstruct_network": "double_continuum.reconstructed",
        "fit_field": "double_continuum.field_fit",
        "FieldFit": "double_continuum.field_fit",
    },
    "Theorems and papers": {
        "validate": "theorems.runner",
        "cite": "bibliography",
    },
}
_HOMES = {name: home for group in _GROUPS.values() for name, home in group.items()}

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
