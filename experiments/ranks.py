"""One process alone, or, under torchrun, one process for each device with the particles shared over them.

`torchrun --nproc-per-node 2 -m experiments.sample lj13 pita 1`; all processes must see the same folders.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed
from torch.distributed import is_torchelastic_launched

from pita.distributed import Communicator, ProcessGroup, SingleProcess


@dataclass(frozen=True)
class Ranks:
    """This process among all: its device, and through what it shares particles with the others."""

    device: str
    communicator: Communicator

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and shows progress."""
        return self.communicator.rank == 0

    def from_first(self, value: object) -> object:
        """Return the first process's value in every process."""
        if self.communicator.size == 1:
            return value
        values = [value]
        torch.distributed.broadcast_object_list(values, device=torch.device(self.device))
        return values[0]


def alone() -> Ranks:
    """Return a single process on the GPU where there is one."""
    return Ranks("cuda" if torch.cuda.is_available() else "cpu", SingleProcess())


@contextmanager
def launched_ranks() -> Iterator[Ranks]:
    """Join the processes that torchrun started (nccl between GPUs, gloo without), or stay alone."""
    if not is_torchelastic_launched():
        yield alone()
        return
    device, backend = "cpu", "gloo"
    if torch.cuda.is_available():
        device, backend = f"cuda:{os.environ['LOCAL_RANK']}", "nccl"
        torch.cuda.set_device(device)
    torch.distributed.init_process_group(backend)
    try:
        yield Ranks(device, ProcessGroup())
    finally:
        torch.distributed.destroy_process_group()
