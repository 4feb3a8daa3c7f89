"""Several independent populations in place of one: an island model (Verge et al., Stat. Comput. 25, 2015).

Resampling within one population is global: a single particle that finds a well of the learned energy, where
the density at a later level or the target has none, becomes the ancestor of all. Resampled within islands, it
takes one of them. Each island estimates its own integral, and its particles carry that estimate in their
weights: all weights together are as unbiased as those of one population, and what the target says of the well
at the end, its island's weights lose.
"""

import math
from collections.abc import Callable

import torch

from pita.annealing import AnnealedPath
from pita.evaluation import DiffusionModel
from pita.log_weights import log_mean_exp
from pita.renoising import Beginning, anneal_renoised
from pita.smc import Annealed, Particles, Trace, anneal

Progress = Callable[[int, float], None]


def anneal_islands(
    model: DiffusionModel,
    path: AnnealedPath,
    *,
    n_particles: int,
    n_islands: int,
    generator: torch.Generator,
    progress: Progress | None = None,
    compiled: bool = False,
) -> Annealed:
    """Carry n_islands populations, n_particles in all, from h_max to h_min, one after another.

    `progress(levels done, ESS fraction)` counts the levels of all islands. Of the traces, ESS, spread and
    resampling are means over islands, ancestors their sum. ValueError unless the islands share the particles
    evenly, or where several processes share a population.
    """

    def island(_number: int, each: int, told: Progress | None) -> Annealed:
        return anneal(model, path, n_particles=each, generator=generator, progress=told, compiled=compiled)

    return over_islands(island, path, n_particles=n_particles, n_islands=n_islands, progress=progress)


def renoised_islands(
    model: DiffusionModel,
    path: AnnealedPath,
    beginning: Beginning,
    *,
    sigma: float,
    n_particles: int,
    n_islands: int,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Annealed:
    """Carry particles from samples up the noise and down again (`pita.renoising`), shared over islands.

    Samples are taken in random order, each once before any is taken again.
    """
    n = len(beginning.x)
    order = torch.cat(
        [torch.randperm(n, generator=generator, device=generator.device) for _ in range(-(-n_particles // n))]
    )

    def island(number: int, each: int, told: Progress | None) -> Annealed:
        rows = order[number * each : (number + 1) * each].to(beginning.x.device)
        mine = Beginning(beginning.x[rows], beginning.reduced_energy[rows])
        return anneal_renoised(model, path, mine, sigma=sigma, generator=generator, progress=told)

    return over_islands(island, path, n_particles=n_particles, n_islands=n_islands, progress=progress)


def over_islands(
    island: Callable[[int, int, Progress | None], Annealed],
    path: AnnealedPath,
    *,
    n_particles: int,
    n_islands: int,
    progress: Progress | None,
) -> Annealed:
    """Merge `island(number, its particles, what it tells its progress)` of all numbers."""
    if n_islands < 1 or n_particles % n_islands:
        raise ValueError(f"n_particles must be a multiple of n_islands, got {n_particles} and {n_islands}")
    if n_islands > 1 and path.space.communicator.size > 1:
        raise ValueError(f"n_islands must be 1 where processes share a population, got {n_islands}")
    done, told = 0, None
    if progress is not None:

        def told(_done: int, ess_fraction: float) -> None:
            nonlocal done
            done += 1
            progress(done, ess_fraction)

    islands = [island(number, n_particles // n_islands, told) for number in range(n_islands)]
    return islands[0] if n_islands == 1 else merged(islands)


def merged(islands: list[Annealed]) -> Annealed:
    """Return islands of equal size as one population: log-weights hold what each has put into its log Z.

    An island that died out counts with weight zero; ValueError if all have.
    """
    log_w = [
        done.particles.log_w + (done.log_z - log_mean_exp(done.particles.log_w))
        if done.log_z > -math.inf
        else done.particles.log_w
        for done in islands
    ]
    size = len(islands[0].origins)
    means = [torch.stack(values).mean(0) for values in zip(*(done.trace for done in islands), strict=True)]
    trace = Trace(*means)
    all_log_w = torch.cat(log_w)
    return Annealed(
        Particles(torch.cat([done.particles.x for done in islands]), all_log_w),
        None if islands[0].log_p is None else torch.cat([done.log_p for done in islands]),
        torch.cat([done.origins + size * island for island, done in enumerate(islands)]),
        trace._replace(h=islands[0].trace.h, n_unique_ancestors=len(islands) * trace.n_unique_ancestors),
        log_mean_exp(all_log_w),
        sum(done.n_nonfinite for done in islands),
        sum(done.n_clipped for done in islands),
    )
