"""The classical methods of the comparison: their settings at a budget of energy evaluations; their runs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from experiments.config import ConfigError
from experiments.settings import SystemSettings
from pita.baselines import hot_hmc, langevin_dynamics, parallel_tempering, population_annealing
from pita.baselines.hot_hmc import HotHmcPlan
from pita.baselines.langevin_dynamics import LangevinPlan
from pita.baselines.parallel_tempering import TemperingPlan
from pita.baselines.population_annealing import PopulationPlan
from pita.results import MethodResult

Plan = TemperingPlan | PopulationPlan | HotHmcPlan | LangevinPlan

RUNS: dict[str, Callable[..., MethodResult]] = {
    "parallel_tempering": parallel_tempering.run,
    "population_annealing": population_annealing.run,
    "hot_hmc": hot_hmc.run,
    "md": langevin_dynamics.run,
    "hot_md": langevin_dynamics.run,
}


@dataclass(frozen=True)
class BaselineSettings:
    """Budget of the table, and per method the plans with the budgets (`n_energy_evals`) they were tuned at.

    Tuning ran on other seeds and random streams than the table. `md` and `hot_md` are Langevin dynamics from
    the start itself and from hot chains.
    """

    n_samples: int
    n_energy_evals: int
    parallel_tempering: tuple[TemperingPlan, ...]
    population_annealing: tuple[PopulationPlan, ...]
    hot_hmc: tuple[HotHmcPlan, ...]
    md: tuple[LangevinPlan, ...] = ()
    hot_md: tuple[LangevinPlan, ...] = ()

    def __post_init__(self) -> None:
        for name in ("n_samples", "n_energy_evals"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for method in RUNS:
            tuned_at = [plan.n_energy_evals for plan in getattr(self, method)]
            if tuned_at != sorted(set(tuned_at)):
                raise ValueError(f"{method}: plans must stand in order of n_energy_evals, got {tuned_at}")

    def plan(self, method: str, *, n_energy_evals: int) -> Plan:
        """Return the plan tuned at the largest budget within `n_energy_evals` (or at the least), for it."""
        plans = getattr(self, method)
        if not plans:
            raise ConfigError(f"baseline.{method}: there is no plan for this method")
        affordable = [plan for plan in plans if plan.n_energy_evals <= n_energy_evals]
        return replace(affordable[-1] if affordable else plans[0], n_energy_evals=n_energy_evals)


def run_classical(
    method: str,
    *,
    system: SystemSettings,
    settings: BaselineSettings,
    n_energy_evals: int,
    generator: torch.Generator,
) -> MethodResult:
    """Run one method at one budget between the ends of the system's ladder."""
    plan = settings.plan(method, n_energy_evals=n_energy_evals)
    ends = (system.temperatures[0], system.temperatures[-1])
    if (plan.hot, plan.cold) != ends:
        raise ConfigError(
            f"baseline.{method}: hot and cold are {(plan.hot, plan.cold)}, the ladder has {ends}"
        )
    return RUNS[method](system.target(), settings=plan, n_samples=settings.n_samples, generator=generator)
