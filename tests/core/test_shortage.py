# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import errno
import threading
import weakref
from concurrent.futures import Future

import cv2
import numpy as np
import pytest
import torch

from core.shortage import RenewedThread, Successors, has_run_short, is_shortage, let_go


def unpayable():
    """Bytes that no machine has."""
    return 1 << 60


ALLOCATORS = {
    "PyTorch": lambda: torch.empty(unpayable(), dtype=torch.uint8),
    "NumPy": lambda: np.empty(unpayable(), np.uint8),
    "Python": lambda: bytearray(unpayable()),
    "OpenCV": lambda: cv2.copyMakeBorder(np.zeros((2, 2), np.float32), 0, 2_000_000_000, 0, 2_000_000_000, cv2.BORDER_REFLECT),
}


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_the_errors_of_real_allocators_are_recognized(allocator):
    with pytest.raises(Exception) as caught:
        ALLOCATORS[allocator]()
    assert is_shortage(caught.value), caught.value


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("could not create a memory object"), True),
        (RuntimeError("could not create a primitive"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), False),
        (KeyboardInterrupt("out of memory"), False),
    ],
)
def test_other_errors_are_no_shortage(problem, expected):
    assert is_shortage(problem) is expected


def test_what_was_done_ahead_is_asked_for_its_error_without_waiting():
    short, other, running = Future(), Future(), Future()
    short.set_exception(MemoryError())
    other.set_exception(ValueError())
    assert [has_run_short(one) for one in (short, other, running)] == [True, False, False]


class Large:
    """Something that is in memory as long as anybody holds it."""


class Holding(torch.autograd.Function):
    """Holds on to an object for its way back, as operations hold on to their inputs."""

    @staticmethod
    def forward(ctx, x, large):
        ctx.large = large
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


class Failing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        raise MemoryError


def test_a_way_back_that_failed_lets_go_of_the_rest_of_its_graph():
    def attempt(held):
        start = torch.ones(1, requires_grad=True)
        for _ in range(3):
            large = Large()
            held.append(weakref.ref(large))
            # Both branches are queued at once, and the later one is taken first.
            early = Holding.apply(start, large)
        torch.autograd.grad(early + Failing.apply(start), start)

    held = []
    for _ in range(3):
        try:
            attempt(held)
        except MemoryError as problem:
            assert held[-1]() is not None
            let_go(problem)
        assert not [one for one in held if one() is not None]


def test_what_the_functions_held_that_an_error_went_through_is_gone_while_it_is_still_handled():
    def inner(held):
        large = Large()
        held.append(weakref.ref(large))
        raise MemoryError

    def outer(held):
        try:
            inner(held)
        except MemoryError as problem:
            raise RuntimeError("out of memory") from problem

    held = []
    try:
        outer(held)
    except RuntimeError as problem:
        let_go(problem)
        assert held[0]() is None


def test_letting_go_works_in_any_thread():
    failures = []

    def work():
        try:
            raise MemoryError
        except MemoryError as problem:
            try:
                let_go(problem)
            except Exception as failure:
                failures.append(failure)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not failures


def test_work_is_done_by_the_thread_that_asks_until_a_successor_takes_over():
    successors, did = Successors(), []
    for _ in range(3):
        did.append((successors.do(threading.current_thread), successors.do(torch.get_num_threads)))
        successors.take_over()
    successors.close()
    threads, counts = zip(*did, strict=True)
    assert threads[0] is threading.current_thread() and len({*threads}) == 3
    assert {*counts} == {torch.get_num_threads()}
    assert not any(thread.is_alive() for thread in threads[1:])


def test_what_goes_wrong_with_a_successor_is_told_to_who_asked():
    successors = Successors()
    successors.take_over()
    with pytest.raises(MemoryError):
        successors.do(bytearray, unpayable())
    successors.close()


def test_what_is_done_ahead_goes_on_in_a_new_thread_after_a_shortage_and_after_no_other_error():
    done = []

    def fail(problem):
        done.append("failed")
        raise problem

    with RenewedThread("ahead") as ahead:
        first = ahead.submit(threading.get_ident).result()
        wrong = ahead.submit(fail, ValueError("ochre"))
        assert ahead.submit(threading.get_ident).result() == first
        started, go = threading.Event(), threading.Event()
        waiting = ahead.submit(lambda: started.set() or go.wait(10))
        short = ahead.submit(fail, MemoryError())
        behind = ahead.submit(done.append, "behind")
        assert started.wait(10)
        go.set()
        assert isinstance(short.exception(), MemoryError) and waiting.result()
        number, after = ahead.submit(lambda: (torch.get_num_threads(), list(done))).result()
        assert ahead.submit(threading.get_ident).result() != first
    assert isinstance(wrong.exception(), ValueError) and has_run_short(short) and behind.done()
    assert number == torch.get_num_threads() and after == ["failed", "failed", "behind"]
