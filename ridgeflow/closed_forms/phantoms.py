"""Test images of the plane whose Radon and Fourier transforms are exact: the Shepp-Logan head and
a smooth companion made of normal densities."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_points, common_float, one_of, representable
from ridgeflow.closed_forms._parameters import as_sinogram_axes, complex_like
from ridgeflow.closed_forms.fourier import fourier_ellipsoid
from ridgeflow.closed_forms.radon import plane_axes, radon_ellipse

__all__ = [
    "fourier_shepp_logan",
    "gaussian_phantom",
    "radon_shepp_logan",
    "shepp_logan",
    "shepp_logan_ellipses",
]

# Semi-axes, centre, angle of the first semi-axis in degrees, as published.
_ELLIPSES = np.array(
    [
        [0.6900, 0.9200, 0.00, 0.0000, 0.0],
        [0.6624, 0.8740, 0.00, -0.0184, 0.0],
        [0.1100, 0.3100, 0.22, 0.0000, -18.0],
        [0.1600, 0.4100, -0.22, 0.0000, 18.0],
        [0.2100, 0.2500, 0.00, 0.3500, 0.0],
        [0.0460, 0.0460, 0.00, 0.1000, 0.0],
        [0.0460, 0.0460, 0.00, -0.1000, 0.0],
        [0.0460, 0.0230, -0.08, -0.6050, 0.0],
        [0.0230, 0.0230, 0.00, -0.6060, 0.0],
        [0.0230, 0.0460, 0.06, -0.6050, 0.0],
    ]
)
_CONTRASTS = {
    "modified": (1.0, -0.8, -0.2, -0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1),
    "original": (2.0, -0.98, -0.02, -0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01),
}


def shepp_logan_ellipses(*, contrast: str = "modified") -> NDArray[np.float64]:
    """The ten ellipses whose weighted indicators add up to the Shepp-Logan head phantom.

    ``f(x) = Σ_i g_i 1[(x−c_i)·e_1(α_i)/A_i, (x−c_i)·e_2(α_i)/B_i in the unit disc]``.

    Parameters
    ----------
    contrast : {"modified", "original"}
        "original": the densities g of Shepp and Logan, where the brain differs from its
        surroundings by 1 %; "modified": the raised ones of Toft, values in [0, 1].

    Returns
    -------
    ndarray, shape (10, 6)
        Columns: density g, semi-axes A and B, centre (two columns), angle α of the semi-axis A in
        radians. The image fills [-1, 1]².

    Raises
    ------
    ValueError
        If ``contrast`` is unknown.

    See Also
    --------
    shepp_logan, radon_shepp_logan, fourier_shepp_logan, gaussian_phantom

    Notes
    -----
    **Accuracy.** The published decimals. **Cost.** None.

    References
    ----------
    L. A. Shepp and B. F. Logan, *The Fourier reconstruction of a head section*, IEEE Transactions
    on Nuclear Science 21, 1974 (the ellipses). P. A. Toft, *The Radon Transform: Theory and
    Implementation*, PhD thesis, 1996 (the modified densities).

    Examples
    --------
    >>> shepp_logan_ellipses()[0]
    array([1.  , 0.69, 0.92, 0.  , 0.  , 0.  ])
    """
    densities = _CONTRASTS[one_of(contrast, "contrast", _CONTRASTS)]
    table = np.column_stack([densities, _ELLIPSES])
    table[:, 5] = np.deg2rad(table[:, 5])
    return table


@representable
def shepp_logan(points: ArrayLike, *, contrast: str = "modified") -> NDArray:
    """Values of the Shepp-Logan head phantom.

    ``f(x) = Σ_i g_i 1_{E_i}(x)`` over the ten closed ellipses of
    :func:`shepp_logan_ellipses`.

    Parameters
    ----------
    points : array_like, shape (n, 2)
        Points x; the phantom lies in [-1, 1]².
    contrast : {"modified", "original"}
        The densities, as in :func:`shepp_logan_ellipses`.

    Returns
    -------
    ndarray, shape (n,)
        Densities; float32 where the points are.

    Raises
    ------
    ValueError
        If the points are not in the plane or ``contrast`` is unknown.

    See Also
    --------
    radon_shepp_logan, fourier_shepp_logan

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(n).

    References
    ----------
    L. A. Shepp and B. F. Logan, *The Fourier reconstruction of a head section*, IEEE Transactions
    on Nuclear Science 21, 1974.

    Examples
    --------
    >>> shepp_logan([[0.0, 0.0], [0.0, 0.9], [1.0, 1.0]]).round(6)
    array([0.2, 1. , 0. ])
    """
    x = as_points(points, "points", 2)
    out = np.zeros(len(x))
    for g, A, B, cx, cy, angle in shepp_logan_ellipses(contrast=contrast):
        z = (x.astype(np.float64) - [cx, cy]) @ plane_axes(angle).T / [A, B]
        out[np.einsum("ij,ij->i", z, z) <= 1] += g
    return out.astype(common_float(x))


@representable
def radon_shepp_logan(
    directions: ArrayLike, offsets: ArrayLike, *, contrast: str = "modified"
) -> NDArray:
    """Exact sinogram of the Shepp-Logan head phantom.

    ``Rf(u, p) = Σ_i g_i 2 A_i B_i √((τ_i² − z_i²)_+)/τ_i²``, ``z_i = p − u·c_i``,
    ``τ_i² = A_i² (u·e_1)² + B_i² (u·e_2)²``.

    Parameters
    ----------
    directions : array_like, shape (n_dir, 2)
        Unit vectors u.
    offsets : array_like, shape (n_off,)
        Offsets p, in the unit of length in which the image is [-1, 1]².
    contrast : {"modified", "original"}
        The densities, as in :func:`shepp_logan_ellipses`.

    Returns
    -------
    ndarray, shape (n_dir, n_off)
        Line integrals; float32 where directions and offsets both are.

    Raises
    ------
    ValueError
        If a direction is not a unit vector of the plane or ``contrast`` is unknown.
    MemoryBudgetError
        If the sinogram does not fit the memory budget.

    See Also
    --------
    shepp_logan, radon_ellipse

    Notes
    -----
    **Accuracy.** Rounding, amplified by the square root at the rims. **Cost.** O(n_dir n_off).

    References
    ----------
    L. A. Shepp and B. F. Logan, *The Fourier reconstruction of a head section*, IEEE Transactions
    on Nuclear Science 21, 1974.

    Examples
    --------
    >>> radon_shepp_logan([[1.0, 0.0]], [0.0]).round(4)
    array([[0.5146]])
    """
    u, p, dtype = as_sinogram_axes(directions, offsets, 2)
    out = np.zeros((len(u), p.size))
    for g, A, B, cx, cy, angle in shepp_logan_ellipses(contrast=contrast):
        out += g * radon_ellipse(u, p, [cx, cy], [A, B], angle)
    return out.astype(dtype)


@representable
def fourier_shepp_logan(xi: ArrayLike, *, contrast: str = "modified") -> NDArray:
    """Exact Fourier transform of the Shepp-Logan head phantom.

    ``f̂(ξ) = Σ_i g_i 2π A_i B_i J_1(q_i)/q_i exp(−i ξ·c_i)``,
    ``q_i² = A_i² (ξ·e_1)² + B_i² (ξ·e_2)²``.

    Parameters
    ----------
    xi : array_like, shape (n, 2)
        Frequencies ξ, in radians per unit of length.
    contrast : {"modified", "original"}
        The densities, as in :func:`shepp_logan_ellipses`.

    Returns
    -------
    ndarray of complex, shape (n,)
        complex64 where ``xi`` is float32, complex128 otherwise.

    Raises
    ------
    ValueError
        If the frequencies are not in the plane or ``contrast`` is unknown.

    See Also
    --------
    shepp_logan, radon_shepp_logan, fourier_ellipsoid

    Notes
    -----
    **Accuracy.** About 1e-14. **Cost.** O(n).

    References
    ----------
    L. A. Shepp and B. F. Logan, *The Fourier reconstruction of a head section*, IEEE Transactions
    on Nuclear Science 21, 1974.

    Examples
    --------
    >>> fourier_shepp_logan([[0.0, 0.0]]).real.round(4)
    array([0.4953])
    """
    x = as_points(xi, "xi", 2)
    out = np.zeros(len(x), dtype=np.complex128)
    for g, A, B, cx, cy, angle in shepp_logan_ellipses(contrast=contrast):
        out += g * fourier_ellipsoid(x.astype(float), [cx, cy], plane_axes(angle), [A, B])
    return out.astype(complex_like(common_float(x)))


def gaussian_phantom(*, contrast: str = "modified") -> tuple[NDArray, NDArray, NDArray]:
    """A smooth head phantom: each Shepp-Logan ellipse replaced by a normal density.

    The density has the mass ``g π A B``, the centre and the covariance
    ``(A² e_1 e_1ᵀ + B² e_2 e_2ᵀ)/4`` of its ellipse, so that moments up to order two agree.

    Parameters
    ----------
    contrast : {"modified", "original"}
        The densities, as in :func:`shepp_logan_ellipses`.

    Returns
    -------
    weights : ndarray, shape (10,)
        Masses, some negative.
    means : ndarray, shape (10, 2)
        Centres.
    covariances : ndarray, shape (10, 2, 2)
        Covariances.

    Raises
    ------
    ValueError
        If ``contrast`` is unknown.

    See Also
    --------
    gaussian_mixture_density, radon_gaussian_mixture, fourier_gaussian_mixture

    Notes
    -----
    **Accuracy.** The published decimals. **Cost.** None.

    References
    ----------
    L. A. Shepp and B. F. Logan, *The Fourier reconstruction of a head section*, IEEE Transactions
    on Nuclear Science 21, 1974 (the ellipses).

    Examples
    --------
    >>> weights, means, covariances = gaussian_phantom()
    >>> means.shape, covariances.shape
    ((10, 2), (10, 2, 2))
    """
    table = shepp_logan_ellipses(contrast=contrast)
    weights = math.pi * table[:, 0] * table[:, 1] * table[:, 2]
    rows = np.stack([plane_axes(angle) for angle in table[:, 5]])
    covariances = np.einsum("kai,ka,kaj->kij", rows, table[:, 1:3] ** 2 / 4, rows)
    return weights, table[:, 3:5].copy(), covariances
