"""Particles shared out over processes: every rank holds one equal slice, in rank order, of one population.

The samplers speak to a `Communicator` only. Random numbers of the whole population are drawn on every rank
from equally seeded generators and sliced, so that a particle's noise does not depend on the number of
processes.
"""

from typing import Protocol

import torch
import torch.distributed
from torch import Tensor


class Communicator(Protocol):
    """Slices and gathers a population along its first dimension."""

    rank: int
    size: int

    def shard(self, population: Tensor) -> Tensor:
        """Return the slice (N / size, ...) of the population (N, ...) that this rank holds."""

    def gather(self, local: Tensor) -> Tensor:
        """Return the population (N, ...) from the ranks' slices (N / size, ...), the same on every rank."""


class SingleProcess:
    """The whole population in one process."""

    rank = 0
    size = 1

    def shard(self, population: Tensor) -> Tensor:
        """Return the population itself."""
        return population

    def gather(self, local: Tensor) -> Tensor:
        """Return the population itself."""
        return local


class ProcessGroup:
    """Equal slices over the ranks of a torch.distributed group (gloo for CPU tensors, nccl for CUDA tensors).

    Without a group, the default one, which must have been initialised.
    """

    def __init__(self, group: torch.distributed.ProcessGroup | None = None) -> None:
        if not torch.distributed.is_initialized():
            raise RuntimeError("torch.distributed is not initialised: call init_process_group first")
        self.group = group
        self.rank = torch.distributed.get_rank(group)
        self.size = torch.distributed.get_world_size(group)

    def shard(self, population: Tensor) -> Tensor:
        """Return rows rank N / size to (rank + 1) N / size of the population (N, ...)."""
        if len(population) % self.size:
            raise ValueError(f"population of {len(population)} does not divide into {self.size} equal slices")
        return population.chunk(self.size)[self.rank]

    def gather(self, local: Tensor) -> Tensor:
        """Return the slices (N / size, ...) of all ranks, in rank order, as (N, ...)."""
        slices = [torch.empty_like(local) for _ in range(self.size)]
        torch.distributed.all_gather(slices, local.contiguous(), group=self.group)
        return torch.cat(slices)


def check_same_seed(communicator: Communicator, generator: torch.Generator) -> None:
    """Raise ValueError unless the generators of all ranks began from the same seed."""
    seed = torch.tensor([generator.initial_seed() % 2**63], device=generator.device)
    seeds = communicator.gather(seed).tolist()
    if len(set(seeds)) > 1:
        raise ValueError(f"every rank needs a generator of the same seed, got {seeds}")


def local_generator(communicator: Communicator, generator: torch.Generator) -> torch.Generator:
    """Return a generator for draws that need not agree between ranks; a single process keeps its own."""
    if communicator.size == 1:
        return generator
    seed = torch.randint(2**62, (), generator=generator, device=generator.device).item()
    return torch.Generator(generator.device).manual_seed(seed + communicator.rank)
