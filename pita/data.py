"""Noisy training batches of which batch t is a pure function of (seed, t).

Nothing is consumed in sequence, so a run continued at step t sees the batches it would have seen
uninterrupted, whatever the number of loader workers or of ranks: each rank keeps its own rows of the common
batch.
"""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from pita.flattening import flattened
from pita.frame import Frame
from pita.geometry import mean_free_noise, random_rotations, remove_mean
from pita.stiff_target import N_BATCHES, StiffTarget
from pita.training_set import TrainingSet, check_set, force_variance, shares

N_LEVELS = 8  # of noise at which energies are pinned: each has a gauge of its own
COPIES = 2  # of every configuration, for the hands: the cross entropy is cheap beside the denoising
FIT_FROM = 2**40  # number of a batch that no training reaches


class Pinned(NamedTuple):
    """Configurations x (N, n_atoms, 3) of which the reduced energy U_h(x) (N,) is known up to a gauge.

    The gauge is one number for each of N_LEVELS noise levels, `level` (N,).
    """

    x: Tensor
    h: Tensor
    energy: Tensor
    level: Tensor


class NoisyBatch(NamedTuple):
    """A batch: x0 and x = x0 + sqrt(h) noise (N, n_atoms, 3), mean-free; h, beta, rung (N,).

    rung counts the training sets. reduced_energy (N,) and reduced_force (N, n_atoms, 3): beta E and -beta
    grad E of x0, with the restraint of the frame, or None. force_variance (N,): mean square of beta grad E
    per degree of freedom in the row's training set, or None. target (N, n_atoms, 3): what denoising regresses
    on in place of x0, of the same mean given x (`pita.stiff_target`), or None. hands_x (N, COPIES, n_atoms,
    3), hands_h (N, COPIES): x0 under other noise, of which the hands of a molecule are learned, or None.
    pinned: configurations whose energy U_h is known, or None.
    """

    x0: Tensor
    x: Tensor
    h: Tensor
    beta: Tensor
    rung: Tensor
    reduced_energy: Tensor | None
    reduced_force: Tensor | None
    force_variance: Tensor | None
    target: Tensor | None = None
    hands_x: Tensor | None = None
    hands_h: Tensor | None = None
    pinned: Pinned | None = None


@dataclass(frozen=True)
class NoiseSettings:
    """How a batch is drawn.

    ln sigma is uniform between the bounds, in the unit of x; `rotate`: turn every configuration at random.
    `frame`: turn every configuration onto a reference instead, and from there by a random rotation of density
    exp(-beta stiffness (1 - cos theta)), `stiffness` in the unit of E, or not at all where it is None.
    `stiff`: batches get a `target` from the bonds and angles of the molecule. `hands`: the bounds of sigma
    between which hands are learned, where they are neither sure nor lost; None where there are none. `pin`:
    the bounds of sigma between which energies under noise are known from the stiff pairs, or None. `flatten`:
    the power by which rare conformations of a molecule are drawn more often (`pita.flattening`), or None.
    """

    batch_size: int
    sigma_min: float
    sigma_max: float
    rotate: bool
    frame: bool = False
    stiffness: float | None = None
    stiff: bool = False
    hands: tuple[float, float] | None = None
    pin: tuple[float, float] | None = None
    flatten: float | None = None

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be positive, got {self.batch_size}")
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(f"need 0 < sigma_min < sigma_max, got {self.sigma_min} and {self.sigma_max}")
        for name, bounds in (("hands", self.hands), ("pin", self.pin)):
            if bounds is not None and not 0 < bounds[0] < bounds[1] < math.inf:
                raise ValueError(f"need 0 < {name}[0] < {name}[1], got {bounds}")
        if self.pin is not None and not self.stiff:
            raise ValueError("pin needs stiff: energies under noise are those of stiff pairs")
        if self.flatten is not None and not 0 < self.flatten <= 1:
            raise ValueError(f"flatten must be in (0, 1], got {self.flatten}")
        if self.rotate and self.frame:
            raise ValueError("rotate and frame exclude each other, got both")
        if self.stiffness is not None and not (self.frame and 0 < self.stiffness < math.inf):
            raise ValueError(f"stiffness must be positive, finite and of a frame, got {self.stiffness}")


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

    seed names the stream, an integer; first_step is the number of its first batch; reference (n_atoms, 3),
    unit of x: that of the frame, if any; stiff_pairs (n, 2): ends of bonds and angles, if any; rotors (n, 4):
    atoms about bonds to turn about, if sets are flattened. Optional arrays must be given by every set or by
    none.
    """

    def __init__(
        self,
        sets: Sequence[TrainingSet],
        settings: NoiseSettings,
        *,
        seed: int,
        first_step: int = 0,
        reference: Tensor | None = None,
        stiff_pairs: Tensor | None = None,
        rotors: Tensor | None = None,
    ):
        super().__init__()
        if settings.frame != (reference is not None):
            raise ValueError(f"a reference goes with a frame, got frame={settings.frame} and {reference}")
        if settings.stiff != (stiff_pairs is not None):
            raise ValueError(f"stiff pairs go with stiff, got stiff={settings.stiff} and {stiff_pairs}")
        if (settings.flatten is not None) != (rotors is not None):
            raise ValueError(f"rotors go with flatten, got flatten={settings.flatten} and {rotors}")
        for rung, training_set in enumerate(sets):
            check_set(training_set, rung)
        if rotors is not None:
            sets = [flattened(training_set, rotors, power=settings.flatten) for training_set in sets]
        self.frame = None if reference is None else Frame(reference, settings.stiffness)
        if self.frame is not None:
            sets = [self.frame.framed(training_set) for training_set in sets]
        self.settings, self.seed, self.first_step, self.n_rungs = settings, seed, first_step, len(sets)
        self.x = remove_mean(torch.cat([s.x for s in sets]).float())
        self.rung = torch.cat([torch.full((len(s.x),), rung) for rung, s in enumerate(sets)])
        self.beta = torch.cat([torch.full((len(s.x),), float(s.beta)) for s in sets])
        self.reduced_energy = _joined(
            [None if s.energy is None else s.beta * s.energy for s in sets], "energy"
        )
        self.reduced_force = _joined([None if s.force is None else s.beta * s.force for s in sets], "force")
        self.force_variance = _joined([force_variance(s) for s in sets], "force")
        self.cumulative = torch.cat([shares(s) for s in sets]).cumsum(0)
        self.device = torch.device("cpu")
        self.stiff = None if stiff_pairs is None else self._fitted(stiff_pairs)

    @property
    def n_atoms(self) -> int:
        """Atoms of a configuration."""
        return self.x.shape[1]

    def starting_at(self, step: int) -> "NoisyBatches":
        """The same stream from batch `step` on."""
        return self._with(first_step=step)

    def on(self, device: torch.device | str) -> "NoisyBatches":
        """The same stream, delivered on a device: drawn on the CPU, to the same numbers, and completed there
        with what is known of stiff pairs, the costly part.
        """
        stiff = None if self.stiff is None else self.stiff.to(device)
        return self._with(device=torch.device(device), stiff=stiff)

    def _with(self, **changes: object) -> "NoisyBatches":
        moved = copy.copy(self)
        vars(moved).update(changes)
        return moved

    def batch(self, step: int) -> NoisyBatch:
        """Batch number `step`, all ranks' rows."""
        seeds = np.random.SeedSequence((self.seed, step)).spawn(6)
        draw, turn, noise, level, hands, pin = (_generator(each) for each in seeds)
        n, settings = self.settings.batch_size, self.settings
        uniform = torch.rand(n, generator=draw, dtype=torch.float64) * self.cumulative[-1]
        rows = torch.searchsorted(self.cumulative, uniform, right=True).clamp(max=len(self.x) - 1)
        x0, beta, rung = self.x[rows], self.beta[rows], self.rung[rows]
        energy, force = _at(self.reduced_energy, rows), _at(self.reduced_force, rows)
        rotation = self._rotations(beta, turn)
        if rotation is not None:
            x0, force = x0 @ rotation.mT, None if force is None else force @ rotation.mT
        if self.frame is not None:
            energy, force = self.frame.restrained(x0, energy, force, beta)
        sigma = _log_uniform((n,), (settings.sigma_min, settings.sigma_max), level)
        x = x0 + sigma[:, None, None] * mean_free_noise(tuple(x0.shape), generator=noise)
        batch = NoisyBatch(x0, x, sigma.square(), beta, rung, energy, force, _at(self.force_variance, rung))
        if settings.hands is not None:
            batch = _with_hands(batch, settings.hands, hands)
        batch = NoisyBatch(*(None if values is None else values.to(self.device) for values in batch))
        if self.stiff is None:  # there is none, or it is being fitted on these batches
            return batch
        batch = batch._replace(target=self.stiff(batch.x0, batch.x, batch.h, batch.reduced_force))
        return batch if settings.pin is None else batch._replace(pinned=self._pinned(batch, pin))

    def _pinned(self, batch: NoisyBatch, generator: torch.Generator) -> Pinned:
        """Return every second configuration of the batch under a little noise, with its energy there."""
        if batch.reduced_energy is None or batch.reduced_force is None:
            raise ValueError("pinned energies need energies and forces in every training set")
        low, high = self.settings.pin
        x0, known = batch.x0[::2], (batch.reduced_energy[::2], batch.reduced_force[::2])
        level = torch.arange(len(x0)) % N_LEVELS
        h = (low * (high / low) ** (level / (N_LEVELS - 1))).square()
        noise = mean_free_noise(tuple(x0.shape), generator=generator)
        level, h, noise = (values.to(self.device) for values in (level, h, noise))
        x = x0 + h.sqrt()[:, None, None] * noise
        return Pinned(x, h, self.stiff.noisy_energy(x0, x, h, *known), level)

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

    def _fitted(self, stiff_pairs: Tensor) -> StiffTarget:
        if self.reduced_force is None or self.n_rungs > 1:
            raise ValueError("a stiff target needs forces and a single temperature")
        bounds = (self.settings.sigma_min, self.settings.sigma_max)
        self.stiff, target = None, StiffTarget(stiff_pairs, self.x, bounds=bounds)
        batches = map(self.batch, range(FIT_FROM, FIT_FROM + N_BATCHES))
        target.fit([(batch.x0, batch.x, batch.h, batch.reduced_force) for batch in batches])
        return target

    def _rotations(self, beta: Tensor, generator: torch.Generator) -> Tensor | None:
        if self.settings.rotate:
            return random_rotations(len(beta), generator=generator)
        return None if self.frame is None else self.frame.turns(beta, generator=generator)


def rows_of_rank(batch: NoisyBatch, *, rank: int, n_ranks: int) -> NoisyBatch:
    """The rows of a batch that one rank trains on; over all ranks every row occurs once."""
    if len(batch.h) % n_ranks:
        raise ValueError(f"batch_size must be a multiple of the ranks, got {len(batch.h)} and {n_ranks}")

    def share(values: Tensor | Pinned | None) -> Tensor | Pinned | None:
        if isinstance(values, Pinned):
            return Pinned(*map(share, values))
        return None if values is None else values[rank::n_ranks]

    return NoisyBatch(*map(share, batch))


def _with_hands(batch: NoisyBatch, bounds: tuple[float, float], generator: torch.Generator) -> NoisyBatch:
    n, n_atoms, _ = batch.x0.shape
    sigma = _log_uniform((n, COPIES), bounds, generator)
    noise = mean_free_noise((n, COPIES, n_atoms, 3), generator=generator)
    return batch._replace(hands_x=batch.x0[:, None] + sigma[..., None, None] * noise, hands_h=sigma.square())


def _log_uniform(shape: tuple[int, ...], bounds: tuple[float, float], generator: torch.Generator) -> Tensor:
    span = math.log(bounds[1] / bounds[0])
    return bounds[0] * torch.exp(span * torch.rand(shape, generator=generator))


def _at(values: Tensor | None, rows: Tensor) -> Tensor | None:
    return None if values is None else values[rows]


def _joined(parts: list[Tensor | None], name: str) -> Tensor | None:
    if all(part is None for part in parts):
        return None
    if any(part is None for part in parts):
        raise ValueError(f"{name} must be given by every training set or by none")
    return torch.cat(parts).float()


def _generator(seed: np.random.SeedSequence) -> torch.Generator:
    return torch.Generator().manual_seed(int(seed.generate_state(1, np.uint64)[0]) >> 1)
