"""Proves that a conditioned ladder learns from every temperature so far, with the model bound to its own."""

import numpy as np
import pytest
import torch

from pita.annealing import AnnealingSettings
from pita.descent import DescentSettings
from pita.hot_start import Start
from pita.ladder import InitialSettings, Work, climb_down
from pita.landing import LandingSettings
from pita.mcmc import HmcSettings
from pita.networks import NetworkSettings, build_model
from pita.targets.lennard_jones import LennardJonesCluster

TEMPERATURES = (2.0, 1.6, 1.3, 1.0)


class MemoryStore(dict):
    def load(self, name):
        return self.get(name)

    def save(self, name, arrays):
        self[name] = arrays


class Recorder:
    """An untrained conditioned network that writes down what it is trained on and bound to."""

    def __init__(self):
        torch.manual_seed(1)
        settings = NetworkSettings(
            kind="pairwise", n_atoms=3, width=8, depth=1, heads="energy", conditioned=True
        )
        self.model, self.betas, self.bound = build_model(settings).requires_grad_(False), [], []

    def fit(self, rung, sets):
        self.betas.append([each.beta for each in sets])
        return {"rung": np.array(rung)}

    def bind(self, weights, beta):
        self.bound.append((int(weights["rung"]), beta))
        return self.model.at(beta)


def climb(*, conditioned):
    annealing = AnnealingSettings(
        n_levels=8,
        sigma_min=0.1,
        sigma_max=5.0,
        weighting="energy_kernel_ratio",
        transport="energy",
        langevin="energy",
    )
    recorder, store = Recorder(), MemoryStore()
    done = climb_down(
        LennardJonesCluster(3),
        TEMPERATURES,
        initial=InitialSettings(
            n_chains=8,
            start=Start(spacing=1.5, jitter=0.1),
            moves=HmcSettings(n_moves=4, n_burn_in=2, n_leapfrog=3, step_size=0.02),
        ),
        descent=DescentSettings(n_particles=32, annealing=annealing, landing=LandingSettings(), n_fit=8),
        store=store,
        work=Work(
            lambda name: torch.Generator().manual_seed(sum(name.encode())),
            recorder.fit,
            recorder.bind,
            conditioned=conditioned,
        ),
    )
    assert done
    return recorder


@pytest.mark.parametrize("conditioned", [True, False])
def test_conditioned_ladders_learn_all_temperatures_so_far_and_others_the_current_one(conditioned):
    betas = [1 / temperature for temperature in TEMPERATURES[:-1]]
    expected = [betas[: k + 1] if conditioned else [betas[k]] for k in range(3)]
    assert climb(conditioned=conditioned).betas == expected


def test_models_are_bound_at_the_temperature_of_their_rung_not_of_the_next():
    betas = [1 / temperature for temperature in TEMPERATURES[:-1]]
    # Each rung once to fit its path, and once more to be annealed, but for the last.
    assert climb(conditioned=True).bound == [(k // 2, betas[k // 2]) for k in range(5)]


def test_conditioned_energy_depends_on_the_temperature_bound():
    model, x = Recorder().model, torch.randn(5, 3, 3, generator=torch.Generator().manual_seed(1))
    hot, cold = (model.at(beta).energy(x, 0.1) for beta in (0.5, 1.0))
    assert (hot - cold).abs().max() > 1e-4
    with pytest.raises(ValueError, match="needs beta"):
        model.at()
