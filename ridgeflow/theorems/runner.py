"""Which statements there are, and the function that runs them."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Sequence
from typing import Any

from ridgeflow._checkpoint import Checkpoint, checkpoint_at
from ridgeflow._collections import bridge
from ridgeflow._progress import Progress, alone, steps, tell, with_progress
from ridgeflow._validate import items_of, one_of
from ridgeflow.theorems.report import Report
from ridgeflow.theorems.statement import EFFORTS, Result, Statement, registered

__all__ = ["statements", "validate"]

# In the order in which a report lists them.
_SUBJECTS = (
    "radon",
    "ridgelet",
    "calculus",
    "null_space",
    "finite_field",
    "sampling",
    "denoising",
    "depth",
    "separation",
    "double_continuum",
    "width_depth",
    "autoencoders",
    "truncation",
)


def statements() -> dict[str, Statement]:
    """All statements by name, in the order of the theory.

    Returns
    -------
    dict of str to Statement

    Examples
    --------
    >>> statements()["slice_theorem"].title
    'Fourier slice theorem'
    """
    for subject in _SUBJECTS:
        importlib.import_module(f"ridgeflow.theorems.{subject}")
    order = {subject: i for i, subject in enumerate(_SUBJECTS)}
    found = registered()
    return dict(sorted(found.items(), key=lambda item: order[item[1].subject]))


def _chosen(names: str | Sequence[str] | None) -> list[Statement]:
    known = statements()
    if names is None:
        return list(known.values())
    asked = [names] if isinstance(names, str) else items_of(names, "names")
    if not asked:
        raise ValueError("`names` must hold at least one name, got none (None runs all)")
    for name in asked:
        if not isinstance(name, str):
            raise TypeError(
                f"`names` must hold names of statements, got {name!r} of type "
                f"{type(name).__name__} (statements() lists them)"
            )
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(
                f"`names` must be among {', '.join(known)}, got {name!r}{hint}",
            )
    return [known[name] for name in dict.fromkeys(asked)]


@with_progress("theorems")
def validate(
    names: str | Sequence[str] | None = None,
    *,
    effort: str = "quick",
    checkpoint: str | os.PathLike | None = None,
    client: Any = None,
    progress: Progress = None,
) -> Report:
    """Check theorems by numbers: run statements and report what was predicted and measured.

    Parameters
    ----------
    names : str or sequence of str, optional
        Statements to run; all by default (:func:`ridgeflow.theorems.statements` lists them).
    effort : {"quick", "full"}
        Sizes: all statements together in under three minutes, or larger ones.
    checkpoint : str or path, optional
        Folder for the results, made if it does not exist. The same call goes on from there after an
        interruption, with the numbers, and the seconds, of what was finished. It stays when all are
        finished, and the same call then reads it: remove it when it is no longer needed. Not with a
        client.
    client : distributed.Client, optional
        Whose workers run the statements, each as one task; by default they run here, in order.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    Report
        With ``.passed``, ``.table()``, ``.to_json(path)``, ``.to_html(path)``; iterates over the
        results.

    Raises
    ------
    ValueError
        If a name or the effort is unknown; the message lists those that are known. A statement
        that fails or raises an error is a failed result, not an exception.
    TypeError
        If names are not text in a list, tuple or array, `progress` is not what it may be, or
        `client` is no client.
    CheckpointError
        If the checkpoint is damaged, or that of other names, another effort or version.

    Notes
    -----
    **Accuracy.** Every result holds its tolerances and their reason. Random choices have fixed
    seeds.

    **Cost.** The sum of ``result.seconds``.

    Examples
    --------
    >>> report = validate("finite_field")
    >>> report.passed
    True
    """
    one_of(effort, "effort", EFFORTS)
    chosen = _chosen(names)
    if client is not None:
        if checkpoint is not None:
            raise ValueError(
                "`checkpoint` must be None with a `client`, got a folder (leave one out)"
            )
        calls = [(item.name, effort) for item in chosen]
        found = dict(bridge().on_workers(client, _run, calls, (), tell))
        return Report(tuple(found[i] for i in range(len(calls))), effort)
    inputs = {"names": [item.name for item in chosen], "effort": effort}
    keep = checkpoint_at(checkpoint, "validate", inputs)
    results = []
    for item in steps(chosen, "{1.title}"):
        # Within a statement nothing tells how far it has come.
        with alone():
            results.append(_kept(keep, item, effort))
    return Report(tuple(results), effort)


def _run(name: str, effort: str) -> Result:
    """One statement, wherever it is."""
    return statements()[name].run(effort)


def _kept(keep: Checkpoint, item: Statement, effort: str) -> Result:
    """The result of a statement, from the checkpoint if it holds it."""
    if not keep:
        return item.run(effort)
    words, _ = keep.part(item.name, lambda: (item.run(effort)._words(), {}))
    return Result._of_words(item, effort, words)
