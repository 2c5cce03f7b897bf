"""Where samples of a field lie: a ball, and a plane of fewer dimensions where they lie on one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._units import Columns, power_of_two
from ridgeflow.fields.region import Region

__all__ = ["SampleRegion", "thin_directions"]

# How much larger than the smallest ball of the samples the region is.
_ROOM = 1.1
# Distance from the plane of the samples, in units of their spread, that is still on it, and how
# many times that of the samples is.
_OFF, _SAFE = 1e-3, 2.0


class SampleRegion(Region):
    """A ball, and of it what is near a plane.

    Parameters
    ----------
    center, radius, margin
        As for a region; the plane goes through the centre.
    normals : array, shape (q, m)
        Unit vectors across the plane.
    thickness : array, shape (q,)
        Distances from the plane, along each of them, that are still on it.
    """

    def __init__(
        self,
        center: ArrayLike,
        radius: float,
        margin: float,
        normals: ArrayLike,
        thickness: ArrayLike,
    ) -> None:
        super().__init__(center, radius, margin)
        self.normals = np.asarray(normals, np.float64).reshape(-1, self.dim)
        self.thickness = np.asarray(thickness, np.float64)

    def contains(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Whether points lie in the ball and on the plane.

        Parameters
        ----------
        x : array, shape (n, m)

        Returns
        -------
        array of bool, shape (n,)
        """
        offset = self._distance(x)[1]
        across = np.abs(offset @ self.normals.T)
        return super().contains(x) & (across <= self.thickness).all(axis=1)

    def __str__(self) -> str:
        plane = self.dim - len(self.normals)
        return f"{super().__str__()}, in a plane of {plane} of {self.dim} dimensions"

    @classmethod
    def around(cls, x: NDArray, units: Columns, thin: NDArray) -> Region:
        """That of samples x (n, m), which may all be one point, with room for others like them.

        ``thin`` (q, m) are the directions of :func:`thin_directions`, in units of the columns.
        """
        unit = float(power_of_two(x))
        if not np.ptp(x / unit, axis=0).any():
            return Region(x[0], np.finfo(np.float64).eps * unit, unit)
        ball = Region.holding(x / unit)
        center, radius, margin = unit * ball.center, _ROOM * unit * ball.radius, unit * ball.margin
        normals = np.concatenate([thin / (units.scale / unit), np.eye(len(center))[units.flat]])
        if not len(normals):
            return Region(center, radius, margin)
        length = np.linalg.norm(normals, axis=1)
        normals /= length[:, None]
        near = np.full(len(normals), _OFF * radius)
        near[: len(thin)] = _OFF * unit / length[: len(thin)]
        held = np.abs((x - center) @ normals.T).max(axis=0)
        return cls(center, radius, margin, normals, np.maximum(near, _SAFE * held))


def thin_directions(z: NDArray, rounding: NDArray) -> NDArray[np.float64]:
    """Directions (q, m) in which samples z (n, m), in units of their columns, spread by no more
    than what is rounding (m,) of the columns; beside columns that are constant themselves."""
    used = np.flatnonzero(z.any(axis=0))
    directions = np.zeros((0, z.shape[1]))
    if len(used):
        # Of the triangle: the left singular vectors of the samples would be their square.
        triangle = np.linalg.qr(z[:, used] / np.sqrt(len(z)), mode="r")
        s, v = np.linalg.svd(triangle, full_matrices=True)[1:]
        s = np.append(s, np.zeros(len(v) - len(s)))
        thin = s <= np.linalg.norm(v * rounding[used], axis=1)
        directions = np.zeros((int(thin.sum()), z.shape[1]))
        directions[:, used] = v[thin]
    return directions
