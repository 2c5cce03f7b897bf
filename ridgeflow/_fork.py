"""What a forked child inherits: locks are free in it, whatever other threads of the parent did."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["cached_property", "held_over_forks"]

T = TypeVar("T")
Lock = TypeVar("Lock")


def held_over_forks(lock: Lock) -> Lock:
    """The same lock, which a fork waits for and leaves free on both sides.

    A child has none of its parent's other threads: a lock that one of them held would stay taken
    for ever, and what it guards would be half done. The lock must be reentrant, since the thread
    that forks may hold it.
    """
    if hasattr(os, "register_at_fork"):
        acquire: Callable[[], Any] = lock.acquire  # type: ignore[attr-defined]
        release: Callable[[], Any] = lock.release  # type: ignore[attr-defined]
        os.register_at_fork(before=acquire, after_in_parent=release, after_in_child=release)
    return lock


class cached_property(Generic[T]):
    """A value computed when it is first asked for, and kept with the object.

    Up to Python 3.11 ``functools.cached_property`` holds one lock for all objects of a class while
    a value is computed, which a forked child would inherit. Here two threads may compute the same
    value; they find equal ones.
    """

    def __init__(self, function: Callable[[Any], T]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> cached_property[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> cached_property[T] | T:
        if instance is None:
            return self
        value = self._function(instance)
        # A plain attribute of this name is found before this descriptor from now on.
        return instance.__dict__.setdefault(self._name, value)
