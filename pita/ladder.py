"""Progressive inference-time annealing (arXiv 2506.16471, Algorithm 1): a ladder of temperatures, hot to cold.

At each rung a diffusion model learns the samples of its temperature, is annealed to the next one and landed
on the true target there; what arrives is what the next rung learns. Samples of the hottest temperature come
from Hamiltonian Monte Carlo. The model of the last rung but one makes the samples of the coldest temperature.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from pita.annealing import AnnealedPath, AnnealingSettings, level_variances
from pita.data import TrainingSet
from pita.evaluation import DiffusionModel
from pita.hot_start import LatticeStart
from pita.landing import Landed, LandingSettings, land
from pita.mcmc import HmcSettings, run_hmc
from pita.schedules import check_ladder
from pita.smc import Annealed, anneal
from pita.space import ParticleSpace
from pita.targets.counted import CountedTarget
from pita.targets.lennard_jones import LennardJonesCluster

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class InitialSettings:
    """HMC at the hottest temperature: `n_chains` from a jittered lattice, all kept draws are samples."""

    n_chains: int
    start: LatticeStart
    moves: HmcSettings


@dataclass(frozen=True, kw_only=True)
class DescentSettings:
    """One temperature step: `n_particles` annealed, then landed on the target, or not.

    `n_fit`: samples on which the variances of the path's kernels are fitted, 0 for the plain data variance.
    """

    n_particles: int
    annealing: AnnealingSettings
    landing: LandingSettings | None = None
    n_fit: int = 0

    def __post_init__(self) -> None:
        if self.n_particles < 1:
            raise ValueError(f"n_particles must be positive, got {self.n_particles}")
        if self.n_fit < 0:
            raise ValueError(f"n_fit must not be negative, got {self.n_fit}")


class Descent(NamedTuple):
    """A temperature step done: particles before and after landing, if any, and evaluations of the target."""

    annealed: Annealed
    landed: Landed | None
    n_energy_evals: int


class Store(Protocol):
    """Where finished parts of a ladder are kept, by name, so that none is done twice."""

    def load(self, name: str) -> Arrays | None:
        """Return what was saved under this name, None if nothing was."""

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep arrays under a name."""


class Work(NamedTuple):
    """What the ladder leaves to its caller.

    `generator(name)`: the random numbers of one use. `fit(rung, samples)`: train a model, starting from the
    previous rung's; returns its weights, None if stopped before the end. `bind(weights)`: the model they
    make, for sampling.
    """

    generator: Callable[[str], torch.Generator]
    fit: Callable[[int, TrainingSet], Arrays | None]
    bind: Callable[[Arrays], DiffusionModel]
    progress: Callable[[int, float], None] | None = None


def climb_down(
    target: LennardJonesCluster,
    temperatures: tuple[float, ...],
    *,
    initial: InitialSettings,
    descent: DescentSettings,
    store: Store,
    work: Work,
) -> bool:
    """Do what the store still lacks of the ladder; return whether it is complete.

    Saves `samples-<rung>` (x, energy, force, n_energy_evals, trace_* of the way there) and `model-<rung>`
    (weights, data_variance, variances) for every rung but the coldest. temperatures: unit of E.
    """
    check_ladder(temperatures)
    for rung, (hot, _) in enumerate(pairwise(temperatures)):
        samples = store.load(f"samples-{rung}")
        if samples is None:
            if rung == 0:
                samples = hot_samples(target, hot, initial, generator=work.generator("initial"))
            else:
                samples = _arrive(target, rung, (temperatures[rung - 1], hot), descent, store, work)
            store.save(f"samples-{rung}", samples)
        if store.load(f"model-{rung}") is None:
            training_set = as_training_set(samples, beta=1 / hot)
            weights = work.fit(rung, training_set)
            if weights is None:
                return False
            path = fitted_path(work.bind(weights), training_set.x, descent, work.generator(f"fit-{rung}"))
            numbers = {"data_variance": path.data_variance, "variances": path.variances or ()}
            store.save(f"model-{rung}", weights | {name: np.array(value) for name, value in numbers.items()})
    return True


def hot_samples(
    target: LennardJonesCluster, temperature: float, settings: InitialSettings, *, generator: torch.Generator
) -> Arrays:
    """Sample the hottest temperature: x (n, n_atoms, 3), energy (n,), force (n, n_atoms, 3)."""
    counted = CountedTarget(target)
    start = settings.start.draw(target, settings.n_chains, generator=generator)
    run = run_hmc(counted, start, beta=1 / temperature, settings=settings.moves, generator=generator)
    samples = {"x": run.x, "energy": run.energy, "force": run.force}
    arrays = {name: values.flatten(0, 1).cpu().numpy() for name, values in samples.items()}
    return arrays | {"n_energy_evals": np.array(counted.n_energy_evals)}


def fitted_path(
    model: DiffusionModel, x: Tensor, settings: DescentSettings, generator: torch.Generator
) -> AnnealedPath:
    """Return the path without change of temperature, its variances fitted to samples x (n, n_atoms, 3)."""
    space = ParticleSpace(event_shape=tuple(x.shape[1:]), mean_free=True, device=generator.device)
    data_variance = x.double().square().sum().item() / (len(x) * space.n_dof)
    path = AnnealedPath(gamma=1.0, data_variance=data_variance, settings=settings.annealing, space=space)
    if not (settings.n_fit and settings.annealing.matched_variances):
        return path
    chosen = x[torch.randperm(len(x), generator=generator, device=generator.device)[: settings.n_fit]]
    chunked = chosen.to(space.device)
    return replace(path, variances=level_variances(model, chunked, path, generator=generator))


def path_to(
    model: Arrays, settings: AnnealingSettings, *, gamma: float, event_shape: tuple[int, int], device: str
) -> AnnealedPath:
    """Return the path from a saved rung to gamma times its inverse temperature.

    The fitted variances of the rung serve paths with as many levels as they were fitted for.
    """
    variances = tuple(model["variances"].tolist())
    return AnnealedPath(
        gamma=gamma,
        data_variance=float(model["data_variance"]),
        settings=settings,
        space=ParticleSpace(event_shape=event_shape, mean_free=True, device=device),
        variances=variances if len(variances) == settings.n_levels else None,
    )


def descend(
    model: DiffusionModel,
    path: AnnealedPath,
    target: LennardJonesCluster,
    *,
    beta: float,
    settings: DescentSettings,
    work: tuple[torch.Generator, Callable[[int, float], None] | None],
) -> Descent:
    """Anneal particles along the path and land them on the target at beta (1 / unit of E).

    work: the generator, and what is told levels done and ESS fraction, if anything.
    """
    generator, progress = work
    counted = CountedTarget(target)
    annealed = anneal(model, path, n_particles=settings.n_particles, generator=generator, progress=progress)
    landed = None
    if settings.landing is not None:
        landed = land(annealed, counted, path, beta=beta, settings=settings.landing, generator=generator)
    return Descent(annealed, landed, counted.n_energy_evals)


def as_training_set(samples: Arrays, *, beta: float) -> TrainingSet:
    """Return saved samples as something to learn."""
    return TrainingSet(
        beta=beta, **{name: torch.from_numpy(samples[name]) for name in ("x", "energy", "force")}
    )


def _arrive(
    target: LennardJonesCluster,
    rung: int,
    temperatures: tuple[float, float],
    settings: DescentSettings,
    store: Store,
    work: Work,
) -> Arrays:
    """Anneal the model of the rung above down to this one."""
    hot, cold = temperatures
    model, generator = store.load(f"model-{rung - 1}"), work.generator(f"anneal-{rung}")
    path = path_to(
        model,
        settings.annealing,
        gamma=hot / cold,
        event_shape=(target.n_atoms, 3),
        device=str(generator.device),
    )
    done = descend(
        work.bind(model), path, target, beta=1 / cold, settings=settings, work=(generator, work.progress)
    )
    return descent_arrays(done)


def descent_arrays(done: Descent) -> Arrays:
    """Return samples, evaluations, effective sample size and trace of a temperature step as arrays."""
    landed = {name: getattr(done.landed, name).cpu().numpy() for name in ("x", "energy", "force")}
    numbers = {
        "n_energy_evals": done.n_energy_evals,
        "ess_fraction": done.landed.ess_fraction,
        "n_unique_ancestors": done.landed.n_unique_ancestors,
        "log_z": done.landed.log_z,
        "n_nonfinite": done.annealed.n_nonfinite + done.landed.n_nonfinite,
        "n_clipped": done.annealed.n_clipped,
    }
    trace = {f"trace_{name}": values.numpy() for name, values in done.annealed.trace._asdict().items()}
    return landed | trace | {name: np.array(value) for name, value in numbers.items()}
