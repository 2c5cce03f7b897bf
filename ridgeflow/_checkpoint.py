"""Checkpoints: a folder with the finished parts of a long job, from which it goes on.

A part is an archive that is whole or absent. It carries the job's digest, and the state of the
job's random generator behind it: whatever a job did not lose it neither computes nor draws again,
and what it computes then has the bits that it would have had.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from ridgeflow import __version__
from ridgeflow._config import get_config
from ridgeflow._storage import JOB, as_path, open_archive, save_archive
from ridgeflow.errors import CheckpointError

__all__ = ["NO_CHECKPOINT", "Checkpoint", "Part", "checkpoint_at", "digest_of"]

# Words (JSON values) and arrays.
Part = tuple[dict[str, Any], dict[str, NDArray]]

_KIND = "checkpoint"
_TEMPORARY = ".ridgeflow-"


def _fed(found: Any, value: Any) -> None:
    """Feed a value to a hash, with marks so that no two values look alike."""
    if isinstance(value, np.ndarray):
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        found.update(f"array{little.dtype.str}{value.shape}".encode())
        found.update(little.reshape(-1).view(np.uint8).data)
    elif isinstance(value, Mapping):
        found.update(f"table{len(value)}".encode())
        for name in sorted(value):
            _fed(found, [name, value[name]])
    elif isinstance(value, (list, tuple)):
        found.update(f"list{len(value)}".encode())
        for one in value:
            _fed(found, one)
    elif is_dataclass(value) and not isinstance(value, type):
        _fed(found, [type(value).__name__, [getattr(value, part.name) for part in fields(value)]])
    elif value is None or isinstance(value, (bool, int, float, complex, str, np.generic)):
        plain = value.item() if isinstance(value, np.generic) else value
        text = repr(plain).encode("utf-8", "surrogatepass")
        found.update(f"{type(plain).__name__}{len(text)}:".encode() + text)
    else:
        raise TypeError(f"no digest of a {type(value).__name__}")


def digest_of(value: Any) -> str:
    """32 digits that change with any number or word of what is made of plain values, arrays,
    lists, tables and data classes of them.
    """
    found = hashlib.sha256()
    _fed(found, value)
    return found.hexdigest()[:32]


class Checkpoint:
    """The finished parts of one job in a folder; :func:`checkpoint_at` makes it.

    Without folder nothing is kept: each part is computed when it is asked for.
    """

    def __init__(
        self,
        folder: Path | None = None,
        digest: str = "",
        rng: np.random.Generator | None = None,
        prefix: str = "",
    ) -> None:
        self._folder, self._digest, self._prefix = folder, digest, prefix
        # What the job has to draw from.
        self.rng = rng

    def __bool__(self) -> bool:
        return self._folder is not None

    def within(self, prefix: str) -> Checkpoint:
        """The same checkpoint for a stage whose parts have names of their own."""
        return Checkpoint(self._folder, self._digest, self.rng, f"{self._prefix}{prefix}-")

    def folder(self, name: str) -> Path | None:
        """Where a job that is a part of this one keeps its own checkpoint."""
        return None if self._folder is None else self._folder / name

    def holds(self, name: str) -> bool:
        """Whether a part is finished."""
        return self._folder is not None and self._path(name).exists()

    def _path(self, name: str) -> Path:
        return Path(self._folder or "") / f"part-{self._prefix}{name}.npz"

    def part(self, name: str, make: Callable[[], Part]) -> Part:
        """A part of the job: read if it is there, else made and written."""
        if self._folder is None:
            return make()
        path = self._path(name)
        if path.exists():
            with _damage_of(path), open_archive(path, _KIND) as archive:
                words, state = self._checked(archive.header, path, name)
                arrays = {key: archive[key] for key in archive}
                if self.rng is not None:
                    _restore(self.rng, state)
            return words, arrays
        words, arrays = make()
        header = {"job": self._digest, "part": self._prefix + name, "words": words}
        save_archive(path, _KIND, header | {"random": _state(self.rng)}, arrays)
        return words, arrays

    def arrays(self, name: str, make: Callable[[], tuple[NDArray | float, ...]]) -> tuple:
        """A part that is some arrays or numbers."""
        if self._folder is None:
            return make()
        made = self.part(
            name, lambda: ({}, {f"a{i}": np.asarray(one) for i, one in enumerate(make())})
        )[1]
        return tuple(made[f"a{i}"] for i in range(len(made)))

    def array(self, name: str, make: Callable[[], NDArray | float]) -> NDArray:
        """A part that is one array, or one number."""
        return self.arrays(name, lambda: (make(),))[0]

    def _checked(self, header: dict[str, Any], path: Path, name: str) -> tuple[dict, Any]:
        if header.get("job") != self._digest or header.get("part") != self._prefix + name:
            raise CheckpointError(
                f"`checkpoint` must hold parts of this job, got {str(path)!r} of another one "
                "(remove that file)"
            )
        return header["words"], header["random"]


NO_CHECKPOINT: Checkpoint = Checkpoint()


def checkpoint_at(
    path: str | os.PathLike | None,
    job: str,
    inputs: Mapping[str, Any],
    rng: np.random.Generator | None = None,
    *,
    fresh: bool = False,
) -> Checkpoint:
    """The checkpoint of a job in a folder, which is made if it does not exist; None keeps nothing.

    ``inputs`` is everything that results depend on, by the names of arguments; what takes long to
    collect is a partial call. ``rng`` is the generator of the job, which draws from
    the checkpoint's: where its seed is ``fresh``, from the system, a job that goes on draws from
    the one that it began with.
    """
    if path is None:
        return NO_CHECKPOINT
    folder = as_path(path, "checkpoint")
    began = _state(rng)
    every = {
        **inputs,
        "rng": "fresh" if fresh else began,
        "the versions of ridgeflow, numpy and scipy": [
            __version__,
            np.__version__,
            scipy.__version__,
        ],
        "fft_effort": get_config().fft_effort,
    }
    digests = {
        name: digest_of(value() if isinstance(value, partial) else value)
        for name, value in every.items()
    }
    try:
        folder.mkdir(exist_ok=True)
        held = {entry.name for entry in os.scandir(folder)}
    except OSError as error:
        raise CheckpointError(
            f"`checkpoint` must be a folder that can be made and written, got {str(folder)!r} "
            f"({error.strerror})"
        ) from None
    file = folder / JOB
    if JOB in held:
        with _damage_of(file), open_archive(file, _KIND) as archive:
            header = archive.header
            _same_job(folder, job, digests, header["job"], header["inputs"])
            began = header["random"]
            if rng is not None:
                if fresh:
                    rng = _seeded_alike(began)
                _restore(rng, began)
    elif any(not name.startswith(_TEMPORARY) for name in held):
        raise CheckpointError(
            f"`checkpoint` must be an empty folder or that of a checkpoint, got {str(folder)!r} "
            f"with other files and no {JOB} (pass a folder of its own)"
        )
    else:
        save_archive(file, _KIND, {"job": job, "inputs": digests, "random": began}, {})
    # Behind a generator whose seed came from the system parts belong to where it began.
    return Checkpoint(folder, digest_of([job, digests, began]), rng)


def _same_job(
    folder: Path, job: str, ours: dict[str, str], their_job: Any, theirs: dict[str, str]
) -> None:
    if their_job != job:
        reason = f"one of {their_job}, not of {job}"
    else:
        names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        if not names:
            return
        words = [name if " " in name else f"`{name}`" for name in names]
        reason = f"one with other values of {', '.join(words)}"
    raise CheckpointError(
        f"`checkpoint` must be that of this job, got {str(folder)!r}, {reason} (pass another "
        "folder, or remove this one)"
    )


@contextlib.contextmanager
def _damage_of(path: Path) -> Iterator[None]:
    """What a damaged file raises, as CheckpointError with the way out."""
    try:
        yield
    except CheckpointError:
        raise
    # FileFormatError, a ValueError by descent, and what words of another shape raise.
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(
            f"`checkpoint` must hold whole files, got {str(path)!r}: {error} (remove the "
            f"{'folder' if path.name == JOB else 'file, and this part is computed anew'})"
        ) from None


def _state(rng: np.random.Generator | None) -> Any:
    """The state of a generator in JSON's types, with its seed and how many it has spawned."""
    if rng is None:
        return None
    seed = rng.bit_generator.seed_seq
    known = seed.state if isinstance(seed, np.random.SeedSequence) else None
    return _listed({"bits": rng.bit_generator.state, "seed": known})


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _listed(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_listed(one) for one in value]
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "values": value.tolist()}
    return value.item() if isinstance(value, np.generic) else value


def _unlisted(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"dtype", "values"}:
            return np.array(value["values"], dtype=np.dtype(value["dtype"]))
        return {name: _unlisted(one) for name, one in value.items()}
    return value


def _seeded_alike(state: Any) -> np.random.Generator:
    """A generator of the seed that another one had."""
    seed = _unlisted(state["seed"])
    return np.random.default_rng(
        np.random.SeedSequence(
            seed["entropy"], spawn_key=seed["spawn_key"], pool_size=seed["pool_size"]
        )
    )


def _restore(rng: np.random.Generator, state: Any) -> None:
    """Take a generator on to a state that it, or one of its seed, has reached before."""
    rng.bit_generator.state = _unlisted(state["bits"])
    seed = rng.bit_generator.seed_seq
    if isinstance(seed, np.random.SeedSequence):
        # Sobol sequences are scrambled by children of it, whose count is no part of its bits.
        missing = state["seed"]["n_children_spawned"] - seed.n_children_spawned
        if missing > 0:
            seed.spawn(missing)
