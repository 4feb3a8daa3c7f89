"""One temperature step of a ladder: the model's density annealed to the next one and landed on the target.

In legs. Begun from samples, an annealing hardly moves them and weights each by little else than
exp(-(gamma - 1) beta E). Of samples of d harmonic degrees of freedom such weights leave the fraction
(2 gamma - 1)^(d/2) / gamma^d effective: at gamma = 1.59 1 % for 22 atoms, 0.1 % for 33. With `n_legs` the
way is cut at temperatures between, in geometric progression: particles land there, are moved, and go on with
the same model to a multiple of its inverse temperature. Where moves between legs renew energies, what is lost
adds up and does not multiply. A move of HMC of whatever length keeps the sum of both energies: it leaves the
potential energy correlated by 1/2 to 3/4, by the rate of acceptance. So several short moves renew stiff modes
better than a long one, as long as together they turn the soft ones, whose share of the weights multiplies
otherwise.

Particles may be spread over several processes; what is returned is the whole population's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pita.annealing import AnnealedPath, AnnealingSettings, level_variances
from pita.bridge import BridgeSettings, Interpolation, cross
from pita.distributed import Communicator, SingleProcess
from pita.evaluation import DiffusionModel, Tempered
from pita.islands import anneal_islands, renoised_islands
from pita.landing import Landed, LandingSettings, land
from pita.renoising import Beginning, check_renoised
from pita.smc import Annealed, Particles, Trace
from pita.space import ParticleSpace
from pita.targets.base import Target
from pita.targets.counted import CountedTarget

Arrays = dict[str, np.ndarray]
ALONE = SingleProcess()
Leg = tuple[Annealed, Landed | None]


@dataclass(frozen=True, kw_only=True)
class DescentSettings:
    """One temperature step: `n_particles` annealed, then landed on the target, or not.

    `n_islands`: independent populations that share them (`pita.islands`). `renoise`: sigma (unit of x) up to
    which samples of the rung are noised to begin from (`pita.renoising`), None for pure noise. `bridge`:
    landed in several steps with moves between, in place of the one step of `landing`.
    `n_fit`: samples on which the variances of the path's kernels are fitted, 0 for the plain data variance.
    `compiled`: the model runs through torch.compile, a minute once; not worth it for a few steps.
    """

    n_particles: int
    annealing: AnnealingSettings
    n_islands: int = 1
    landing: LandingSettings | None = None
    bridge: BridgeSettings | None = None
    renoise: float | None = None
    n_legs: int = 1
    n_fit: int = 0
    compiled: bool = True

    def __post_init__(self) -> None:
        if self.n_particles < 1:
            raise ValueError(f"n_particles must be positive, got {self.n_particles}")
        if self.n_fit < 0:
            raise ValueError(f"n_fit must not be negative, got {self.n_fit}")
        if self.landing is not None and self.bridge is not None:
            raise ValueError("landing and bridge exclude each other, got both")
        if self.renoise is not None:
            check_renoised(self.annealing, sigma=self.renoise)
        if self.n_legs < 1:
            raise ValueError(f"n_legs must be at least 1, got {self.n_legs}")
        if self.n_legs > 1 and (self.renoise is None or self.landing is None):
            raise ValueError(f"n_legs={self.n_legs} needs renoise and landing: each leg begins from samples")

    @property
    def n_steps(self) -> int:
        """Levels that all islands together go through, and moves along the model, of all legs, for a progress
        bar.
        """
        n_levels = self.annealing.n_levels
        if self.renoise is not None:
            n_levels = 2 * (n_levels - self.annealing.first_below(self.renoise))
        surrogate = None if self.landing is None else self.landing.surrogate
        return self.n_legs * (n_levels * self.n_islands + (0 if surrogate is None else surrogate.n_moves))

    @property
    def binds_compiled(self) -> bool:
        """Whether to hand over a compiled model; Feynman-Kac weights compile its derivatives themselves."""
        return self.compiled and self.annealing.weighting != "feynman_kac"


class Descent(NamedTuple):
    """A temperature step done: particles before and after landing, if any, and evaluations of the target.

    Of several legs, the particles and acceptances of the last, the trace of all, the smallest effective
    sample size and number of ancestors, and the sums of log Z and of all counters.
    """

    annealed: Annealed
    landed: Landed | None
    n_energy_evals: int


def fitted_path(
    model: DiffusionModel, x: Tensor, settings: DescentSettings, generator: torch.Generator
) -> AnnealedPath:
    """Return the path without change of temperature, its variances fitted to samples x (n, n_atoms, 3)."""
    space = ParticleSpace(event_shape=tuple(x.shape[1:]), mean_free=True, device=generator.device)
    data_variance = x.double().square().sum().item() / (len(x) * space.n_dof)
    path = AnnealedPath(gamma=1.0, data_variance=data_variance, settings=settings.annealing, space=space)
    if not (settings.n_fit and settings.annealing.matched_variances):
        return path
    rows = torch.randperm(len(x), generator=generator, device=generator.device)[: settings.n_fit]
    chosen = x[rows.to(x.device)].to(space.device)
    return replace(path, variances=level_variances(model, chosen, path, generator=generator))


def path_to(
    model: Arrays,
    settings: AnnealingSettings,
    *,
    gamma: float,
    event_shape: tuple[int, int],
    device: str,
    communicator: Communicator = ALONE,
) -> AnnealedPath:
    """Return the path from a saved rung to gamma times its inverse temperature.

    The fitted variances of the rung serve paths with as many levels as they were fitted for.
    """
    variances = tuple(model["variances"].tolist())
    return AnnealedPath(
        gamma=gamma,
        data_variance=float(model["data_variance"]),
        settings=settings,
        space=ParticleSpace(
            event_shape=event_shape, mean_free=True, device=device, communicator=communicator
        ),
        variances=variances if len(variances) == settings.n_levels else None,
    )


def descend(
    model: DiffusionModel,
    path: AnnealedPath,
    target: Target,
    *,
    beta: float,
    settings: DescentSettings,
    work: tuple[torch.Generator, Callable[[int, float], None] | None],
    beginning: Beginning | None = None,
) -> Descent:
    """Anneal particles along the path and land them on the target at beta (1 / unit of E).

    beginning: samples of the source temperature, for settings that begin from them; ValueError without.

    Particles and evaluations returned are those of all ranks that the path's space is spread over.
    work: the generator, and what is told levels done, then moves along the model, and ESS fraction, if
    anything.
    """
    counted, gamma, legs = CountedTarget(target), path.gamma ** (1 / settings.n_legs), []
    here, along = model, replace(path, gamma=gamma)
    for left in reversed(range(settings.n_legs)):
        reached = beta * gamma**-left
        legs.append(
            _leg(here, along, counted, beta=reached, settings=settings, work=work, beginning=beginning)
        )
        if left:
            _, landed = legs[-1]
            beginning = Beginning(landed.x, reached * landed.energy.double())
            here = Tempered(model, gamma ** len(legs))
            along = along.colder(gamma)
    return gathered(Descent(*joined(legs), counted.n_energy_evals), path.space)


def joined(legs: list[Leg]) -> Leg:
    """Return legs, each begun where the one before landed, as one."""
    if len(legs) == 1:
        return legs[0]
    annealed, landed = zip(*legs, strict=True)
    traces = zip(*(each.trace for each in annealed), strict=True)
    return (
        annealed[-1]._replace(
            trace=Trace(*map(torch.cat, traces)),
            log_z=sum(each.log_z for each in annealed),
            n_nonfinite=sum(each.n_nonfinite for each in annealed),
            n_clipped=sum(each.n_clipped for each in annealed),
        ),
        landed[-1]._replace(
            ess_fraction=min(each.ess_fraction for each in landed),
            n_unique_ancestors=min(each.n_unique_ancestors for each in landed),
            log_z=sum(each.log_z for each in landed),
            n_nonfinite=sum(each.n_nonfinite for each in landed),
        ),
    )


def _leg(
    model: DiffusionModel,
    path: AnnealedPath,
    target: Target,
    *,
    beta: float,
    settings: DescentSettings,
    work: tuple[torch.Generator, Callable[[int, float], None] | None],
    beginning: Beginning | None,
) -> Leg:
    """Return this rank's particles, annealed along the path and landed at beta."""
    generator, progress = work
    shared = {
        "n_particles": settings.n_particles,
        "n_islands": settings.n_islands,
        "generator": generator,
        "progress": progress,
    }
    if settings.renoise is None:
        annealed = anneal_islands(model, path, compiled=settings.compiled, **shared)
    elif beginning is None:
        raise ValueError(f"renoise={settings.renoise} needs samples to begin from, got none")
    else:
        annealed = renoised_islands(model, path, beginning, sigma=settings.renoise, **shared)
    landed = None
    if settings.landing is not None:
        landed = land(
            annealed,
            target,
            path,
            beta=beta,
            settings=settings.landing,
            generator=generator,
            model=model,
            progress=progress,
        )
    elif settings.bridge is not None:
        landed = cross(
            annealed, Interpolation(model, target, path, beta), settings=settings.bridge, generator=generator
        )
    return annealed, landed


def gathered(done: Descent, space: ParticleSpace) -> Descent:
    """Return on every rank the temperature step of all ranks; the acceptance of moves stays this rank's."""
    gather, landed = space.communicator.gather, done.landed
    annealed = done.annealed._replace(
        particles=Particles(*map(gather, done.annealed.particles)),
        log_p=None if done.annealed.log_p is None else gather(done.annealed.log_p),
    )
    if landed is not None:
        landed = landed._replace(x=gather(landed.x), energy=gather(landed.energy), force=gather(landed.force))
    n_energy_evals = gather(torch.tensor([done.n_energy_evals], device=space.device)).sum().item()
    return Descent(annealed, landed, n_energy_evals)


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
