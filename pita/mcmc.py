"""Metropolis-corrected moves on the true energy: Hamiltonian Monte Carlo and MALA, batched over chains.

HMC: Duane, Kennedy, Pendleton, Roweth, Phys. Lett. B 195, 216 (1987); MALA: Roberts, Tweedie, Bernoulli 2,
341 (1996). Each chain has its own inverse temperature. Masses are 1: only configurations matter.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pita.geometry import mean_free_noise
from pita.targets.base import Target

STEP_JITTER = 0.2  # relative half-width of the step size drawn per move: a fixed one resonates with orbits
ADAPTATION_RATE = 0.1  # change of log step size per unit of excess acceptance


class ChainState(NamedTuple):
    """Where N chains stand: `x` (N, ...), `energy` (N,), `force` = -dE/dx, shaped as `x`."""

    x: Tensor
    energy: Tensor
    force: Tensor


class MoveInfo(NamedTuple):
    """One move of N chains: `accepted` (N,) bool; proposals refused for a non-finite energy."""

    accepted: Tensor
    n_nonfinite: int


class HmcRun(NamedTuple):
    """Kept states `x` (n_draws, N, ...), their `energy` (n_draws, N) and `force` (as `x`), where the chains
    ended, how they moved.

    `step_size` is the frozen one, `acceptance` the mean after burn-in (NaN if none); `n_nonfinite` refused.
    """

    x: Tensor
    energy: Tensor
    force: Tensor
    state: ChainState
    step_size: float
    acceptance: float
    n_nonfinite: int


@dataclass(frozen=True)
class HmcSettings:
    """Burn-in moves adapt the step size (reduced time). Of every `thin`-th move after them, `n_recycled`
    states are kept, equally far apart on its trajectory (`hmc_trajectory`).
    """

    n_moves: int
    n_burn_in: int
    thin: int = 1
    n_recycled: int = 1
    n_leapfrog: int = 10
    step_size: float = 0.02
    target_acceptance: float = 0.7
    mean_free: bool = True

    def __post_init__(self) -> None:
        for name in ("n_moves", "thin", "n_leapfrog", "n_recycled"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.n_leapfrog % self.n_recycled:
            raise ValueError(
                f"n_leapfrog must be a multiple of n_recycled, got {self.n_leapfrog} and {self.n_recycled}"
            )
        if not 0 <= self.n_burn_in <= self.n_moves:
            raise ValueError(f"n_burn_in must be in [0, n_moves], got {self.n_burn_in} of {self.n_moves}")
        if not self.step_size > 0:
            raise ValueError(f"step_size must be positive, got {self.step_size}")
        if not 0 < self.target_acceptance < 1:
            raise ValueError(f"target_acceptance must be in (0, 1), got {self.target_acceptance}")


def init_state(target: Target, x: Tensor) -> ChainState:
    """Chains at `x` (N, ...) with their energies (N,) and forces; one evaluation per chain."""
    energy, force = target.energy_and_force(x)
    if not torch.isfinite(energy).all():
        n_bad = int((~torch.isfinite(energy)).sum())
        raise ValueError(f"{n_bad} of {len(energy)} chains start at a non-finite energy")
    return ChainState(x, energy, force)


def hmc_move(
    target: Target,
    state: ChainState,
    *,
    beta: float | Tensor,
    step_size: float | Tensor,
    n_leapfrog: int,
    generator: torch.Generator,
    mean_free: bool = True,
) -> tuple[ChainState, MoveInfo]:
    """Draw momenta, follow Hamilton's equations for `n_leapfrog` steps, accept with min(1, exp(-beta dH)).

    `beta` and `step_size` are numbers or (N,), one per chain. H = E(x) + |p|^2 / 2 with p ~ N(0, 1/beta),
    mean-free on request; `n_leapfrog` evaluations per chain. Proposals of non-finite H are refused.
    """
    states, info = hmc_trajectory(
        target,
        state,
        beta=beta,
        step_size=step_size,
        n_leapfrog=n_leapfrog,
        n_recycled=1,
        generator=generator,
        mean_free=mean_free,
    )
    return states[-1], info


def hmc_trajectory(
    target: Target,
    state: ChainState,
    *,
    beta: float | Tensor,
    step_size: float | Tensor,
    n_leapfrog: int,
    n_recycled: int,
    generator: torch.Generator,
    mean_free: bool = True,
) -> tuple[list[ChainState], MoveInfo]:
    """Make the move of `hmc_move`; return `n_recycled` states of its trajectory, equally far apart, in order.

    Each is where that many steps have led, or where the move began, by a test of its own: every one is a draw
    from exp(-beta E), for evaluations that were made anyway (Nishimura, Dunson, Bayesian Anal. 15, 1087
    (2020)). Chains go on from the last, of which the info is.
    """
    x, energy, force = state
    states, between = [], n_leapfrog // n_recycled
    beta = _per_chain(beta, energy)
    uniform = torch.rand((), generator=generator, dtype=x.dtype, device=x.device)
    dt = _over_events(_per_chain(step_size, energy) * (1 + STEP_JITTER * (2 * uniform - 1)), x)
    draw = mean_free_noise if mean_free else torch.randn
    p = _over_events(beta.rsqrt(), x) * draw(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    h_start = energy + _kinetic_energy(p)
    for done in range(1, n_leapfrog + 1):
        p = p + 0.5 * dt * force
        x = x + dt * p
        energy, force = target.energy_and_force(x)
        p = p + 0.5 * dt * force
        if done % between == 0:
            log_ratio = -beta * (energy + _kinetic_energy(p) - h_start)
            kept, info = _accept(state, ChainState(x, energy, force), log_ratio, generator)
            states.append(kept)
    return states, info


def surrogate_move(
    target: Target,
    surrogate: Callable[[Tensor], Tensor],
    state: ChainState,
    *,
    beta: float,
    step_size: float,
    n_leapfrog: int,
    generator: torch.Generator,
    mean_free: bool = True,
) -> tuple[ChainState, MoveInfo]:
    """HMC along other forces than the target's, accepted by its energy: one evaluation, whatever n_leapfrog.

    `surrogate(x)` -> force (N, ...), unit of the target's. Leapfrog keeps volume and turns back whatever the
    forces, so the test with the true H leaves the Boltzmann density as it is (Duane et al. 1987; Rasmussen,
    Bayesian Statistics 7, 651 (2003)).
    """
    x, energy, _ = state
    uniform = torch.rand((), generator=generator, dtype=x.dtype, device=x.device)
    dt = step_size * (1 + STEP_JITTER * (2 * uniform - 1))
    draw = mean_free_noise if mean_free else torch.randn
    p = beta**-0.5 * draw(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    h_start, force = energy + _kinetic_energy(p), surrogate(x)
    for _ in range(n_leapfrog):
        p = p + 0.5 * dt * force
        x = x + dt * p
        force = surrogate(x)
        p = p + 0.5 * dt * force
    reached = ChainState(x, *target.energy_and_force(x))
    log_ratio = -beta * (reached.energy + _kinetic_energy(p) - h_start)
    return _accept(state, reached, log_ratio, generator)


def mala_move(
    target: Target,
    state: ChainState,
    *,
    beta: float | Tensor,
    step_size: float | Tensor,
    generator: torch.Generator,
    mean_free: bool = True,
) -> tuple[ChainState, MoveInfo]:
    """One Langevin step with Metropolis correction: x' = x + dt^2/2 F + dt p, p ~ N(0, 1/beta).

    `step_size` is the dt of the one leapfrog step that this is: the proposal has variance dt^2 / beta.
    """
    return hmc_move(
        target, state, beta=beta, step_size=step_size, n_leapfrog=1, generator=generator, mean_free=mean_free
    )


def adapt_step_size(
    step_size: float | Tensor, acceptance: float | Tensor, *, target_acceptance: float
) -> float | Tensor:
    """Step size moved towards the wanted acceptance, dt exp(rate (a - a*)); for burn-in only."""
    excess = ADAPTATION_RATE * (acceptance - target_acceptance)
    return step_size * (excess.exp() if isinstance(excess, Tensor) else math.exp(excess))


def run_hmc(
    target: Target,
    start: Tensor | ChainState,
    *,
    beta: float | Tensor,
    settings: HmcSettings,
    generator: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> HmcRun:
    """HMC from `start`: adapt in burn-in, freeze, keep states as settings say; `progress(done, of)`.

    `start` is configurations (N, ...), which are evaluated first, or the state that chains already have.
    """
    state = start if isinstance(start, ChainState) else init_state(target, start)
    step_size, acceptances, n_nonfinite = settings.step_size, [], 0
    kept = [ChainState(*(values.new_empty(0, *values.shape) for values in state))]
    for move in range(settings.n_moves):
        states, info = hmc_trajectory(
            target,
            state,
            beta=beta,
            step_size=step_size,
            n_leapfrog=settings.n_leapfrog,
            n_recycled=settings.n_recycled,
            generator=generator,
            mean_free=settings.mean_free,
        )
        state = states[-1]
        acceptance = float(info.accepted.double().mean())
        n_nonfinite += info.n_nonfinite
        if move < settings.n_burn_in:
            step_size = adapt_step_size(step_size, acceptance, target_acceptance=settings.target_acceptance)
        else:
            acceptances.append(acceptance)
            if (move - settings.n_burn_in) % settings.thin == settings.thin - 1:
                kept.append(ChainState(*map(torch.stack, zip(*states, strict=True))))
        if progress is not None:
            progress(move + 1, settings.n_moves)
    acceptance = sum(acceptances) / len(acceptances) if acceptances else math.nan
    draws = ChainState(*(torch.cat(values) for values in zip(*kept, strict=True)))
    return HmcRun(*draws, state, step_size, acceptance, n_nonfinite)


def _accept(
    old: ChainState, new: ChainState, log_ratio: Tensor, generator: torch.Generator
) -> tuple[ChainState, MoveInfo]:
    finite = torch.isfinite(log_ratio)
    uniform = torch.rand(log_ratio.shape, generator=generator, dtype=log_ratio.dtype, device=log_ratio.device)
    accepted = (uniform.log() < log_ratio) & finite
    chosen = (torch.where(_over_events(accepted, b), b, a) for a, b in zip(old, new, strict=True))
    return ChainState(*chosen), MoveInfo(accepted, int((~finite).sum()))


def _kinetic_energy(p: Tensor) -> Tensor:
    return 0.5 * (p * p).flatten(start_dim=1).sum(dim=1)


def _per_chain(value: float | Tensor, energy: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=energy.dtype, device=energy.device).expand(energy.shape)


def _over_events(per_chain: Tensor, x: Tensor) -> Tensor:
    return per_chain.reshape(per_chain.shape + (1,) * (x.ndim - 1))
