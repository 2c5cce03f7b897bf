"""Probabilities of classes from the outputs of a classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

__all__ = ["Calibration"]

# Weight, in samples, of the prior that keeps the slope finite where classes are told apart
# perfectly.
_PRIOR = 1.0
# Logarithms of slopes, in the size of outputs.
_LOG_SLOPES = (-12.0, 8.0)


@dataclass(frozen=True)
class Calibration:
    r"""Probabilities :math:`p_k \propto e^{\alpha z_k}` of outputs z, the largest of the largest.

    Attributes
    ----------
    slope : float
        :math:`\alpha \ge 0`.
    """

    slope: float

    @classmethod
    def of(cls, outputs: NDArray, labels: NDArray, weights: NDArray) -> Calibration:
        """Of least weighted negative log-likelihood, for outputs (n, k), labels (n,) and weights.

        Outputs must be those of fits that have not seen their own sample: others are too sure.
        """
        classes = outputs.shape[1]
        # As many samples as the weights are worth.
        count = weights.sum() ** 2 / (weights**2).sum()
        share = weights / weights.sum()
        hit = labels[:, None] == np.arange(classes)
        soft = share[:, None] * (count * hit + _PRIOR / classes) / (count + _PRIOR)
        size = float(np.sqrt(np.mean(outputs**2))) or 1.0

        def loss(log_slope: float) -> float:
            return -float((soft * log_softmax(np.exp(log_slope) / size * outputs, axis=1)).sum())

        found = minimize_scalar(loss, bounds=_LOG_SLOPES, method="bounded")
        return cls(float(np.exp(found.x)) / size)

    def __call__(self, outputs: NDArray) -> NDArray[np.float64]:
        """Probabilities (n, k) of outputs (n, k)."""
        return np.asarray(softmax(self.slope * outputs.astype(np.float64), axis=1))
