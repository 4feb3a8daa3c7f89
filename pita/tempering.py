"""Parallel tempering with HMC moves: walkers at every temperature, neighbours exchange configurations.

Hukushima and Nemoto, J. Phys. Soc. Jpn. 65, 1604 (1996). A swap of rungs i, i+1 has probability
min(1, exp((beta_i - beta_{i+1}) (E_i - E_{i+1}))); even and odd pairs alternate. All walkers move at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pita.mcmc import ChainState, MoveInfo, adapt_step_size, hmc_move, init_state
from pita.schedules import check_ladder
from pita.targets.base import Target


@dataclass(frozen=True)
class ParallelTempering:
    """Temperatures hot to cold (reduced units), walkers at each, and the HMC moves between two swaps (one).

    The first `n_burn_in` moves adapt one step size per temperature; later every `thin`-th state is kept.
    `kept_temperatures` (all when empty) names those whose samples are returned; the others only help mixing.
    """

    temperatures: tuple[float, ...]
    n_walkers: int
    n_moves: int
    n_burn_in: int
    thin: int = 1
    n_leapfrog: int = 10
    step_size: float = 0.02
    target_acceptance: float = 0.7
    kept_temperatures: tuple[float, ...] = ()
    mean_free: bool = True

    def __post_init__(self) -> None:
        check_ladder(self.temperatures)
        for name in ("n_walkers", "n_moves", "thin", "n_leapfrog"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.n_burn_in <= self.n_moves:
            raise ValueError(f"n_burn_in must be in [0, n_moves], got {self.n_burn_in} of {self.n_moves}")
        if unknown := set(self.kept_temperatures) - set(self.temperatures):
            raise ValueError(
                f"kept_temperatures {sorted(unknown)} are not among temperatures {self.temperatures}"
            )

    @property
    def kept_rungs(self) -> list[int]:
        """Positions in the ladder of the temperatures whose samples are returned."""
        return [self.temperatures.index(t) for t in self.kept_temperatures or self.temperatures]


class TemperingState(NamedTuple):
    """Everything a run needs to continue exactly; K temperatures, W walkers.

    `x` (K, W, ...), `energy` (K, W), `force` as `x`, `step_size` (K,), `n_done` () int64 moves made,
    `generator_state` uint8.
    """

    x: Tensor
    energy: Tensor
    force: Tensor
    step_size: Tensor
    n_done: Tensor
    generator_state: Tensor


class TemperingInfo(NamedTuple):
    """Means over a call: `acceptance` (K,) of moves, `swap_rate` (K-1,) of pairs (NaN if not offered)."""

    acceptance: Tensor
    swap_rate: Tensor
    n_nonfinite: int


class TemperingRun(NamedTuple):
    """State after the moves, kept `x` (n_kept, n_draws, W, ...) and their `energy` (n_kept, n_draws, W)."""

    state: TemperingState
    x: Tensor
    energy: Tensor
    info: TemperingInfo


def start_tempering(
    target: Target, x: Tensor, *, settings: ParallelTempering, generator: torch.Generator
) -> TemperingState:
    """State before the first move, from `x` (K W, ...), rung by rung; takes over the generator's stream."""
    n_rungs = len(settings.temperatures)
    if len(x) != n_rungs * settings.n_walkers:
        raise ValueError(
            f"x holds {len(x)} configurations, {n_rungs} temperatures x {settings.n_walkers} are needed"
        )
    chains = init_state(target, x)
    split = (part.unflatten(0, (n_rungs, settings.n_walkers)) for part in chains)
    step_size = torch.full((n_rungs,), settings.step_size, dtype=torch.float64, device=x.device)
    return TemperingState(*split, step_size, torch.tensor(0), generator.get_state())


def state_to_arrays(state: TemperingState) -> dict[str, np.ndarray]:
    """Plain arrays by field name, ready for `np.savez`."""
    return {name: value.cpu().numpy() for name, value in state._asdict().items()}


def state_from_arrays(arrays: dict[str, np.ndarray], *, device: str | torch.device = "cpu") -> TemperingState:
    """Inverse of `state_to_arrays`; the move count and the generator's bytes stay in main memory."""
    host = {"n_done", "generator_state"}
    fields = TemperingState._fields
    return TemperingState(
        *(torch.from_numpy(np.array(arrays[name])).to("cpu" if name in host else device) for name in fields)
    )


def temper(
    target: Target,
    state: TemperingState,
    n_moves: int,
    *,
    settings: ParallelTempering,
    progress: Callable[[int, int], None] | None = None,
) -> TemperingRun:
    """Make `n_moves` moves and swaps; two calls of k moves equal one of 2k bit for bit."""
    if n_moves < 1:
        raise ValueError(f"n_moves must be at least 1, got {n_moves}")
    generator = torch.Generator(device=state.x.device)
    generator.set_state(state.generator_state)
    temperatures = torch.tensor(settings.temperatures, dtype=torch.float64, device=state.x.device)
    rungs, done = settings.kept_rungs, int(state.n_done)
    x, energy = [state.x[rungs, None][:, :0]], [state.energy[rungs, None][:, :0]]
    acceptances, swap_rates, n_nonfinite = [], [], 0
    for move in range(done, done + n_moves):
        state, info = _move_all(target, state, 1 / temperatures, settings, generator)
        acceptance = info.accepted.double().mean(dim=1)
        if move < settings.n_burn_in:
            wanted = settings.target_acceptance
            state = state._replace(
                step_size=adapt_step_size(state.step_size, acceptance, target_acceptance=wanted)
            )
        state, swap_rate = _swap(state, 1 / temperatures, first=move % 2, generator=generator)
        acceptances.append(acceptance)
        swap_rates.append(swap_rate)
        n_nonfinite += info.n_nonfinite
        if move >= settings.n_burn_in and (move - settings.n_burn_in) % settings.thin == settings.thin - 1:
            x.append(state.x[rungs, None])
            energy.append(state.energy[rungs, None])
        if progress is not None:
            progress(move + 1, settings.n_moves)
    state = state._replace(n_done=torch.tensor(done + n_moves), generator_state=generator.get_state())
    info = TemperingInfo(
        torch.stack(acceptances).mean(dim=0), torch.stack(swap_rates).nanmean(dim=0), n_nonfinite
    )
    return TemperingRun(state, torch.cat(x, dim=1), torch.cat(energy, dim=1), info)


def _move_all(
    target: Target,
    state: TemperingState,
    betas: Tensor,
    settings: ParallelTempering,
    generator: torch.Generator,
) -> tuple[TemperingState, MoveInfo]:
    """One HMC move of all K W chains; `accepted` comes back as (K, W)."""
    n_rungs, n_walkers = state.energy.shape
    chains, info = hmc_move(
        target,
        ChainState(state.x.flatten(0, 1), state.energy.flatten(), state.force.flatten(0, 1)),
        beta=betas.repeat_interleave(n_walkers),
        step_size=state.step_size.repeat_interleave(n_walkers),
        n_leapfrog=settings.n_leapfrog,
        generator=generator,
        mean_free=settings.mean_free,
    )
    x, energy, force = (part.unflatten(0, (n_rungs, n_walkers)) for part in chains)
    return state._replace(x=x, energy=energy, force=force), info._replace(
        accepted=info.accepted.view(n_rungs, n_walkers)
    )


def _swap(
    state: TemperingState, betas: Tensor, *, first: int, generator: torch.Generator
) -> tuple[TemperingState, Tensor]:
    """Offer rungs (first, first+1), (first+2, first+3), ... a swap; rates (K-1,), NaN where not offered."""
    n_rungs, n_walkers = state.energy.shape
    hot = torch.arange(first, n_rungs - 1, 2, device=betas.device)
    energy = state.energy.double()
    log_ratio = (betas[hot] - betas[hot + 1])[:, None] * (energy[hot] - energy[hot + 1])
    uniform = torch.rand(log_ratio.shape, generator=generator, dtype=torch.float64, device=betas.device)
    accepted = uniform.log() < log_ratio
    rung = torch.arange(n_rungs, device=betas.device)[:, None].repeat(1, n_walkers)
    rung[hot] += accepted.long()
    rung[hot + 1] -= accepted.long()
    walker = torch.arange(n_walkers, device=betas.device)
    x, energy, force = (part[rung, walker] for part in (state.x, state.energy, state.force))
    rate = torch.full((n_rungs - 1,), torch.nan, dtype=torch.float64, device=betas.device)
    rate[hot] = accepted.double().mean(dim=1)
    return state._replace(x=x, energy=energy, force=force), rate
