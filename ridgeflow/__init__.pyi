# ruff: noqa: I001 (grouped by what users do, not by the alphabet)
"""The public names and their homes, for editors and type checkers, by what users do."""

# Settings, errors and warnings
from ridgeflow._config import Config as Config
from ridgeflow._config import config as config
from ridgeflow._config import get_config as get_config
from ridgeflow.errors import AccuracyWarning as AccuracyWarning
from ridgeflow.errors import AdmissibilityError as AdmissibilityError
from ridgeflow.errors import CacheWarning as CacheWarning
from ridgeflow.errors import CheckpointError as CheckpointError
from ridgeflow.errors import ConvergenceError as ConvergenceError
from ridgeflow.errors import FileFormatError as FileFormatError
from ridgeflow.errors import MemoryBudgetError as MemoryBudgetError
from ridgeflow.errors import MissingDependencyError as MissingDependencyError
from ridgeflow.errors import RankWarning as RankWarning
from ridgeflow.errors import RegionError as RegionError
from ridgeflow.errors import RegionWarning as RegionWarning
from ridgeflow.errors import SingularTimeError as SingularTimeError
from ridgeflow.errors import TableWarning as TableWarning

# Profiles: choose a pair
from ridgeflow.profiles.activation import Activation as Activation
from ridgeflow.profiles.activation import activation as activation
from ridgeflow.profiles.activation import activation_names as activation_names
from ridgeflow.profiles.ridgelet import Ridgelet as Ridgelet
from ridgeflow.profiles.admissibility import admissibility as admissibility
from ridgeflow.profiles.admissibility import admissible_ridgelet as admissible_ridgelet
from ridgeflow.profiles.admissibility import transfer_function as transfer_function

# Fields: bring a function, data or a law
from ridgeflow.fields.callable import CallableField as CallableField
from ridgeflow.fields.grid import GridField as GridField
from ridgeflow.fields.samples import SampleField as SampleField
from ridgeflow.fields.mixture import GaussianMixture as GaussianMixture
from ridgeflow.fields.kernel_density import kernel_density as kernel_density
from ridgeflow.fields.region import Region as Region

# Radon transforms: project and invert
from ridgeflow.geometry import directions as directions
from ridgeflow.radon_transform.forward import radon as radon
from ridgeflow.radon_transform.forward import radon_adjoint as radon_adjoint
from ridgeflow.radon_transform.inverse import radon_inverse as radon_inverse
from ridgeflow.radon_transform.inverse import dual_radon as dual_radon
from ridgeflow.radon_transform.inverse import filter_sinogram as filter_sinogram
from ridgeflow.radon_transform.forward import RadonPlan as RadonPlan
from ridgeflow.radon_transform.dot_test import dot_test as dot_test

# Ridgelet transforms: transform and reconstruct
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid as ParameterGrid
from ridgeflow.ridgelet.transform import ridgelet_transform as ridgelet_transform
from ridgeflow.ridgelet.reconstruct import reconstruct as reconstruct
from ridgeflow.ridgelet.reconstruct_gradient import reconstruct_gradient as reconstruct_gradient
from ridgeflow.ridgelet.spectra.corrected_dual import corrected_dual as corrected_dual
from ridgeflow.ridgelet.grids.corrected_dual import CorrectedDual as CorrectedDual
from ridgeflow.ridgelet.spectra.spectrum import Spectrum as Spectrum
from ridgeflow.ridgelet.errors.budget import ErrorBudget as ErrorBudget
from ridgeflow.ridgelet.spectra.provenance import Provenance as Provenance
from ridgeflow.ridgelet.spectra.spectrum import load_spectrum as load_spectrum
from ridgeflow.ridgelet.representation import IntegralRepresentation as IntegralRepresentation

# Other spectra, and spectra of null
from ridgeflow.ridgelet.spectra.calculus import gradient_spectrum as gradient_spectrum
from ridgeflow.ridgelet.spectra.calculus import laplacian_spectrum as laplacian_spectrum
from ridgeflow.ridgelet.spectra.calculus import dual_potential as dual_potential
from ridgeflow.ridgelet.spectra.spectrum import linear_combination as linear_combination
from ridgeflow.ridgelet.spectra.calculus import inner_product as inner_product
from ridgeflow.ridgelet.irie_funahashi import irie_funahashi_spectrum as irie_funahashi_spectrum
from ridgeflow.ridgelet.single_scale import step_spectrum as step_spectrum
from ridgeflow.ridgelet.single_scale import relu_spectrum as relu_spectrum
from ridgeflow.ridgelet.finite_field import finite_ridgelet_transform as finite_ridgelet_transform
from ridgeflow.ridgelet.finite_field import finite_reconstruct as finite_reconstruct
from ridgeflow.ridgelet.null_space import ghost as ghost
from ridgeflow.ridgelet.null_space import null_ridgelet as null_ridgelet
from ridgeflow.ridgelet.projection import project_range as project_range
from ridgeflow.ridgelet.projection import project_null as project_null
from ridgeflow.ridgelet.projection import minimum_norm as minimum_norm

# Networks: make, fit, load
from ridgeflow.networks.shallow import ShallowNetwork as ShallowNetwork
from ridgeflow.networks.outer_weights import fit_outer_weights as fit_outer_weights
from ridgeflow.networks.estimator import RidgeletRegressor as RidgeletRegressor
from ridgeflow.networks.estimator import RidgeletClassifier as RidgeletClassifier
from ridgeflow.networks.residual import ResidualNetwork as ResidualNetwork
from ridgeflow.networks.residual_calculus import InverseResult as InverseResult
from ridgeflow.networks.residual import load_network as load_network

# Transport: denoise, flow and measure
from ridgeflow.transport.gaussian_dae import GaussianDAE as GaussianDAE
from ridgeflow.transport.denoising_autoencoder import DenoisingAutoencoder as DenoisingAutoencoder
from ridgeflow.transport.position_noise_dae import PositionNoiseDAE as PositionNoiseDAE
from ridgeflow.transport.deep_dae import DeepDAE as DeepDAE
from ridgeflow.transport.stacked_dae import StackedDAE as StackedDAE
from ridgeflow.transport.flow import ContinuousDAE as ContinuousDAE
from ridgeflow.transport.flow_result import FlowResult as FlowResult
from ridgeflow.transport.functionals import Estimate as Estimate
from ridgeflow.transport.functionals import entropy as entropy
from ridgeflow.transport.functionals import fisher_information as fisher_information
from ridgeflow.transport.energies import potential_energy as potential_energy
from ridgeflow.transport.energies import renyi_energy as renyi_energy
from ridgeflow.transport.energies import wasserstein_velocity as wasserstein_velocity
from ridgeflow.transport.jko import jko_step as jko_step
from ridgeflow.transport.jko import JKOStep as JKOStep
from ridgeflow.transport.distances import wasserstein2 as wasserstein2
from ridgeflow.transport.distances import sliced_wasserstein2 as sliced_wasserstein2
from ridgeflow.transport.distances import bures_map as bures_map

# Double continuum: width and depth
from ridgeflow.double_continuum.continuum import DoubleContinuum as DoubleContinuum
from ridgeflow.double_continuum.moving_region import MovingContinuum as MovingContinuum
from ridgeflow.double_continuum.moving_region import MovingRegion as MovingRegion
from ridgeflow.double_continuum.budget import ContinuumBudget as ContinuumBudget
from ridgeflow.double_continuum.width_depth import width_depth_law as width_depth_law
from ridgeflow.double_continuum.width_depth import WidthDepthLaw as WidthDepthLaw
from ridgeflow.double_continuum.limit_study import double_limit_study as double_limit_study
from ridgeflow.double_continuum.limit_study import LimitStudy as LimitStudy
from ridgeflow.double_continuum.reconstructed import reconstruct_network as reconstruct_network
from ridgeflow.double_continuum.field_fit import fit_field as fit_field
from ridgeflow.double_continuum.field_fit import FieldFit as FieldFit

# Theorems and papers
from ridgeflow.theorems.runner import validate as validate
from ridgeflow.bibliography import cite as cite

# Modules with names of their own
from ridgeflow import closed_forms as closed_forms
from ridgeflow import constructions as constructions
from ridgeflow import datasets as datasets
from ridgeflow import double_continuum as double_continuum
from ridgeflow import errors as errors
from ridgeflow import plotting as plotting
from ridgeflow import theorems as theorems

__version__: str
