"""Proves that islands estimate what one population does, and that a false well costs one island, not all."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from pita.islands import anneal_islands, merged
from pita.landing import LandingSettings, land
from pita.log_weights import log_mean_exp
from pita.smc import anneal
from pita.targets.counted import CountedTarget
from pita.targets.gaussian import GaussianMixture
from tests.annealing_cases import isotropic, noised, path_of, two_modes

GAMMA = 2.0


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def run(n_islands, model=None, n_particles=2000, seed=1):
    mixture = two_modes()
    path = path_of(mixture, gamma=GAMMA)
    return anneal_islands(
        model or mixture, path, n_particles=n_particles, n_islands=n_islands, generator=generator(seed)
    )


def test_one_island_is_one_population():
    path = path_of(two_modes(), gamma=GAMMA)
    alone = anneal(two_modes(), path, n_particles=300, generator=generator())
    found = run(1, n_particles=300)
    assert torch.equal(found.particles.x, alone.particles.x)
    assert torch.equal(found.particles.log_w, alone.particles.log_w)
    assert found.log_z == alone.log_z


def test_weights_of_islands_hold_their_integrals():
    islands = [run(1, n_particles=400, seed=seed) for seed in range(3)]
    whole = merged(islands)
    for island, log_w in zip(islands, whole.particles.log_w.split(400), strict=True):
        assert log_mean_exp(log_w) == pytest.approx(island.log_z)
        spread = log_w - island.particles.log_w  # one number, so that within an island nothing changes
        assert spread.std() < 1e-9
    z = torch.tensor([island.log_z for island in islands]).double()
    assert whole.log_z == pytest.approx(torch.logsumexp(z, 0).item() - torch.tensor(3.0).log().item())
    assert whole.origins.max() >= 800
    ancestors = [island.trace.n_unique_ancestors[-1] for island in islands]
    assert whole.trace.n_unique_ancestors[-1] == sum(ancestors)
    assert whole.trace.h.tolist() == islands[0].trace.h.tolist()


def test_integral_and_shares_of_modes_are_exact():
    mixture = noised(two_modes())
    exact = gamma_share(mixture)
    for n_islands in (1, 10):
        done = run(n_islands, n_particles=4000)
        weights = torch.softmax(done.particles.log_w, 0)
        right = (weights * (done.particles.x[:, 0] > 0)).sum().item()
        assert right == pytest.approx(exact, abs=0.05)


def gamma_share(mixture: GaussianMixture) -> float:
    """Share of the second of two well separated modes under p^gamma."""
    n_dim = mixture.means.shape[-1]
    log_mass = GAMMA * mixture.weights.log() - 0.5 * (GAMMA - 1) * n_dim * mixture.variances.log()
    return torch.softmax(log_mass, 0)[1].item()


@dataclass(frozen=True)
class WithWell:
    """A model with a well that the truth lacks, deep and far out, at small noise: few particles find it."""

    exact: GaussianMixture
    depth: float = 60.0

    def energy(self, x: Tensor, h: Tensor) -> Tensor:
        return self.exact.energy(x, h) - self._bump(x, h)

    def score(self, x: Tensor, h: Tensor) -> Tensor:
        return self.exact.score(x, h)

    def energy_and_score(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        return self.energy(x, h), self.score(x, h)

    def _bump(self, x: Tensor, h: Tensor) -> Tensor:
        reach = x.flatten(1).norm(dim=1)
        return self.depth * torch.sigmoid(40 * (reach - 2.0)) * (h < 0.02)


def test_a_false_well_takes_one_island_and_its_weights_lose_it():
    mixture = isotropic(0.1)
    path, model = path_of(mixture, gamma=1.0), WithWell(mixture)
    target = CountedTarget(Boltzmann(mixture))
    landing = LandingSettings(power=1.0)
    spans = {}
    for n_islands in (1, 16):
        done = anneal_islands(model, path, n_particles=4096, n_islands=n_islands, generator=generator(3))
        landed = land(done, target, path, beta=1.0, settings=landing, generator=generator(4))
        spans[n_islands] = landed.n_unique_ancestors
    assert spans[16] > 5 * spans[1]


class Boltzmann:
    """The truth as a target: E = -log p."""

    def __init__(self, mixture: GaussianMixture) -> None:
        self.mixture, self.n_atoms = mixture, mixture.means.shape[1]
        self.n_dof = 3 * (self.n_atoms - 1)

    def energy(self, x: Tensor) -> Tensor:
        return self.mixture.energy(x, 0.0)

    def energy_and_force(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.mixture.energy_and_score(x, 0.0)


class Dies:
    """A model of a mixture whose energies are lost below a noise variance."""

    def __init__(self, mixture: GaussianMixture, h: float) -> None:
        self.mixture, self.h, self.n_calls = mixture, h, 0

    def energy_and_score(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        self.n_calls += 1
        energy, score = self.mixture.energy_and_score(x, h)
        return torch.where(h < self.h, torch.nan, energy), score

    def score(self, x: Tensor, h: Tensor) -> Tensor:
        return self.mixture.score(x, h)

    def energy(self, x: Tensor, h: Tensor) -> Tensor:
        return self.energy_and_score(x, h)[0]


def test_an_island_that_died_out_counts_with_weight_zero():
    path = path_of(two_modes(), gamma=GAMMA)
    seen, model = [], Dies(noised(two_modes()), h=path.levels[20])
    dead = anneal_islands(
        model,
        path,
        n_particles=400,
        n_islands=1,
        generator=generator(),
        progress=lambda done, _: seen.append(done),
    )
    assert dead.log_z == -torch.inf
    assert dead.n_nonfinite == 400
    assert model.n_calls == 22  # not carried on to the last level
    assert seen == list(range(1, 51))
    assert len(dead.trace.h) == 50
    assert dead.trace.ess_fraction[20:].tolist() == [0.0] * 30
    alive = [run(1, n_particles=400, seed=seed) for seed in range(2)]
    whole = merged([alive[0], dead, alive[1]])
    assert (whole.particles.log_w[400:800] == -torch.inf).all()
    assert whole.particles.log_w[:400].isfinite().all()
    without = merged(alive)
    assert whole.log_z == pytest.approx(without.log_z + torch.tensor(2 / 3).log().item())
    assert torch.equal(whole.particles.log_w[800:], without.particles.log_w[400:])
    with pytest.raises(ValueError, match="-inf for all of its 800 particles"):
        merged([dead, dead])


def test_uneven_islands_are_refused():
    with pytest.raises(ValueError, match="multiple of n_islands, got 2000 and 3"):
        run(3)
    with pytest.raises(ValueError, match="got 2000 and 0"):
        run(0)
