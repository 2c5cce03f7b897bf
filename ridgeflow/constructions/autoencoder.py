"""Autoencoders through a bottleneck, written down: what topology allows, and what it forbids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_points,
    as_real_array,
    common_float,
    items_of,
    positive,
)
from ridgeflow.constructions.autoencoder_report import AutoencoderReport, make_report
from ridgeflow.constructions.bottleneck_build import FIT, REPORT, build_maps, checked_gap, nodes
from ridgeflow.constructions.bottleneck_maps import FlowMaps, ShallowMaps
from ridgeflow.constructions.charts import Chart, curve_chart, sphere_chart, torus_chart
from ridgeflow.constructions.curves import checked_size, closed_curves
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.networks.shallow import ShallowNetwork

__all__ = ["BottleneckAutoencoder"]


class BottleneckAutoencoder:
    r"""An autoencoder of closed curves or surfaces through R^k, k their dimension, untrained.

    .. math:: F: \mathbb R^n\to\mathbb R^k, \qquad G: \mathbb R^k\to\mathbb R^n, \qquad
              \sup_{K\setminus K_0} |G(F(x)) - x| \text{ small}, \qquad
              \sup_{M} |G(F(x)) - x| \ge \rho(M) \ge \operatorname{reach}(M)

    Every closed component M of K is cut open by taking out a small set, K_0 in all, and laid out
    flat with the others, without overlap. What comes back on K \\ K_0 is as near as the networks
    are accurate; on each M some point must miss by the filling radius ρ, whatever F and G are.

    Two forms. "shallow": F and G are ReLU networks of one layer, F the integral representation of a
    sum of Gaussians by a rule of directions and knots. "flow": :math:`F = \mathrm{proj}\circ\Phi`
    and :math:`G = \Phi^{-1}\circ\mathrm{incl}`, with Φ the flow of tanh fields, as a residual
    network: each piece contracts along itself until it is nearly flat, then moves to its place in a
    linear subspace.

    Made by :meth:`from_curves`, :meth:`from_sphere`, :meth:`from_torus` and :meth:`from_charts`.

    Attributes
    ----------
    encoder : ShallowNetwork or ResidualNetwork
        F, or Φ.
    decoder : ShallowNetwork or ResidualNetwork
        G, or the inverse of Φ, wherever they are asked; :meth:`decode` asks where points are kept.
    charts : tuple of Chart
    gap : float
        Half-width of what is removed, in radians of the normalised chart.
    kind : {"shallow", "flow"}
    latent_ranges : ndarray, shape (P, k, 2)
        The box that each component's kept part takes in the bottleneck.
    dim, latent_dim : int
        n and k.

    Notes
    -----
    **Accuracy.** See :meth:`report`, which measures it. Largest error off the cut for two linked
    unit circles in space, gap 0.4, 0.2, 0.1: 4e-4, 4e-3, 3e-2 ("shallow"), and with gap 0.4, 0.1:
    3e-5, 1e-4 ("flow"). Points off the components are not provided for, but no decoded point
    leaves the ball about them.

    **Cost.** "shallow": U directions times B knots are the neurons, where U grows with the power
    n − 1, and B in proportion, of the size of K over the width of the gap. "flow": some twenty
    least-squares problems in ``width`` unknowns.

    See Also
    --------
    ridgeflow.reconstruct_network, ridgeflow.relu_spectrum

    References
    ----------
    M. Kvalheim and E. Sontag, *Why should autoencoders work?*, TMLR 2024, theorems 1 and 2.

    Examples
    --------
    >>> t = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    >>> ring = np.stack([np.cos(t), np.sin(t)], axis=1)
    >>> model = BottleneckAutoencoder.from_curves([ring], gap=0.4)
    >>> model.encode(ring).shape, model.decode(model.encode(ring)).shape
    ((80, 1), (80, 2))
    >>> found = model.report(0.05)
    >>> bool(found.sup_kept < 0.01), bool(found.sup > 0.99)
    (True, True)
    """

    def __init__(
        self, charts: tuple[Chart, ...], gap: float, kind: str, maps: ShallowMaps | FlowMaps
    ) -> None:
        self.charts, self.gap, self.kind = charts, gap, kind
        self._maps = maps
        self.encoder: ShallowNetwork | ResidualNetwork
        self.decoder: ShallowNetwork | ResidualNetwork
        if isinstance(maps, ShallowMaps):
            self.encoder, self.decoder = maps.encoder, maps.decoder
        else:
            self.encoder, self.decoder = maps.flow, maps.inverse
        self.dim, self.latent_dim = self.encoder.dim, charts[0].dim
        self.latent_ranges = np.stack([self._range(i) for i in range(len(charts))])

    def __repr__(self) -> str:
        return (
            f"BottleneckAutoencoder(kind={self.kind!r}, components={len(self.charts)}, "
            f"dim={self.dim}, latent_dim={self.latent_dim}, gap={self.gap:g})"
        )

    def _range(self, index: int) -> NDArray[np.float64]:
        chart = self.charts[index]
        grid = chart.samples(self.gap, *nodes(chart.dim, FIT[self.kind]))
        z = self._maps.latent(index, chart, grid.z[grid.kept])
        return np.stack([z.min(0), z.max(0)], axis=1)

    @classmethod
    def from_curves(
        cls,
        curves: Any,
        gap: float | None = None,
        *,
        measure: float | None = None,
        kind: str = "shallow",
        centers: ArrayLike | None = None,
        avoid: ArrayLike | None = None,
        order: str = "auto",
        smoothing: float = 0.0,
        latent_ranges: ArrayLike | None = None,
        scale: float | None = None,
        n_directions: int | None = None,
        n_knots: int | None = None,
        width: int | None = None,
        depth: tuple[int, int] | None = None,
        end: float | None = None,
        rng: int | np.random.Generator | None = 0,
    ) -> BottleneckAutoencoder:
        """Autoencoder of disjoint closed curves through one dimension.

        Parameters
        ----------
        curves : sequence, or array_like of shape (N, n)
            One entry per curve: a function of an array of angles in [0, 2π], to (., n) points,
            or (N, n) points of the curve. A single array is a cloud of all curves, which are told
            apart by their distance.
        gap : float
            Half-width of the removed arc in radians of normalised arclength, in (0, π).
        measure : float, optional
            The removed part of the whole length, in (0, 1), instead of ``gap``.
        kind : {"shallow", "flow"}
        centers : array_like, shape (P,), optional
            Angle of normalised arclength in the middle of each removed arc; by default where the
            ends of the arc are farthest apart, and away from other curves and from ``avoid``.
        avoid : array_like, shape (n_avoid, n), optional
            Points of the curves that must not be removed.
        order : {"auto", "given", "find"}
            Whether the points of a cloud follow the curve in the order given.
        smoothing : float
            Standard deviation of the noise of the points, in each coordinate; 0 interpolates.
        latent_ranges : array_like, shape (P, 2), optional
            Disjoint intervals for the pieces; for "shallow".
        scale : float, optional
            Standard deviation of the Gaussians ("shallow"), or the length over which a neuron
            changes ("flow").
        n_directions, n_knots : int, optional
            Rule of the encoder's ReLU neurons.
        width : int, optional
            Neurons of each field of the flow; by default in proportion to the longest curve.
        depth : tuple of two int, optional
            Layers that contract and that straighten; by default as fast as points move.
        end : float, optional
            Angle at which the contraction ends, in radians of normalised arclength; by default one
            at which the pieces project on a line without folds and apart from each other.
        rng : int, Generator or None
            Neurons of the flow.

        Returns
        -------
        BottleneckAutoencoder

        Raises
        ------
        ValueError
            If the gap or an option is out of range; a curve is open, meets itself or another one;
            curves lie on a line; the points to avoid leave no room; or latent ranges overlap.

        Examples
        --------
        >>> ring = lambda t: np.stack([np.cos(t), np.sin(t)], axis=1)
        >>> BottleneckAutoencoder.from_curves([ring], measure=0.1)
        BottleneckAutoencoder(kind='shallow', components=1, dim=2, latent_dim=1, gap=0.314159)
        """
        wanted = checked_gap(gap, measure)
        found = closed_curves(curves, order=order, smoothing=smoothing)
        dim = found[0].nodes.shape[1]
        taken = None if avoid is None else as_points(avoid, "avoid", dim).astype(np.float64)
        middles: list[float | None] = [None] * len(found)
        if centers is not None:
            given = as_real_array(centers, "centers", ndim=1)
            if len(given) != len(found):
                raise ValueError(
                    f"`centers` must hold one angle per curve ({len(found)}), got {len(given)}"
                )
            middles = [float(c) for c in given]
        charts = []
        for i, curve in enumerate(found):
            others = [c.nodes for j, c in enumerate(found) if j != i]
            charts.append(
                curve_chart(
                    curve,
                    wanted,
                    centre=middles[i],
                    avoid=taken,
                    others=np.concatenate(others) if others else None,
                    name=f"curve {i}",
                )
            )
        return cls.from_charts(
            charts,
            wanted,
            kind=kind,
            latent_ranges=latent_ranges,
            scale=scale,
            n_directions=n_directions,
            n_knots=n_knots,
            width=width,
            depth=depth,
            end=end,
            rng=rng,
        )

    @classmethod
    def from_sphere(
        cls,
        radius: float = 1.0,
        gap: float = 0.4,
        *,
        center: ArrayLike = (0.0, 0.0, 0.0),
        hole: ArrayLike = (0.0, 0.0, 1.0),
        kind: str = "shallow",
        scale: float | None = None,
        n_directions: int | None = None,
        n_knots: int | None = None,
        width: int | None = None,
        depth: tuple[int, int] | None = None,
        end: float | None = None,
        rng: int | np.random.Generator | None = 0,
    ) -> BottleneckAutoencoder:
        """Autoencoder of a round sphere in space through two dimensions.

        Parameters
        ----------
        radius : float
        gap : float
            Angular radius of the removed cap, in (0, π).
        center : array_like, shape (3,)
        hole : array_like, shape (3,)
            Direction of the middle of the removed cap.
        kind, scale, n_directions, n_knots, width, depth, end, rng
            As in :meth:`from_curves`.

        Returns
        -------
        BottleneckAutoencoder

        Raises
        ------
        ValueError
            If the radius or the gap is out of range, or the direction vanishes.
        """
        size = checked_size(positive(radius, "radius"), "radius")
        at = as_real_array(center, "center", ndim=1).astype(np.float64)
        to = as_real_array(hole, "hole", ndim=1).astype(np.float64)
        for name, value in (("center", at), ("hole", to)):
            if len(value) != 3:
                raise ValueError(f"`{name}` must have shape (3,), got {value.shape}")
        largest = float(np.abs(to).max())
        if not largest > 0:
            raise ValueError("`hole` must not vanish, got the zero vector")
        to /= largest
        return cls.from_charts(
            [sphere_chart(size, at, to / np.linalg.norm(to))],
            gap,
            kind=kind,
            scale=scale,
            n_directions=n_directions,
            n_knots=n_knots,
            width=width,
            depth=depth,
            end=end,
            rng=rng,
        )

    @classmethod
    def from_torus(
        cls,
        major: float = 2.0,
        minor: float = 1.0,
        gap: float = 0.4,
        *,
        center: ArrayLike = (0.0, 0.0, 0.0),
        cut: ArrayLike = (0.0, 0.0),
        kind: str = "shallow",
        scale: float | None = None,
        n_directions: int | None = None,
        n_knots: int | None = None,
        width: int | None = None,
        depth: tuple[int, int] | None = None,
        end: float | None = None,
        rng: int | np.random.Generator | None = 0,
    ) -> BottleneckAutoencoder:
        """Autoencoder of a torus of revolution in space through two dimensions.

        Parameters
        ----------
        major, minor : float
            Radius of the circle in the middle and of the tube, major > minor > 0.
        gap : float
            Half-width of both removed bands, in radians, in (0, π).
        center : array_like, shape (3,)
        cut : array_like, shape (2,)
            Angles of the middles of the bands: along the torus and round the tube.
        kind, scale, n_directions, n_knots, width, depth, end, rng
            As in :meth:`from_curves`.

        Returns
        -------
        BottleneckAutoencoder

        Raises
        ------
        ValueError
            If the radii or the gap are out of range.
        """
        large = checked_size(positive(major, "major"), "major")
        small = checked_size(positive(minor, "minor"), "minor")
        if not large > small:
            raise ValueError(
                f"`major` must exceed `minor`, got {large:g} and {small:g} (the tube would meet "
                "itself)"
            )
        at = as_real_array(center, "center", ndim=1).astype(np.float64)
        angles = as_real_array(cut, "cut", ndim=1).astype(np.float64)
        for name, value, size in (("center", at, 3), ("cut", angles, 2)):
            if len(value) != size:
                raise ValueError(f"`{name}` must have shape ({size},), got {value.shape}")
        return cls.from_charts(
            [torus_chart(large, small, at, angles)],
            gap,
            kind=kind,
            scale=scale,
            n_directions=n_directions,
            n_knots=n_knots,
            width=width,
            depth=depth,
            end=end,
            rng=rng,
        )

    @classmethod
    def from_charts(
        cls,
        charts: Sequence[Chart],
        gap: float,
        *,
        latent_dim: int | None = None,
        kind: str = "shallow",
        latent_ranges: ArrayLike | None = None,
        scale: float | None = None,
        n_directions: int | None = None,
        n_knots: int | None = None,
        width: int | None = None,
        depth: tuple[int, int] | None = None,
        end: float | None = None,
        rng: int | np.random.Generator | None = 0,
    ) -> BottleneckAutoencoder:
        """Autoencoder of closed components given by charts.

        Parameters
        ----------
        charts : sequence of Chart
            One per component, all of dimension k, into one R^n.
        gap : float
            η, in (0, π): of each chart's domain the part η/π next to the rim is removed.
        latent_dim : int, optional
            k; that of the charts by default.
        kind, latent_ranges, scale, n_directions, n_knots, width, depth, end, rng
            As in :meth:`from_curves`; ranges for k = 1 only.

        Returns
        -------
        BottleneckAutoencoder

        Raises
        ------
        ValueError
            If a component's dimension is not k, k >= n, or an option is out of range.
        """
        removed = checked_gap(gap, None)
        given = tuple(items_of(charts, "charts"))
        maps = build_maps(
            given,
            removed,
            latent_dim=latent_dim,
            kind=kind,
            latent_ranges=latent_ranges,
            scale=scale,
            n_directions=n_directions,
            n_knots=n_knots,
            width=width,
            depth=depth,
            end=end,
            rng=rng,
        )
        return cls(given, removed, kind, maps)

    def encode(self, x: ArrayLike) -> NDArray:
        """F at points.

        Parameters
        ----------
        x : array_like, shape (N, n)

        Returns
        -------
        ndarray, shape (N, k)
            float32 if x is float32.
        """
        points = as_points(x, "x", self.dim)
        return self._maps.encode(points.astype(np.float64)).astype(common_float(points))

    def decode(self, z: ArrayLike) -> NDArray:
        """G at latent points, which are moved to the nearest that is kept.

        Pieces take boxes of the bottleneck. Beyond them a point is decoded at the edge, between two
        of them on the line from the edge of the one to the edge of the other, and what then leaves
        the ball about the components is drawn back to it: lost points come back near K. For curves
        and kind="shallow" that is ``decoder`` itself.

        Parameters
        ----------
        z : array_like, shape (N, k)
            For k = 1 also shape (N,).

        Returns
        -------
        ndarray, shape (N, n)
            float32 if z is float32.
        """
        latent = as_points(z, "z", self.latent_dim)
        return self._maps.decode(latent.astype(np.float64)).astype(common_float(latent))

    def __call__(self, x: ArrayLike) -> NDArray:
        """G(F(x)), shape (N, n)."""
        return self.decode(self.encode(x))

    def report(self, eps: float) -> AutoencoderReport:
        r"""Measure the autoencoder on its components, beside what theory forces.

        Parameters
        ----------
        eps : float
            Error ε above which a point counts as lost, in the unit of the points.

        Returns
        -------
        AutoencoderReport

        Raises
        ------
        ValueError
            If ε is not positive, or so large that no error of K could exceed it.
        """
        level = positive(eps, "eps")
        size = nodes(self.latent_dim, REPORT[self.kind])
        samples = [chart.samples(self.gap, *size) for chart in self.charts]
        extent = float(
            np.linalg.norm(np.ptp(np.concatenate([grid.points for grid in samples]), axis=0))
        )
        if level >= extent:
            raise ValueError(
                f"`eps` must be less than the size of the components, {extent:.3g}, got {level:g}"
            )
        return make_report(self._maps, self.charts, samples, level)
