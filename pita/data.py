"""Noisy training batches of which batch t is a pure function of (seed, t).

Nothing is consumed in sequence, so a run continued at step t sees the batches it would have seen
uninterrupted, whatever the number of loader workers or of ranks: each rank keeps its own rows of the common
batch.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from pita.geometry import mean_free_noise, random_rotations, remove_mean


class TrainingSet(NamedTuple):
    """Configurations at one inverse temperature.

    x (n, n_atoms, 3); beta: inverse temperature, 1/unit of E. Where a loss reads them: energy (n,), E of x;
    force (n, n_atoms, 3), -grad E. weight (n,): unnormalised probabilities of being drawn, None for equal
    ones.
    """

    x: Tensor
    beta: float
    energy: Tensor | None = None
    force: Tensor | None = None
    weight: Tensor | None = None


class NoisyBatch(NamedTuple):
    """A batch: x0 and x = x0 + sqrt(h) noise (N, n_atoms, 3), mean-free; h, beta, rung (N,).

    rung counts the training sets. reduced_energy (N,) and reduced_force (N, n_atoms, 3): beta E and -beta
    grad E of x0, or None. force_variance (N,): mean square of reduced_force per degree of freedom in the
    row's training set, or None.
    """

    x0: Tensor
    x: Tensor
    h: Tensor
    beta: Tensor
    rung: Tensor
    reduced_energy: Tensor | None
    reduced_force: Tensor | None
    force_variance: Tensor | None


@dataclass(frozen=True)
class NoiseSettings:
    """How a batch is drawn.

    ln sigma is uniform between the bounds, in the unit of x; `rotate`: turn every configuration at random.
    """

    batch_size: int
    sigma_min: float
    sigma_max: float
    rotate: bool

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be positive, got {self.batch_size}")
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(f"need 0 < sigma_min < sigma_max, got {self.sigma_min} and {self.sigma_max}")


def check_noise_range(settings: NoiseSettings, *, h_min: float, h_max: float) -> None:
    """Raise ValueError unless training noise covers the variances h_min to h_max that sampling visits."""
    # The bounds may pass through a square root and back on their way here.
    if settings.sigma_min**2 > h_min * (1 + 1e-6) or settings.sigma_max**2 < h_max * (1 - 1e-6):
        raise ValueError(
            f"sampling visits sigma from {math.sqrt(h_min):g} to {math.sqrt(h_max):g}, but training draws it "
            f"from {settings.sigma_min:g} to {settings.sigma_max:g}"
        )


class NoisyBatches(IterableDataset):
    """Endless batches from training sets, each set equally often.

    seed names the stream, an integer; first_step is the number of its first batch. Optional arrays must be
    given by every set or by none.
    """

    def __init__(
        self, sets: Sequence[TrainingSet], settings: NoiseSettings, *, seed: int, first_step: int = 0
    ):
        super().__init__()
        for rung, training_set in enumerate(sets):
            _check_set(training_set, rung)
        self.settings, self.seed, self.first_step, self.n_rungs = settings, seed, first_step, len(sets)
        self.x = remove_mean(torch.cat([s.x for s in sets]).float())
        self.rung = torch.cat([torch.full((len(s.x),), rung) for rung, s in enumerate(sets)])
        self.beta = torch.cat([torch.full((len(s.x),), float(s.beta)) for s in sets])
        self.reduced_energy = _joined(
            [None if s.energy is None else s.beta * s.energy for s in sets], "energy"
        )
        self.reduced_force = _joined([None if s.force is None else s.beta * s.force for s in sets], "force")
        self.force_variance = _joined([_force_variance(s) for s in sets], "force")
        self.cumulative = torch.cat([_shares(s) for s in sets]).cumsum(0)

    @property
    def n_atoms(self) -> int:
        """Atoms of a configuration."""
        return self.x.shape[1]

    def starting_at(self, step: int) -> "NoisyBatches":
        """The same stream from batch `step` on."""
        moved = object.__new__(type(self))
        moved.__dict__.update(self.__dict__, first_step=step)
        return moved

    def batch(self, step: int) -> NoisyBatch:
        """Batch number `step`, all ranks' rows."""
        draw, turn, noise, level = (_generator(s) for s in np.random.SeedSequence((self.seed, step)).spawn(4))
        n, settings = self.settings.batch_size, self.settings
        uniform = torch.rand(n, generator=draw, dtype=torch.float64) * self.cumulative[-1]
        rows = torch.searchsorted(self.cumulative, uniform, right=True).clamp(max=len(self.x) - 1)
        x0, force = self.x[rows], None if self.reduced_force is None else self.reduced_force[rows]
        if settings.rotate:
            rotation = random_rotations(n, generator=turn).mT
            x0, force = x0 @ rotation, None if force is None else force @ rotation
        span = math.log(settings.sigma_max / settings.sigma_min)
        sigma = settings.sigma_min * torch.exp(span * torch.rand(n, generator=level))
        x = x0 + sigma[:, None, None] * mean_free_noise(tuple(x0.shape), generator=noise)
        energy = None if self.reduced_energy is None else self.reduced_energy[rows]
        rung = self.rung[rows]
        variance = None if self.force_variance is None else self.force_variance[rung]
        return NoisyBatch(x0, x, sigma.square(), self.beta[rows], rung, energy, force, variance)

    def __iter__(self) -> Iterator[NoisyBatch]:
        """Yield this rank's and this worker's share of the batches."""
        worker = get_worker_info()
        step, stride = (
            (self.first_step, 1) if worker is None else (self.first_step + worker.id, worker.num_workers)
        )
        rank, n_ranks = 0, 1
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            rank, n_ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
        while True:
            yield rows_of_rank(self.batch(step), rank=rank, n_ranks=n_ranks)
            step += stride


def rows_of_rank(batch: NoisyBatch, *, rank: int, n_ranks: int) -> NoisyBatch:
    """The rows of a batch that one rank trains on; over all ranks every row occurs once."""
    if len(batch.h) % n_ranks:
        raise ValueError(f"batch_size must be a multiple of the ranks, got {len(batch.h)} and {n_ranks}")
    return NoisyBatch(*(None if values is None else values[rank::n_ranks] for values in batch))


def _check_set(training_set: TrainingSet, rung: int) -> None:
    x, n = training_set.x, len(training_set.x)
    if x.ndim != 3 or x.shape[-1] != 3 or n == 0:
        raise ValueError(f"x of set {rung} must be (n, n_atoms, 3) with n > 0, got {tuple(x.shape)}")
    if not training_set.beta > 0:
        raise ValueError(f"beta of set {rung} must be positive, got {training_set.beta}")
    shapes = {"energy": (n,), "force": tuple(x.shape), "weight": (n,)}
    for name, shape in shapes.items():
        values = getattr(training_set, name)
        if values is not None and tuple(values.shape) != shape:
            raise ValueError(f"{name} of set {rung} must be {shape}, got {tuple(values.shape)}")
    for name in ("x", *shapes):
        values = getattr(training_set, name)
        if values is not None and not values.isfinite().all():
            raise ValueError(f"{name} of set {rung} has non-finite values")
    if training_set.weight is not None and not (
        training_set.weight.min() >= 0 and training_set.weight.sum() > 0
    ):
        raise ValueError(f"weight of set {rung} must be non-negative with a positive sum")


def _joined(parts: list[Tensor | None], name: str) -> Tensor | None:
    if all(part is None for part in parts):
        return None
    if any(part is None for part in parts):
        raise ValueError(f"{name} must be given by every training set or by none")
    return torch.cat(parts).float()


def _force_variance(training_set: TrainingSet) -> Tensor | None:
    if training_set.force is None:
        return None
    square = training_set.force.double().square().sum((1, 2)) @ _shares(training_set)
    return (training_set.beta**2 * square / (3 * (training_set.x.shape[1] - 1)))[None]


def _shares(training_set: TrainingSet) -> Tensor:
    weight = training_set.weight
    weight = torch.ones(len(training_set.x)) if weight is None else weight
    return weight.double() / weight.double().sum()


def _generator(seed: np.random.SeedSequence) -> torch.Generator:
    return torch.Generator().manual_seed(int(seed.generate_state(1, np.uint64)[0]) >> 1)
