"""Proves that starts are within the budget and equilibrated, and that pooling is fair."""

import pytest
import torch

from pita.baselines.start import affordable_moves, equilibrate, pool_evenly
from pita.hot_start import CLUSTER_START
from pita.targets.counted import CountedTarget
from pita.targets.lennard_jones import LennardJonesCluster

CLUSTER = LennardJonesCluster(5)


def test_equilibration_stays_within_its_evaluations_and_keeps_the_second_half():
    counted, g = CountedTarget(CLUSTER), torch.Generator().manual_seed(1)
    x = CLUSTER_START.draw(CLUSTER, 20, generator=g)
    run = equilibrate(
        counted, x, temperature=4.0, n_energy_evals=5000, n_leapfrog=5, step_size=0.02, generator=g
    )
    assert counted.n_energy_evals == 20 * (1 + 49 * 5) <= 5000
    assert run.x.shape == (25, 20, 5, 3)


def test_a_budget_too_small_is_refused():
    with pytest.raises(ValueError, match="do not pay"):
        affordable_moves(1000, n_chains=100, n_leapfrog=10)


def test_pooling_visits_every_chain_equally_and_spreads_over_time():
    draws = torch.arange(12).view(4, 3)  # draw t of chain c is 3 t + c
    pooled = pool_evenly(draws, 6)
    assert torch.bincount(pooled % 3).tolist() == [2, 2, 2]
    assert torch.equal(pool_evenly(draws, 12).sort().values, torch.arange(12))
    assert len(pool_evenly(draws, 30)) == 30
