"""Progressive inference-time annealing (arXiv 2506.16471, Algorithm 1) down a ladder of temperatures.

At each rung a diffusion model learns the samples of its temperature, is annealed to the next one and landed
on the true target there; what arrives is what the next rung learns. Samples of the hottest temperature come
from Hamiltonian Monte Carlo. The model of the last rung but one makes the samples of the coldest temperature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import torch

from pita.data import TrainingSet
from pita.descent import ALONE, Arrays, DescentSettings, descend, descent_arrays, fitted_path, path_to
from pita.distributed import Communicator
from pita.evaluation import DiffusionModel
from pita.hot_start import Start, Startable
from pita.mcmc import HmcSettings, run_hmc
from pita.renoising import Beginning
from pita.schedules import check_ladder
from pita.targets.counted import CountedTarget


@dataclass(frozen=True, kw_only=True)
class InitialSettings:
    """HMC at the hottest temperature: `n_chains` from a jittered start, all kept draws are samples."""

    n_chains: int
    start: Start
    moves: HmcSettings


class Store(Protocol):
    """Where finished parts of a ladder are kept, by name, so that none is done twice."""

    def load(self, name: str) -> Arrays | None:
        """Return what was saved under this name, None if nothing was."""

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep arrays under a name."""


class Work(NamedTuple):
    """What the ladder leaves to its caller.

    `generator(name)`: the random numbers of one use. `fit(rung, sets)`: train a model, starting from the
    previous rung's; returns its weights, None if stopped before the end. `bind(weights, beta)`: the model
    they make at an inverse temperature, for sampling. `conditioned`: one model learns every temperature so
    far, so that `fit` gets the samples of all rungs, hot to cold, and not the current ones alone. `keeps(x)`:
    which configurations a ladder is of, (n,) bool, where it is not of all (`pita.isomers`).
    """

    generator: Callable[[str], torch.Generator]
    fit: Callable[[int, list[TrainingSet]], Arrays | None]
    bind: Callable[[Arrays, float], DiffusionModel]
    progress: Callable[[int, float], None] | None = None
    conditioned: bool = False
    keeps: Callable[[torch.Tensor], torch.Tensor] | None = None
    communicator: Communicator = ALONE


def climb_down(
    target: Startable,
    temperatures: tuple[float, ...],
    *,
    initial: InitialSettings,
    descent: DescentSettings,
    store: Store,
    work: Work,
) -> bool:
    """Do what the store still lacks of the ladder; return whether it is complete.

    Saves `samples-<rung>` (x, energy, force, n_energy_evals, n_left_out where `work.keeps` says which stay,
    trace_* of the way there) and `model-<rung>`
    (weights, data_variance, variances) for every rung but the coldest. temperatures: unit of E.
    """
    check_ladder(temperatures)
    if descent.landing is None:
        raise ValueError("landing is missing: a ladder learns energies and forces of landed samples")
    for rung, (hot, _) in enumerate(pairwise(temperatures)):
        samples = store.load(f"samples-{rung}")
        if samples is None:
            if rung == 0:
                samples = hot_samples(target, hot, initial, generator=work.generator("initial"))
            else:
                samples = _arrive(target, rung, (temperatures[rung - 1], hot), descent, store, work)
            if work.keeps is not None:
                samples = only_kept(samples, work.keeps)
            store.save(f"samples-{rung}", samples)
        if store.load(f"model-{rung}") is None:
            sets = _training_sets(store, temperatures, rung, conditioned=work.conditioned)
            weights = work.fit(rung, sets)
            if weights is None:
                return False
            model = work.bind(weights, 1 / hot)
            path = fitted_path(model, sets[-1].x, descent, work.generator(f"fit-{rung}"))
            numbers = {"data_variance": path.data_variance, "variances": path.variances or ()}
            store.save(f"model-{rung}", weights | {name: np.array(value) for name, value in numbers.items()})
    return True


def hot_samples(
    target: Startable, temperature: float, settings: InitialSettings, *, generator: torch.Generator
) -> Arrays:
    """Sample the hottest temperature: x (n, n_atoms, 3), energy (n,), force (n, n_atoms, 3)."""
    counted = CountedTarget(target)
    start = settings.start.draw(target, settings.n_chains, generator=generator)
    run = run_hmc(counted, start, beta=1 / temperature, settings=settings.moves, generator=generator)
    samples = {"x": run.x, "energy": run.energy, "force": run.force}
    arrays = {name: values.flatten(0, 1).cpu().numpy() for name, values in samples.items()}
    return arrays | {"n_energy_evals": np.array(counted.n_energy_evals)}


def only_kept(samples: Arrays, keeps: Callable[[torch.Tensor], torch.Tensor]) -> Arrays:
    """Return samples without those that are not kept, which are counted; ValueError if none is."""
    kept = keeps(torch.from_numpy(samples["x"])).numpy()
    if not kept.any():
        raise ValueError(f"none of {len(kept)} samples is of the isomer that the ladder is of")
    rows = {name: samples[name][kept] for name in ("x", "energy", "force")}
    return samples | rows | {"n_left_out": np.array(int((~kept).sum()))}


def as_training_set(samples: Arrays, *, beta: float) -> TrainingSet:
    """Return saved samples as something to learn."""
    return TrainingSet(
        beta=beta, **{name: torch.from_numpy(samples[name]) for name in ("x", "energy", "force")}
    )


def beginning_from(samples: Arrays, *, beta: float) -> Beginning:
    """Return saved samples as what an annealing begins from; beta: 1 / unit of E, of their temperature."""
    return Beginning(torch.from_numpy(samples["x"]), beta * torch.from_numpy(samples["energy"]).double())


def _training_sets(
    store: Store, temperatures: tuple[float, ...], rung: int, *, conditioned: bool
) -> list[TrainingSet]:
    """Return the saved samples that the model of a rung learns, its own last."""
    first = 0 if conditioned else rung
    return [
        as_training_set(store.load(f"samples-{k}"), beta=1 / temperatures[k]) for k in range(first, rung + 1)
    ]


def _arrive(
    target: Startable,
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
        communicator=work.communicator,
    )
    bound, described = work.bind(model, 1 / hot), (generator, work.progress)
    beginning = None
    if settings.renoise is not None:
        beginning = beginning_from(store.load(f"samples-{rung - 1}"), beta=1 / hot)
    done = descend(bound, path, target, beta=1 / cold, settings=settings, work=described, beginning=beginning)
    return descent_arrays(done)
