# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that has run out: how to tell, and how to have it back, so that less can be tried."""

from __future__ import annotations

import errno
import gc
import logging
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

from . import heap

__all__ = ["RenewedThread", "Successors", "has_run_short", "is_shortage", "let_go"]

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_WORDS = (
    "out of memory", "not enough memory", "can't allocate memory", "defaultcpuallocator", "insufficient memory", "failed to allocate",
    "bad_alloc", "bad allocation", "could not create a memory", "could not create a primitive",
)  # fmt: skip
"""What PyTorch's allocators, oneDNN, OpenCV and the C++ library say, each in an error of some general kind."""


def is_shortage(problem: BaseException) -> bool:
    """Whether `problem` is that there is not enough memory."""
    if isinstance(problem, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(problem, OSError):
        return problem.errno == errno.ENOMEM
    return isinstance(problem, Exception) and any(word in str(problem).lower() for word in _WORDS)


def has_run_short(future: Future[Any]) -> bool:
    """Whether what was done ahead found too little memory, which the painting beside it may have given back since."""
    return future.done() and not future.cancelled() and (problem := future.exception()) is not None and is_shortage(problem)


def let_go(problem: BaseException) -> None:
    """Give back what the attempt that ended with `problem` holds; a failed frame of 512×384 holds 400 MB otherwise.

    To be called where `problem` is handled: what the functions hold that it went through is gone afterwards.
    """
    for one in _chain(problem):
        traceback.clear_frames(one.__traceback__)
        one.__traceback__ = None
    gc.collect()
    _drain_backward()
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
    heap.give_back()


class Successors:
    """Does what is asked for in the thread that asks, and after a shortage in a new one.

    oneDNN compiles loops when they are first needed. Where memory did not suffice for one, it says so of every other that the same thread
    needs, whatever has been given back since.
    """

    def __init__(self) -> None:
        self._latest: ThreadPoolExecutor | None = None

    def do(self, work: Callable[..., Answer], *arguments: Any) -> Answer:
        return work(*arguments) if self._latest is None else self._latest.submit(work, *arguments).result()

    def take_over(self) -> None:
        """Go on in a new thread, if there is memory for one; what a way back that failed has left in the former goes with that."""
        if (successor := _successor("successor")) is not None:
            self.close()
            self._latest = successor
            heap.give_back()

    def close(self) -> None:
        if self._latest is not None:
            self._latest.shutdown()


class RenewedThread(Executor):
    """One thread that does what it is given, one after the other; after a shortage a new one, for the reason of `Successors`."""

    def __init__(self, name: str) -> None:
        self._name, self._thread, self._ran_short = name, ThreadPoolExecutor(1, name), False

    def submit(self, work: Callable[..., Answer], /, *arguments: Any, **named: Any) -> Future[Answer]:
        if self._ran_short and (successor := _successor(self._name)) is not None:
            # What the former has been given is done first: it is the only one that reads the frames.
            self._thread.shutdown()
            self._thread, self._ran_short = successor, False
        return self._thread.submit(self._do, work, arguments, named)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._thread.shutdown(wait, cancel_futures=cancel_futures)

    def _do(self, work: Callable[..., Answer], arguments: tuple[Any, ...], named: dict[str, Any]) -> Answer:
        try:
            return work(*arguments, **named)
        except Exception as problem:
            self._ran_short = self._ran_short or is_shortage(problem)
            raise


def _successor(name: str) -> ThreadPoolExecutor | None:
    """A thread that has begun, and computes with as many as this one; None where there is no memory for it."""
    successor = ThreadPoolExecutor(1, name)
    try:
        successor.submit(torch.set_num_threads, torch.get_num_threads()).result()
    except RuntimeError as problem:
        logger.warning("%s", problem)
        return None
    return successor


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """The exception and those that it came from."""
    seen: set[int] = set()
    left: list[BaseException | None] = [problem]
    while left:
        if (one := left.pop()) is not None and id(one) not in seen:
            seen.add(id(one))
            left += [one.__cause__, one.__context__]
            yield one


def _oldest() -> tuple[Tensor, Tensor]:
    """A number and one that was made from it by the first operation of a thread."""

    def double() -> tuple[Tensor, Tensor]:
        start = torch.zeros(1, requires_grad=True)
        return start, start * 2

    with ThreadPoolExecutor(1, "oldest") as thread:
        return thread.submit(double).result()


_OLDEST = _oldest()
"""Made before it is needed, when there may be no memory for another thread."""


def _drain_backward() -> None:
    """Empty autograd's queue of this thread, in which a way back that failed has left the rest of its graph.

    The queue hands out the latest operations first and passes over those whose way back is over, but ends as soon as the way back is
    done that it is asked for. Operations are counted by thread, so the first one of a thread comes after all that is left.
    """
    start, end = _OLDEST
    torch.autograd.grad(end, start, retain_graph=True)
