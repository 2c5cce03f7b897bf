"""Stacked denoising autoencoders: each trained on the features of the one before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections_in
from ridgeflow._validate import as_points, as_real_array, items_of, positive, positive_int
from ridgeflow.errors import ConvergenceError
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.transport.gaussian_dae import GaussianDAE, as_law

__all__ = ["StackedDAE"]


@takes_collections_in("__call__", "encode", "decode", "composed")
class StackedDAE:
    r"""A stack of denoising autoencoders with linear decoders, as in pretraining.

    Layer l denoises the features :math:`z_l` (:math:`z_0 = x`) optimally for the noise N(0, t_l I),
    :math:`\Phi_l = C_l \circ h_l`, with an injective linear decoder :math:`C_l` and the encoder
    :math:`h_l = C_l^+\Phi_l`; the features :math:`z_{l+1} = h_l(z_l)` are what the next layer is
    trained on. The stack decodes to

    .. math:: C_0 C_1 \cdots C_{L-1}\,h_{L-1}\circ\cdots\circ h_0 .

    In the ground space the hidden layer l is the denoising autoencoder of the law that reaches it
    for the noise :math:`N(0, t_l D_l)`, :math:`D_l = (C_0\cdots C_{l-1})(C_0\cdots C_{l-1})^T`,
    :math:`D_0 = I`: stacking is composition. The noise of a layer passes through the decoders in
    front of it, not through its own. Where layers are counted from the first that denoises
    *features*, so that layer l denoises :math:`z_{l+1}`, the same matrix is
    :math:`(C_0\cdots C_l)(C_0\cdots C_l)^T`; with the layers as they are counted here that product
    is wrong.

    Parameters
    ----------
    law : GaussianMixture or SampleField
        The law of the data in R^m; mixtures of two components or more must be given as samples.
    times : array_like, shape (L,)
        Noise variances :math:`t_l`, in the unit of the features of each layer squared.
    decoders : sequence of array_like
        :math:`C_0, .., C_{L-1}`, square and invertible, shape (m, m).

    Attributes
    ----------
    layers : tuple of GaussianDAE
        In the spaces of the features.
    composition : tuple of GaussianDAE
        The same in the ground space, with covariances :math:`D_l`; made from the laws that they
        meet, not from the layers.
    dim : int
    depth : int

    Raises
    ------
    TypeError
        If the law is of another kind.
    ValueError
        If the numbers of times and decoders differ, a decoder is not injective, or the law is a
        mixture of several components.
    ConvergenceError
        If the law or the noise of a layer is singular to rounding.

    Notes
    -----
    **Accuracy.** Both sides are exact for normal and for empirical laws, and agree to rounding.

    **Cost.** That of L layers, twice.

    See Also
    --------
    DeepDAE : the composition with one noise for all layers.

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, JMLR 20 (2019),
    on stacked autoencoders. P. Vincent et al., *Stacked denoising autoencoders*, JMLR 11 (2010).

    Examples
    --------
    >>> law = GaussianMixture([1.0], [[0.0, 0.0]], 1.0)
    >>> stack = StackedDAE(law, [0.1, 0.2], [[[2.0, 0.0], [0.0, 1.0]], np.eye(2)])
    >>> x = np.array([[1.0, -1.0]])
    >>> bool(np.abs(stack(x) - stack.composed(x)).max() < 1e-14)
    True
    """

    def __init__(
        self,
        law: GaussianMixture | SampleField,
        times: ArrayLike,
        decoders: Sequence[ArrayLike],
    ) -> None:
        law = as_law(law)
        if isinstance(law, GaussianMixture) and law.n_components > 1:
            raise ValueError(
                f"`law` must be normal or given as samples, got a mixture of {law.n_components} "
                "components (its features have no closed law: SampleField(law.sample(4000)))"
            )
        self.dim = int(law.dim)
        variances = as_real_array(times, "times", ndim=1)
        decoders = items_of(decoders, "decoders")
        if len(variances) != len(decoders):
            raise ValueError(
                f"`decoders` must hold one matrix for each of the {len(variances)} times, got "
                f"{len(decoders)}"
            )
        self.depth = len(variances)
        self._decoders = [self._decoder(c, i) for i, c in enumerate(decoders)]
        self._encoders = [np.linalg.inv(c) for c in self._decoders]
        layers, composition = [], []
        features, ground, product = law, law, np.eye(self.dim)
        for index, (t, encoder, decoder) in enumerate(
            zip(variances, self._encoders, self._decoders, strict=True)
        ):
            time = positive(float(t), f"times[{index}]")
            try:
                layer = GaussianDAE(features, time)
                step = GaussianDAE(ground, time, covariance=product @ product.T)
                layers.append(layer)
                composition.append(step)
                features = _mapped(layer.pushforward(), encoder)
                ground, product = step.pushforward(), product @ decoder
            # Covariances that are singular to rounding, or no numbers.
            except ValueError as error:
                raise ConvergenceError(
                    f"`times[{index}]` and `decoders[{index}]` must leave a law and a noise of "
                    f"full rank, got those of layer {index} singular to rounding (take a smaller "
                    "time, or decoders closer to the identity)"
                ) from error
        self.layers, self.composition = tuple(layers), tuple(composition)

    def _decoder(self, value: ArrayLike, index: int) -> NDArray[np.float64]:
        name = f"decoders[{index}]"
        matrix = as_real_array(value, name, ndim=2).astype(np.float64)
        if matrix.shape != (self.dim, self.dim):
            raise ValueError(f"`{name}` must have shape {(self.dim, self.dim)}, got {matrix.shape}")
        singular = np.linalg.svd(matrix, compute_uv=False)
        if singular[-1] <= 1e-12 * singular[0]:
            raise ValueError(
                f"`{name}` must be injective, got singular values from {singular[-1]:.2g} to "
                f"{singular[0]:.2g} (features that it maps to zero are lost)"
            )
        return matrix

    def _depth_of(self, depth: int | None) -> int:
        if depth is None:
            return self.depth
        return positive_int(depth, "depth", minimum=0, maximum=self.depth)

    def encode(self, x: ArrayLike, depth: int | None = None) -> NDArray[np.float64]:
        """Features after ``depth`` layers, all of them by default: h_{depth-1} ∘ .. ∘ h_0 (x).

        Parameters
        ----------
        x : array_like, shape (n, m)
        depth : int, optional

        Returns
        -------
        ndarray, shape (n, m)

        Raises
        ------
        ValueError
            If ``depth`` is not between 0 and the depth of the stack.
        """
        z = as_points(x, "x", self.dim).astype(np.float64)
        count = self._depth_of(depth)
        for layer, encoder in zip(self.layers[:count], self._encoders, strict=False):
            z = layer(z) @ encoder.T
        return z

    def decode(self, z: ArrayLike, depth: int | None = None) -> NDArray[np.float64]:
        """Points of the ground space: C_0 .. C_{depth-1} z.

        Parameters
        ----------
        z : array_like, shape (n, m)
            Features after ``depth`` layers.
        depth : int, optional

        Returns
        -------
        ndarray, shape (n, m)

        Raises
        ------
        ValueError, TypeError
            If ``depth`` is not an integer between 0 and the depth of the stack.
        """
        x = as_points(z, "z", self.dim).astype(np.float64)
        count = self._depth_of(depth)
        for decoder in reversed(self._decoders[:count]):
            x = x @ decoder.T
        return x

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Encode through all layers and decode.

        Parameters
        ----------
        x : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n, m)
        """
        return self.decode(self.encode(x))

    def composed(self, x: ArrayLike) -> NDArray[np.float64]:
        """The composition of denoising autoencoders in the ground space that the stack equals.

        Parameters
        ----------
        x : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n, m)
        """
        y = as_points(x, "x", self.dim).astype(np.float64)
        for step in self.composition:
            y = step(y)
        return y


def _mapped(law: GaussianMixture | SampleField, matrix: NDArray) -> GaussianMixture | SampleField:
    """The law under x -> matrix x."""
    if isinstance(law, SampleField):
        return SampleField(law.points @ matrix.T, weights=law.weights)
    covariance = matrix @ law.covariances[0] @ matrix.T
    return GaussianMixture(law.weights, law.means @ matrix.T, 0.5 * (covariance + covariance.T))
