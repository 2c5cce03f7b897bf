"""The gradient of a reconstruction, from the slopes of its profiles."""

from __future__ import annotations

from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections
from ridgeflow._progress import Progress, with_progress
from ridgeflow._validate import instance_of
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.ridgelet.errors.lost_energy import warn_of_lost_energy
from ridgeflow.ridgelet.grids.corrected_dual import CorrectedDual, as_dual
from ridgeflow.ridgelet.reconstruct import checked_way, shaped
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.sums.far_points import evaluate

__all__ = ["reconstruct_gradient"]


@takes_collections
@with_progress("gradient of the reconstruction")
def reconstruct_gradient(
    spectrum: Spectrum,
    activation: str | Activation,
    points: ArrayLike,
    *,
    dual: str | CorrectedDual = "plain",
    progress: Progress = None,
) -> NDArray:
    r"""Gradient of the reconstruction,
    :math:`\nabla f(x) = \frac1K \int \gamma(a,b)\,a\,\eta'(a\cdot x - b)\,da\,db`.

    Parameters
    ----------
    spectrum : Spectrum
        On a polar grid.
    activation : str or Activation
        :math:`\eta`, admissible with the spectrum's ridgelet.
    points : array_like, shape (n, m)
        Where to evaluate.
    dual : {"plain", "corrected"} or CorrectedDual
        As in :func:`reconstruct`.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    ndarray, shape (n, m) or (n, m, k)
        Entry [n, i, k] is the derivative of component k along axis i, in 1/length.

    Raises
    ------
    AdmissibilityError
        If K diverges or is zero.
    ValueError
        If the grid is not polar (for nodes with weights use ``ShallowNetwork.from_spectrum`` and
        its ``gradient``), or as :func:`reconstruct` for the dual.

    Warns
    -----
    AccuracyWarning
        As :func:`reconstruct`.

    Notes
    -----
    **Accuracy.** Exactly the gradient of what :func:`reconstruct` returns by "fast".

    **Cost.** That of :func:`reconstruct`, for all m components at once.

    See Also
    --------
    reconstruct, gradient_spectrum

    References
    ----------
    E. J. Candes, *Ridgelets: theory and applications*, PhD thesis, Stanford, 1998 (the calculus of
    ridge functions).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> eta = rf.activation("tanh")
    >>> psi = rf.admissible_ridgelet(eta, 1)
    >>> s = rf.ridgelet_transform(law, psi, rf.ParameterGrid.for_field(law, eta, psi, 1e-4))
    >>> slope = rf.reconstruct_gradient(s, eta, [[0.3]])
    >>> bool(abs(slope[0, 0] - (law.score([[0.3]]) * law.pdf([[0.3]]))[0, 0]) < 1e-3)
    True
    """
    eta = _activation(activation)
    x, way = checked_way(instance_of(spectrum, "spectrum", Spectrum), points, "fast", dual)
    if way != "profiles":
        raise ValueError(
            f"reconstruct_gradient needs a polar grid, got {spectrum.grid.kind} nodes "
            "(ParameterGrid.polar or ParameterGrid.for_field)"
        )
    corrected = as_dual(dual, spectrum, eta)
    warn_of_lost_energy(spectrum, eta, corrected)
    columns = evaluate(spectrum, eta, x, corrected, gradient=True)
    flat = shaped(columns.reshape(-1, columns.shape[2]), spectrum, x)
    return flat.reshape(len(x), spectrum.dim, *spectrum.component_shape)
