"""The papers behind the library: one file of BibTeX entries, and which functions rest on which."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from ridgeflow._validate import one_of

__all__ = ["bibtex", "cite", "entry_keys", "reference", "topics"]

_ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308"}
_SOFTWARE = "ridgeflow"
_RIDGELET = ("sonoda2017unbounded", "candes1998ridgelets", "murata1996integral")
_SCORE = ("sonoda2019transport", "alain2014regularized", "vincent2008extracting")

# Topic -> papers, and the public names that rest on them.
_TOPICS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "radon transform": (
        ("radon1917bestimmung", "natterer2001mathematics"),
        (
            "radon",
            "radon_adjoint",
            "radon_inverse",
            "dual_radon",
            "filter_sinogram",
            "RadonPlan",
            "dot_test",
        ),
    ),
    "ridgelet transform": (
        _RIDGELET,
        (
            "Ridgelet",
            "activation",
            "Activation",
            "admissibility",
            "admissible_ridgelet",
            "transfer_function",
            "ridgelet_transform",
            "reconstruct",
            "reconstruct_gradient",
            "corrected_dual",
            "CorrectedDual",
            "Spectrum",
            "ParameterGrid",
            "IntegralRepresentation",
            "gradient_spectrum",
            "laplacian_spectrum",
            "inner_product",
            "linear_combination",
        ),
    ),
    "tied weights": (
        ("sonoda2017double", "vincent2010stacked"),
        ("dual_potential", "DualPotential"),
    ),
    "fourier slice method": (("sonoda2024unified",), ("corrected_dual",)),
    "finite fields": (
        ("sonoda2024unified", "yamasaki2023quantum"),
        ("finite_ridgelet_transform", "finite_reconstruct"),
    ),
    "single scale": (
        ("irie1988capabilities",),
        ("irie_funahashi_spectrum", "step_spectrum", "relu_spectrum"),
    ),
    "ghosts": (
        ("sonoda2021ghosts",),
        ("ghost", "null_ridgelet", "minimum_norm", "project_null", "project_range"),
    ),
    "ridge regression": (
        ("sonoda2021ridge",),
        ("fit_outer_weights", "RidgeletRegressor", "RidgeletClassifier"),
    ),
    "oracle sampling": (
        ("sonoda2014sampling", "barron1993universal"),
        ("ShallowNetwork", "RidgeletRegressor", "RidgeletClassifier"),
    ),
    "denoising autoencoders": (
        (*_SCORE, "efron2011tweedie"),
        ("GaussianDAE", "DenoisingAutoencoder", "PositionNoiseDAE"),
    ),
    "transport": (
        ("sonoda2019transport", "sonoda2017transportation"),
        ("DeepDAE", "ContinuousDAE", "FlowResult", "ResidualNetwork"),
    ),
    "stacked autoencoders": (("sonoda2019transport", "vincent2010stacked"), ("StackedDAE",)),
    "wasserstein geometry": (
        ("jordan1998variational", "brenier1991polar"),
        (
            "jko_step",
            "wasserstein2",
            "sliced_wasserstein2",
            "bures_map",
            "wasserstein_velocity",
            "potential_energy",
            "renyi_energy",
        ),
    ),
    "entropy": (("stam1959inequalities",), ("entropy", "fisher_information")),
    "double continuum limit": (
        ("sonoda2017double", "sonoda2019transport"),
        ("DoubleContinuum", "reconstruct_network", "fit_field"),
    ),
    "bottleneck autoencoders": (("kvalheim2024autoencoders",), ("BottleneckAutoencoder",)),
    "truncation maps": (
        ("chen2023geometric", "chen2024interpretable"),
        (
            "constructions",
            "clustered_minimizer",
            "truncation_map",
            "configurations",
            "TruncationNetwork",
            "separable_minimizer",
        ),
    ),
    "phantom": (("shepp1974fourier",), ("shepp_logan", "radon_shepp_logan")),
    "iris": (("fisher1936use",), ("load_iris", "datasets")),
}


@cache
def _entries() -> dict[str, str]:
    text = files("ridgeflow").joinpath("data", "references.bib").read_text("utf-8")
    found = re.split(r"\n(?=@)", text.strip())
    return {entry.partition("{")[2].partition(",")[0]: entry.strip() for entry in found}


def entry_keys() -> tuple[str, ...]:
    """Keys of all entries."""
    return tuple(_entries())


def topics() -> tuple[str, ...]:
    """What :func:`cite` can be asked for by topic."""
    return tuple(_TOPICS)


def bibtex(key: str) -> str:
    """The BibTeX entry of a key."""
    return _entries()[one_of(key, "key", _entries())]


def _plain(text: str) -> str:
    """TeX accents as letters, and no braces."""

    def letter(match: re.Match[str]) -> str:
        return unicodedata.normalize("NFC", match[2] + _ACCENTS[match[1]])

    text = re.sub(r"\\([`'^~\"])(\w)", letter, text)
    return re.sub(r"[{}]", "", text).replace("--", "–")


def reference(key: str) -> str:
    """One line for a key: authors, title and year."""
    return _line(one_of(key, "key", _entries()))


@cache
def _line(key: str) -> str:
    found = dict(re.findall(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", bibtex(key), re.MULTILINE))
    plain = {name: _plain(value) for name, value in found.items()}
    authors = [name.partition(",")[0] for name in plain["author"].split(" and ")]
    listed = ", ".join(authors[:-1]) + (" and " if len(authors) > 1 else "") + authors[-1]
    if len(authors) > 3:
        listed = f"{authors[0]} et al."
    return f"{listed}, {plain['title']} ({plain['year']})"


def _topic_keys(topic: str) -> list[str]:
    lowered = topic.lower()
    if lowered in _TOPICS:
        return list(_TOPICS[lowered][0])
    if topic in _entries():
        return [topic]
    found = [key for papers, names in _TOPICS.values() if topic in names for key in papers]
    if not found:
        names = [name for _, public in _TOPICS.values() for name in public]
        one_of(topic, "topics", ["all", *_TOPICS, *dict.fromkeys(names), *_entries()])
    return found


def _used() -> list[str]:
    """Public names that the process has asked of the package so far."""
    face = vars(sys.modules["ridgeflow"])
    return [name for _, names in _TOPICS.values() for name in names if name in face]


def _name(topic: Any) -> str:
    if isinstance(topic, str):
        return topic
    name = getattr(topic, "__name__", None) or type(topic).__name__
    return str(name).rpartition(".")[2]


def _unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def cite(*topics: Any) -> str:
    """BibTeX of the library and of the papers behind what was used.

    Parameters
    ----------
    *topics : str or object
        What to cite: ``"all"``; a topic (``"ghosts"``); a public name (``"ridgelet_transform"``);
        the key of an entry; or a function, class or instance of the library. Nothing: everything
        that this process has asked of the package so far.

    Returns
    -------
    str
        BibTeX entries, that of the library first.

    Raises
    ------
    ValueError
        If a topic is unknown; the message lists those that are known.

    Examples
    --------
    >>> print(cite("finite fields").splitlines()[0])
    @software{ridgeflow,
    >>> "yamasaki2023quantum" in cite("finite_ridgelet_transform")
    True
    """
    asked = [_name(topic) for topic in topics] if topics else _used()
    found = [_SOFTWARE]
    for topic in asked:
        found += entry_keys() if topic == "all" else _topic_keys(topic)
    return "\n\n".join(bibtex(key) for key in _unique(found)) + "\n"
