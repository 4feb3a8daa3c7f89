"""Test workers in two processes that cannot outlive their test: a worker that hangs ends as a failure."""

import socket
import time
from collections.abc import Callable

import torch.multiprocessing

N_RANKS = 2
LONGEST = 90.0  # seconds


def run_ranks(worker: Callable[..., None], *arguments: object, longest: float = LONGEST) -> None:
    """Call `worker(rank, *arguments)` in `N_RANKS` new processes; TimeoutError if one is not done in time.

    The processes are daemons and are killed at the end, so that neither a test that fails nor one that times
    out leaves something running, which the test run would wait for.
    """
    context = torch.multiprocessing.spawn(worker, arguments, nprocs=N_RANKS, join=False, daemon=True)
    deadline = time.monotonic() + longest
    try:
        while not context.join(timeout=1.0):
            if time.monotonic() > deadline:
                raise TimeoutError(f"processes of {worker.__name__} were not done after {longest:g} s")
    finally:
        for process in context.processes:
            process.kill()


def free_ports(n: int) -> list[int]:
    """Return `n` different ports that nobody listens to at the moment."""
    sockets = [socket.socket() for _ in range(n)]
    try:
        for each in sockets:
            each.bind(("localhost", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
