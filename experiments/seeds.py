"""Random streams of a stage: one seed, children by name, so that a new stream leaves the others as they are.

Children are spawned by `numpy.random.SeedSequence` with a key that depends on the name alone.
"""

import zlib

import numpy as np
import torch


def child(seed: int, name: str) -> np.random.SeedSequence:
    """Return the independent stream of `seed` that is called `name`; seeds start at 1."""
    if seed < 1:
        raise ValueError(f"seed must be at least 1, got {seed}")
    return np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),))


def torch_generator(seed: int, name: str, *, device: str = "cpu") -> torch.Generator:
    """Return a torch generator for the child `name` of `seed`."""
    state = int(child(seed, name).generate_state(1, np.uint64)[0])
    return torch.Generator(device=device).manual_seed(state)


def numpy_generator(seed: int, name: str) -> np.random.Generator:
    """Return a numpy generator for the child `name` of `seed`."""
    return np.random.default_rng(child(seed, name))
