"""Population annealing: a population is cooled step by step by reweighting, resampling and HMC moves.

Hukushima and Iba, AIP Conf. Proc. 690, 200 (2003); Machta, Phys. Rev. E 82, 026704 (2010). Per step
beta -> beta': log w = -(beta' - beta) E, and the log of the mean weight estimates log Z(beta') / Z(beta).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pita.log_weights import effective_sample_size, log_mean_exp
from pita.mcmc import ChainState, adapt_step_size, hmc_move
from pita.resampling import systematic
from pita.schedules import check_ladder
from pita.targets.base import Target


@dataclass(frozen=True)
class PopulationAnnealing:
    """Temperatures hot to cold (reduced units) and the HMC moves made at each but the first.

    The step size follows the acceptance of the whole population from move to move, which biases by O(1 / N).
    """

    temperatures: tuple[float, ...]
    n_moves: int
    n_leapfrog: int = 10
    step_size: float = 0.02
    target_acceptance: float = 0.7
    mean_free: bool = True

    def __post_init__(self) -> None:
        check_ladder(self.temperatures)
        for name in ("n_moves", "n_leapfrog"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


class PopulationRun(NamedTuple):
    """The population at the last temperature, equally weighted, and what each of the K-1 steps cost.

    `log_z_ratio` (K-1,) of successive temperatures, `ess` (K-1,) in [1, N] before resampling, `acceptance`
    (K-1,), `ancestor` (N,): the member of the hot population that each particle descends from.
    """

    state: ChainState
    log_z_ratio: Tensor
    ess: Tensor
    acceptance: Tensor
    ancestor: Tensor
    step_size: float
    n_nonfinite: int


def geometric_temperatures(hot: float, cold: float, n: int) -> tuple[float, ...]:
    """`n` temperatures from `hot` to `cold`, equally spaced in log beta."""
    if not (n >= 2 and hot > cold > 0):
        raise ValueError(f"need n >= 2 and hot > cold > 0, got n={n}, hot={hot}, cold={cold}")
    inner = tuple(hot * (cold / hot) ** (i / (n - 1)) for i in range(1, n - 1))
    return (hot, *inner, cold)


def anneal_population(
    target: Target,
    state: ChainState,
    *,
    settings: PopulationAnnealing,
    generator: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> PopulationRun:
    """Cool chains in equilibrium at the first temperature; `n_moves * n_leapfrog` evaluations per step."""
    betas = [1 / t for t in settings.temperatures]
    step_size, n_nonfinite, levels = settings.step_size, 0, []
    ancestor = torch.arange(len(state.x), device=state.x.device)
    for level, (hot, cold) in enumerate(zip(betas[:-1], betas[1:], strict=True)):
        log_w = -(cold - hot) * state.energy.double()
        parents = systematic(log_w, generator=generator)
        state, ancestor = ChainState(*(part[parents] for part in state)), ancestor[parents]
        accepted = 0.0
        for _ in range(settings.n_moves):
            state, info = hmc_move(
                target,
                state,
                beta=cold,
                step_size=step_size,
                n_leapfrog=settings.n_leapfrog,
                generator=generator,
                mean_free=settings.mean_free,
            )
            acceptance = float(info.accepted.double().mean())
            step_size = adapt_step_size(step_size, acceptance, target_acceptance=settings.target_acceptance)
            accepted += acceptance / settings.n_moves
            n_nonfinite += info.n_nonfinite
        levels.append((log_mean_exp(log_w), effective_sample_size(log_w), accepted))
        if progress is not None:
            progress(level + 1, len(betas) - 1)
    log_z_ratio, ess, acceptance = torch.tensor(levels, dtype=torch.float64).unbind(dim=1)
    return PopulationRun(state, log_z_ratio, ess, acceptance, ancestor, step_size, n_nonfinite)
