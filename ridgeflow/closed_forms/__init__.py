"""The exact Radon, ridgelet and flow pairs: their one home.

Fast paths and tests both call these functions. They take plain arrays (weights, means,
covariances), never field objects, and every formula stands with its constants in the docstring.
"""

from ridgeflow.closed_forms.denoise import (
    deep_normal_denoise,
    deep_normal_slope,
    deep_normal_variances,
    empirical_denoise,
    mixture_denoise,
    normal_denoise,
    normal_denoise_covariance,
)
from ridgeflow.closed_forms.flows import (
    mixture_backward_heat,
    mixture_singular_time,
    normal_flow,
    normal_flow_covariance,
    normal_flow_log_density,
    normal_singular_time,
)
from ridgeflow.closed_forms.fourier import (
    fourier_ball,
    fourier_ellipsoid,
    fourier_gaussian,
    fourier_gaussian_mixture,
    gaussian_mixture_density,
)
from ridgeflow.closed_forms.functionals import (
    normal_entropy,
    normal_fisher_information,
    normal_wasserstein2,
)
from ridgeflow.closed_forms.phantoms import (
    fourier_shepp_logan,
    gaussian_phantom,
    radon_shepp_logan,
    shepp_logan,
    shepp_logan_ellipses,
)
from ridgeflow.closed_forms.radon import (
    radon_ball,
    radon_ellipse,
    radon_ellipsoid,
    radon_gaussian,
    radon_gaussian_mixture,
)
from ridgeflow.closed_forms.ridgelet import (
    fourier_sine,
    ridgelet_ellipsoid,
    ridgelet_gaussian,
    ridgelet_gaussian_mixture,
    ridgelet_gaussian_mixture_gradient,
    ridgelet_interval,
)

__all__ = [
    "deep_normal_denoise",
    "deep_normal_slope",
    "deep_normal_variances",
    "empirical_denoise",
    "fourier_ball",
    "fourier_ellipsoid",
    "fourier_gaussian",
    "fourier_gaussian_mixture",
    "fourier_shepp_logan",
    "fourier_sine",
    "gaussian_mixture_density",
    "gaussian_phantom",
    "mixture_backward_heat",
    "mixture_denoise",
    "mixture_singular_time",
    "normal_denoise",
    "normal_denoise_covariance",
    "normal_entropy",
    "normal_fisher_information",
    "normal_flow",
    "normal_flow_covariance",
    "normal_flow_log_density",
    "normal_singular_time",
    "normal_wasserstein2",
    "radon_ball",
    "radon_ellipse",
    "radon_ellipsoid",
    "radon_gaussian",
    "radon_gaussian_mixture",
    "radon_shepp_logan",
    "ridgelet_ellipsoid",
    "ridgelet_gaussian",
    "ridgelet_gaussian_mixture",
    "ridgelet_gaussian_mixture_gradient",
    "ridgelet_interval",
    "shepp_logan",
    "shepp_logan_ellipses",
]
