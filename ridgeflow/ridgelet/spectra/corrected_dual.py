"""The corrected dual of a spectrum: its grid's own transfer function instead of K."""

from __future__ import annotations

from ridgeflow._validate import instance_of
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as as_activation
from ridgeflow.ridgelet.grids.corrected_dual import DEFAULT_LIMIT, CorrectedDual, dual_of_scales
from ridgeflow.ridgelet.spectra.spectrum import Spectrum

__all__ = ["corrected_dual"]


def corrected_dual(
    spectrum: Spectrum,
    activation: str | Activation,
    *,
    limit: float = DEFAULT_LIMIT,
    band: tuple[float, float] | None = None,
) -> CorrectedDual:
    r"""The corrected dual of a polar grid: exact on a band of wave numbers with few scales.

    .. math:: T(k) = 2(2\pi)^{m-1} \sum_s \Delta\log\rho_s\,\frac{k}{\rho_s}\,
              \hat u\Bigl(\frac{k}{\rho_s}\Bigr),\qquad
              \hat u = \overline{\hat\psi}\,\hat\eta\,|\omega|^{-m},

    replaces the constant K in the reconstruction. T is known exactly, does not depend on the field,
    and has K's sign everywhere; it is small only where no scale sees a wave number.

    Parameters
    ----------
    spectrum : Spectrum
        On a polar grid.
    activation : str or Activation
        Of the reconstruction, admissible with the spectrum's ridgelet.
    limit : float
        Largest amplification K/T that is granted on the band, at least 1.
    band : (float, float), optional
        Wave numbers that must be exact, in 1/length. By default those of the field: what is below
        and what is above counts 5e-4 of it each, in L2 over the grid's ball. Where nothing is known
        of the field, those that need no more than the limit.

    Returns
    -------
    CorrectedDual
        To be passed to ``reconstruct(..., dual=...)``.

    Raises
    ------
    AdmissibilityError
        If the pair is not admissible.
    ValueError
        If a wave number of the band needs more than the limit, the grid is not polar, the
        activation sees a single frequency (cos, sin), or the band is not increasing and positive.

    Notes
    -----
    **Accuracy.** On the band the scales cost nothing; what remains is the error of the values times
    at most ``largest``, that of the directions, and ``lost``
    (``Spectrum.error_budget(activation, dual=...)``).

    **Cost.** One value of the radial kernel for each wave number and scale.

    See Also
    --------
    reconstruct, reconstruct_gradient, Spectrum.error_budget

    References
    ----------
    I. Daubechies, *Ten Lectures on Wavelets*, SIAM 1992, Section 3.3 (discrete frames and their
    duals).

    Examples
    --------
    >>> import numpy as np
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> eta, psi = rf.activation("tanh"), rf.admissible_ridgelet("tanh", 1)
    >>> grid = rf.ParameterGrid.polar(1, 1, 2.0 ** np.arange(-22, 4), 3.5, 0.4)
    >>> spectrum = rf.ridgelet_transform(law, psi, grid)
    >>> x = np.array([[-0.4], [0.1]])
    >>> errors = [
    ...     np.abs(rf.reconstruct(spectrum, eta, x, dual=dual) - law.pdf(x)).max()
    ...     for dual in ("plain", "corrected")
    ... ]
    >>> bool(errors[0] > 1e-4), bool(errors[1] < 1e-6)
    (True, True)
    """
    instance_of(spectrum, "spectrum", Spectrum)
    return dual_of_scales(spectrum, as_activation(activation), limit=limit, band=band)
