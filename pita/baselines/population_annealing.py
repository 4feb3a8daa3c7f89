"""Baseline: population annealing from hot chains, within a budget of energy evaluations."""

from dataclasses import dataclass

import torch

from pita.baselines.start import equilibrate, pool_evenly
from pita.hot_start import CLUSTER_START, Start, Startable
from pita.mcmc import HmcSettings, init_state, run_hmc
from pita.population import PopulationAnnealing, PopulationRun, anneal_population, geometric_temperatures
from pita.results import MethodResult, energy_bill
from pita.targets.base import Target
from pita.targets.counted import CountedTarget


@dataclass(frozen=True)
class PopulationPlan:
    """How the budget is spent: shares on the hot start and on HMC at the cold temperature, the rest between.

    Draws of the hot chains make the population; the number of temperatures follows from `n_moves` at each.
    """

    n_energy_evals: int
    hot: float = 4.0
    cold: float = 1.0
    n_particles: int = 500
    n_hot_chains: int = 100
    n_moves: int = 1
    n_leapfrog: int = 10
    hot_fraction: float = 0.1
    sample_fraction: float = 0.1
    step_size: float = 0.02
    start: Start = CLUSTER_START


def run(
    target: Startable, *, settings: PopulationPlan, n_samples: int, generator: torch.Generator
) -> MethodResult:
    """Samples at the cold temperature: the annealed population, then moved on and pooled over those moves."""
    counted = CountedTarget(target)
    x = settings.start.draw(target, settings.n_hot_chains, generator=generator)
    hot = equilibrate(
        counted,
        x,
        temperature=settings.hot,
        n_energy_evals=int(settings.hot_fraction * settings.n_energy_evals) - settings.n_particles,
        n_leapfrog=settings.n_leapfrog,
        step_size=settings.step_size,
        generator=generator,
    )
    population = init_state(counted, pool_evenly(hot.x, settings.n_particles))
    initial = counted.n_energy_evals
    annealing = _annealing(settings, initial, hot.step_size)
    annealed = anneal_population(counted, population, settings=annealing, generator=generator)
    ladder = counted.n_energy_evals - initial
    draws = _sample(counted, annealed, settings, generator)
    return MethodResult(
        x=pool_evenly(draws, n_samples),
        energy_evals=energy_bill(
            initial=initial, ladder=ladder, sample=counted.n_energy_evals - initial - ladder
        ),
        ess={
            "ladder_min": float(annealed.ess.min()),
            "ancestors": float(len(annealed.ancestor.unique())),
        },
        counters={"clipped": 0, "nonfinite": counted.n_nonfinite, "wrong_chirality": 0},
    )


def _annealing(settings: PopulationPlan, spent: int, step_size: float) -> PopulationAnnealing:
    n_evals = settings.n_energy_evals - spent - _sample_evals(settings)
    n_steps = n_evals // (settings.n_particles * settings.n_moves * settings.n_leapfrog)
    if n_steps < 1:
        raise ValueError(
            f"{n_evals} evaluations do not pay for one temperature of {settings.n_particles} particles"
        )
    return PopulationAnnealing(
        temperatures=geometric_temperatures(settings.hot, settings.cold, n_steps + 1),
        n_moves=settings.n_moves,
        n_leapfrog=settings.n_leapfrog,
        step_size=step_size,
    )


def _sample(
    counted: Target, annealed: PopulationRun, settings: PopulationPlan, generator: torch.Generator
) -> torch.Tensor:
    """The annealed population, and its states after each further move: (n_draws, n_particles, n_atoms, 3)."""
    draws = annealed.state.x[None]
    n_moves = _sample_moves(settings)
    if n_moves == 0:
        return draws
    hmc = HmcSettings(
        n_moves=n_moves, n_burn_in=0, n_leapfrog=settings.n_leapfrog, step_size=annealed.step_size
    )
    run = run_hmc(counted, draws[0], beta=1 / settings.cold, settings=hmc, generator=generator)
    return torch.cat([draws, run.x])


def _sample_moves(settings: PopulationPlan) -> int:
    per_particle = int(settings.sample_fraction * settings.n_energy_evals / settings.n_particles)
    return max(per_particle - 1, 0) // settings.n_leapfrog


def _sample_evals(settings: PopulationPlan) -> int:
    n_moves = _sample_moves(settings)
    return settings.n_particles * (n_moves * settings.n_leapfrog + 1) if n_moves else 0
