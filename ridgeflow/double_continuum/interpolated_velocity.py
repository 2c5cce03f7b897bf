"""Velocities between depths, from the representations at them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._fork import cached_property
from ridgeflow._validate import finite_number
from ridgeflow.double_continuum.chosen_depths import interpolation_weights, represent_all
from ridgeflow.double_continuum.outside_region import outside_error
from ridgeflow.double_continuum.velocity import Source
from ridgeflow.fields.region import Region
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.radon_transform.backprojection import Backprojection
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.ridgelet.spectra.spectrum import Spectrum

__all__ = ["AT", "Interpolated"]

# Share of the tolerance for the spectra at the depths.
AT = 0.5
# Importance weights need scales that are dense; networks of them are never more accurate, in space
# by far.
_DENSE_TOL, _DENSE_IN_SPACE = 1e-3, 2e-2


class Interpolated:
    """What a double continuum computes with: representations on shared nodes, and their blends."""

    times: NDArray[np.float64]
    region: Region
    activation: Activation
    ridgelet: Ridgelet
    tol: float
    representations: list[IntegralRepresentation]
    _source: Source
    _marks: NDArray[np.float64]

    @property
    def dim(self) -> int:
        """Dimension m of the space."""
        return self._source.dim

    def representation(self, t: float) -> IntegralRepresentation:
        """Integral representation of the velocity at one depth.

        Parameters
        ----------
        t : float
            Between the first and the last of ``times``.

        Returns
        -------
        IntegralRepresentation
            Interpolated between the depths; the stored one where t is one of them.

        Raises
        ------
        ValueError
            If t lies outside the depths.
        """
        index, weights = self._weights(t)
        exact = np.flatnonzero(np.abs(weights - 1) < 1e-13)
        if len(exact) == 1 and np.abs(np.delete(weights, exact)).max(initial=0.0) < 1e-13:
            return self.representations[index[exact[0]]]
        return IntegralRepresentation.blend([self.representations[i] for i in index], list(weights))

    def spectrum(self, t: float) -> Spectrum:
        """The spectrum at one depth, of what the window leaves beside the affine part.

        Parameters
        ----------
        t : float
            Between the first and the last of ``times``.

        Returns
        -------
        Spectrum
            That of :meth:`representation`.

        Raises
        ------
        ValueError
            If t lies outside the depths.
        """
        return self.representation(t).spectrum

    @cached_property
    def _dense(self) -> list[IntegralRepresentation]:
        """Representations on dense scales, whose nodes and weights make networks."""
        if self.activation.point_masses:
            return self.representations
        made, _ = represent_all(
            self._source,
            self.times,
            self.activation,
            self.ridgelet,
            max(AT * self.tol, _DENSE_TOL if self.dim <= 2 else _DENSE_IN_SPACE),
            "plain",
        )
        return made

    @cached_property
    def _profiles(self) -> tuple[NDArray, NDArray, NDArray]:
        """Profiles, matrices and offsets of all depths, one row each."""
        parts = self.representations[:1] if self._source.steady else self.representations
        # In one dimension representations are scalar: matrices and offsets regain their axes.
        matrices = [np.reshape(part.affine.matrix, self.dim * self.dim) for part in parts]
        offsets = [np.reshape(part.affine.offset, self.dim) for part in parts]
        return (
            np.stack([part.profiles.coefficients.ravel() for part in parts]),
            np.stack(matrices),
            np.stack(offsets),
        )

    def _weights(self, t: float) -> tuple[list[int], NDArray]:
        """Nearest depths and the Lagrange weights of interpolation at t."""
        t = finite_number(t, "t")
        first, last = float(self.times[0]), float(self.times[-1])
        slack = 1e-12 * max(1.0, abs(last))
        if len(self.times) == 1:
            return [0], np.ones(1)
        if not first - slack <= t <= last + slack:
            raise ValueError(
                f"`t` must lie in [{first:g}, {last:g}], the depths of this continuum, got {t:g} "
                "(build it with more times)"
            )
        if self._source.steady:
            return [0], np.ones(1)
        mark = float(self._source.clock(min(max(t, first), last)))
        return interpolation_weights(self._marks, mark)

    def _spectrum_for_sampling(self, t: float) -> IntegralRepresentation:
        index, weights = self._weights(t)
        if len(index) == 1:
            return self._dense[index[0]]
        return IntegralRepresentation.blend([self._dense[i] for i in index], list(weights))

    def _evaluate(
        self, x: NDArray, t: float, *, slope: bool = False
    ) -> tuple[NDArray, NDArray | None]:
        """Velocity, and where asked its divergence."""
        if slope:
            value, jacobian = self._with_jacobian(x, t)
            return value, np.trace(jacobian, axis1=1, axis2=2)
        profiles, matrix, offset = self._parts_at(x, t)
        return profiles(x) + x @ matrix + offset, None

    def _with_jacobian(self, x: NDArray, t: float) -> tuple[NDArray, NDArray]:
        """Velocity (n, m), and its Jacobian (n, m, m): [n, i, j] of component i along axis j."""
        profiles, matrix, offset = self._parts_at(x, t)
        value, gradient = profiles.with_gradient(x)
        gradient = gradient.reshape(len(x), self.dim, self.dim) + matrix
        return value + x @ matrix + offset, gradient.transpose(0, 2, 1)

    def _parts_at(self, x: NDArray, t: float) -> tuple[Backprojection, NDArray, NDArray]:
        """Profiles, matrix and offset at one depth, for points that lie in the region."""
        index, weights = self._weights(t)
        inside = self.region.contains(x)
        if not inside.all():
            raise outside_error(self._source, x, t)
        used = slice(index[0], index[-1] + 1)
        coefficients, matrix, offset = (
            weights.astype(part.dtype) @ part[used] for part in self._profiles
        )
        first = self.representations[0].profiles
        profiles = first.with_coefficients(coefficients.reshape(first.coefficients.shape))
        return profiles, matrix.reshape(self.dim, self.dim), offset

    def _divergence(self, x: NDArray, t: float) -> NDArray:
        divergence = self._evaluate(x, t, slope=True)[1]
        return divergence  # type: ignore[return-value]
