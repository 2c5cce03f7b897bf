"""Networks written down, not trained: truncation maps, explicit minimisers, bottlenecks.

Following Chen and Muñoz Ewald, each layer collapses one class of the data to a point and leaves the
others as they are; the last layer sends these points to the labels. Following Kvalheim and Sontag,
autoencoders reproduce closed curves and surfaces but for a small set, where they must fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ridgeflow.constructions.autoencoder import BottleneckAutoencoder
from ridgeflow.constructions.autoencoder_report import AutoencoderReport, ComponentReport
from ridgeflow.constructions.charts import Chart
from ridgeflow.constructions.curves import filling_radius
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

if TYPE_CHECKING:
    from ridgeflow.constructions.classifier import TruncationClassifier

__all__ = [
    "AutoencoderReport",
    "BottleneckAutoencoder",
    "Chart",
    "ComponentReport",
    "Configuration",
    "SequentialSeparation",
    "TruncationClassifier",
    "TruncationNetwork",
    "clustered_minimizer",
    "cone_layer",
    "configurations",
    "cumulative_parameters",
    "entropy_rate",
    "filling_radius",
    "layer_parameters",
    "separable_minimizer",
    "sequential_separation",
    "truncation_field",
    "truncation_flow",
    "truncation_map",
]


def __getattr__(name: str) -> Any:
    # Needs scikit-learn, which nothing else here does.
    if name == "TruncationClassifier":
        from ridgeflow.constructions.classifier import TruncationClassifier

        return TruncationClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
