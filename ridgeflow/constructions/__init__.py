"""Networks written down, not trained: truncation maps and explicit minimisers.

Following Chen and Muñoz Ewald, each layer collapses one class of the data to a point and leaves the
others as they are; the last layer sends these points to the labels.
"""

from ridgeflow.constructions.landscape import Configuration, configurations
from ridgeflow.constructions.minimizer import TruncationNetwork, clustered_minimizer
from ridgeflow.constructions.separation import (
    SequentialSeparation,
    separable_minimizer,
    sequential_separation,
)
from ridgeflow.constructions.truncation import (
    cone_layer,
    cumulative_parameters,
    entropy_rate,
    layer_parameters,
    truncation_field,
    truncation_flow,
    truncation_map,
)

__all__ = [
    "Configuration",
    "SequentialSeparation",
    "TruncationNetwork",
    "clustered_minimizer",
    "cone_layer",
    "configurations",
    "cumulative_parameters",
    "entropy_rate",
    "layer_parameters",
    "separable_minimizer",
    "sequential_separation",
    "truncation_field",
    "truncation_flow",
    "truncation_map",
]
