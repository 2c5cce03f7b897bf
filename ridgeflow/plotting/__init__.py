"""Figures of finished results; nothing here computes anything but what a picture needs.

Every function takes objects or arrays that are done, and returns a ``matplotlib.figure.Figure``
that belongs to no window and no global state: save it with ``figure.savefig(path)``. Colours are
told apart by people with colour vision deficiencies, and lines differ in marker or dash as well.
"""

from ridgeflow.plotting.constructions import bottleneck_curves, bottleneck_flow
from ridgeflow.plotting.flows import errors_by_size, functionals, trajectories
from ridgeflow.plotting.limits import limit_study
from ridgeflow.plotting.networks import network_over_spectrum
from ridgeflow.plotting.spectra import spectrum_map
from ridgeflow.plotting.theorems import statement_figure

__all__ = [
    "bottleneck_curves",
    "bottleneck_flow",
    "errors_by_size",
    "functionals",
    "limit_study",
    "network_over_spectrum",
    "spectrum_map",
    "statement_figure",
    "trajectories",
]
