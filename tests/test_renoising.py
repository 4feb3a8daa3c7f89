"""Proves that annealing from noised samples is exact for wrong models, and keeps a basin that noise loses."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from pita.islands import anneal_islands, renoised_islands
from pita.landing import LandingSettings, land
from pita.renoising import Beginning, anneal_renoised
from tests.annealing_cases import SIGMA_MIN, left_mass, path_of, two_modes

GAMMA, SIGMA = 1.5, 0.2
MIXTURE = two_modes(3)
TRUTH = MIXTURE.annealed(GAMMA)
MASS = TRUTH.weights[1].item()
N = 4000


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Biased:
    """A model that puts the right mode `depth` kT too high at every noise level between two bounds."""

    depth: float = 3.0
    low: float = 0.003
    high: float = 1.0

    def energy(self, x: Tensor, h: Tensor) -> Tensor:
        return self.energy_and_score(x, h)[0]

    def energy_and_score(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        energy, score = MIXTURE.energy_and_score(x, h)
        depth = self.depth if self.low < h < self.high else 0.0
        step = torch.sigmoid(8 * x[:, 0])
        push = torch.zeros_like(x)
        push[:, 0] = -depth * 8 * step * (1 - step)
        return energy + depth * step, score + push


def path(**settings):
    defaults = {"transport": "energy", "resample_at_end": False, "n_levels": 80}
    return path_of(MIXTURE, gamma=GAMMA, **defaults | settings)


def beginning(n=N, seed=5):
    x = MIXTURE.sample(n, generator=generator(seed))
    return Beginning(x, MIXTURE.energy(x))


def landed(annealed, along):
    return land(annealed, MIXTURE, along, beta=GAMMA, settings=LandingSettings(), generator=generator(2))


def right(x):
    return (x[:, 0] > 0).double().mean().item()


@pytest.mark.parametrize("n_islands", [1, 8])
def test_shares_are_exact_for_a_wrong_model_and_not_without_what_the_way_up_gathered(n_islands):
    along, start = path(), beginning()
    shared = {"sigma": SIGMA, "n_particles": N, "n_islands": n_islands, "generator": generator()}
    done = renoised_islands(Biased(low=0.0), along, start, **shared)
    arrived = landed(done, along)
    assert right(arrived.x) == pytest.approx(MASS, abs=0.03)
    spread = arrived.x[:, 1:].var().item()
    assert spread == pytest.approx(((1 - MASS) * 0.06 + MASS * 0.09) / GAMMA, rel=0.1)
    # Samples at the temperature above are not the answer, nor is a start that takes the model at its word.
    assert abs(right(start.x) - MASS) > 0.06
    free = Beginning(start.x, Biased(low=0.0).energy(start.x, torch.tensor(SIGMA_MIN**2)))
    trusting = landed(
        renoised_islands(Biased(low=0.0), along, free, **shared | {"generator": generator()}), along
    )
    assert abs(right(trusting.x) - MASS) > 0.1


def test_log_z_is_that_of_the_cold_density_relative_to_the_samples_own():
    along = path()
    done = anneal_renoised(Biased(), along, beginning(), sigma=SIGMA, generator=generator())
    assert landed(done, along).log_z == pytest.approx(MIXTURE.annealed_log_z(GAMMA), abs=0.05)


def test_a_basin_that_the_model_has_wrong_on_the_way_keeps_its_ancestors():
    along, wrong = path(), Biased(depth=6.0)
    kept = landed(anneal_renoised(wrong, along, beginning(), sigma=SIGMA, generator=generator()), along)
    lost = landed(anneal_islands(wrong, along, n_particles=N, n_islands=1, generator=generator()), along)
    assert right(kept.x) == pytest.approx(MASS, abs=0.04)
    distinct = [len(done.x[done.x[:, 0] > 0].unique(dim=0)) for done in (kept, lost)]
    assert distinct[0] > 5 * distinct[1]


@dataclass(frozen=True)
class WithWell:
    """The truth, but for a well 40 kT deep beyond 0.9 in the second coordinate, which few samples reach."""

    def energy(self, x: Tensor, h: Tensor) -> Tensor:
        return self.energy_and_score(x, h)[0]

    def energy_and_score(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        energy, score = MIXTURE.energy_and_score(x, h)
        return energy - 40 * torch.sigmoid(60 * (x[:, 1] - 0.9)), score


def test_a_false_well_takes_all_but_where_offspring_are_capped():
    spans = {}
    for cap in (torch.inf, 10.0):
        along = path(offspring_cap=cap)
        done = anneal_renoised(WithWell(), along, beginning(), sigma=SIGMA, generator=generator())
        spans[cap] = landed(done, along)
    assert spans[10.0].n_unique_ancestors > 20 * spans[torch.inf].n_unique_ancestors
    assert right(spans[10.0].x) == pytest.approx(MASS, abs=0.04)
    assert abs(right(spans[torch.inf].x) - MASS) > 0.1


def test_capped_offspring_leave_shares_and_integral_exact():
    wrong, along = Biased(depth=6.0, low=0.0), path(offspring_cap=1.5, ess_threshold=0.99)
    arrived = landed(anneal_renoised(wrong, along, beginning(), sigma=SIGMA, generator=generator()), along)
    assert right(arrived.x) == pytest.approx(MASS, abs=0.04)
    assert arrived.log_z == pytest.approx(MIXTURE.annealed_log_z(GAMMA), abs=0.05)


def test_nothing_new_beyond_what_the_noise_blurs():
    along, start = path(), beginning()
    one = start.x[:, 0] < 0
    left = Beginning(start.x[one], start.reduced_energy[one])
    done = anneal_renoised(Biased(depth=0.0), along, left, sigma=SIGMA, generator=generator())
    assert left_mass(landed(done, along).x, torch.zeros(int(one.sum()))) > 0.999


def test_islands_begin_at_every_sample_once_before_any_twice():
    start, along = beginning(50), path(ess_threshold=0.0, sigma_min=0.05)
    counted = Beginning(start.x, torch.arange(50.0).double())
    shared = {"sigma": SIGMA, "generator": generator()}
    done = renoised_islands(Biased(), along, counted, n_particles=80, n_islands=4, **shared)
    assert len(done.particles.x) == 80 and len(done.origins.unique()) == 80
    calls = []
    renoised_islands(
        Biased(),
        along,
        counted,
        n_particles=80,
        n_islands=4,
        progress=lambda *at: calls.append(at[0]),
        **shared,
    )
    n_levels = along.settings.n_levels - along.settings.first_below(SIGMA)
    assert calls == list(range(1, 4 * 2 * n_levels + 1))


def test_a_sample_without_a_finite_energy_dies_alone():
    start = beginning(200)
    energy = start.reduced_energy.clone()
    energy[3] = torch.nan
    done = anneal_renoised(
        Biased(), path(), start._replace(reduced_energy=energy), sigma=SIGMA, generator=generator()
    )
    assert done.n_nonfinite == 1
    assert 3 not in done.origins[done.particles.log_w.isfinite()]
    assert landed(done, path()).x.isfinite().all()


def test_what_it_cannot_do_is_refused():
    for value in (SIGMA_MIN, 10.0, 0.01):
        with pytest.raises(ValueError, match=f"sigma must be in .*, got {value}"):
            path().settings.first_below(value)
    unweighted = replace(path(), settings=replace(path().settings, weighting="unweighted"))
    with pytest.raises(ValueError, match="needs energy_kernel_ratio, got 'unweighted'"):
        anneal_renoised(Biased(), unweighted, beginning(10), sigma=SIGMA, generator=generator())
    with pytest.raises(ValueError, match="offspring_cap must be above 1, got 1.0"):
        path(offspring_cap=1.0)


def test_levels_below_a_noise_are_counted_from_the_first():
    settings = path().settings
    first = settings.first_below(SIGMA)
    assert settings.levels[first] <= SIGMA**2 < settings.levels[first - 1]
