"""Proves that losses do not depend on the unit of length, and that hands are learned where there are any."""

import pytest
import torch

from pita.data import NoiseSettings, NoisyBatches, Pinned
from pita.geometry import mean_free_noise
from pita.losses import hand_cross_entropy
from pita.networks import NetworkSettings, build_model
from pita.networks.graph import MolecularGraph
from pita.objective import LossSettings, in_unit, make_objective
from pita.training_set import TrainingSet

LOSSES = LossSettings(score=1.0, energy=0.5, target=0.1, distill=0.3, pin=0.2, blend=True)


def terms(length: float) -> dict[str, torch.Tensor]:
    """Losses of the same configurations written in units in which their spread is `length`."""
    draw = torch.Generator().manual_seed(1)
    x = length * mean_free_noise((64, 4, 3), generator=draw)
    force, energy = mean_free_noise((64, 4, 3), generator=draw) / length, torch.randn(64, generator=draw)
    noise = NoiseSettings(32, 0.1 * length, 5.0 * length, False)
    batch = NoisyBatches([TrainingSet(x, 1.0, energy, force)], noise, seed=2).batch(0)
    torch.manual_seed(3)
    settings = NetworkSettings(
        kind="transformer", n_atoms=4, width=8, depth=1, heads="score+energy", length=length
    )
    return make_objective(build_model(settings), LOSSES, n_rungs=1, compiled=False)(batch)


def test_losses_are_those_of_unit_length():
    found, expected = terms(0.16), terms(1.0)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


def test_change_of_unit_keeps_what_has_no_unit():
    x = mean_free_noise((8, 4, 3), generator=torch.Generator().manual_seed(1))
    noise = NoiseSettings(4, 0.1, 5.0, False)
    batch = NoisyBatches([TrainingSet(x, 1.0, torch.zeros(8), x)], noise, seed=2).batch(0)
    batch = batch._replace(hands_x=batch.x[:, None], hands_h=batch.h[:, None])
    scaled = in_unit(batch, 0.5)
    assert torch.equal(scaled.hands_x[:, 0], scaled.x)
    assert torch.equal(scaled.hands_h[:, 0], scaled.h)
    torch.testing.assert_close((scaled.x * scaled.reduced_force).sum(), (batch.x * batch.reduced_force).sum())
    torch.testing.assert_close(scaled.h * scaled.force_variance, batch.h * batch.force_variance)
    torch.testing.assert_close(
        (scaled.x - scaled.x0) ** 2 / scaled.h[:, None, None],
        (batch.x - batch.x0) ** 2 / batch.h[:, None, None],
    )


def molecule():
    graph = MolecularGraph(tuple("CHFNO"), ((0, 1), (0, 2), (0, 3), (0, 4)))
    torch.manual_seed(3)
    settings = NetworkSettings("molecular", 5, 8, 1, heads="energy", length=0.5, graph=graph)
    return build_model(settings)


def molecular_batch(**noise):
    x = mean_free_noise((40, 5, 3), generator=torch.Generator().manual_seed(1))
    return NoisyBatches([TrainingSet(x, 1.0)], NoiseSettings(16, 0.1, 5.0, False, **noise), seed=2).batch(0)


def test_hands_are_learned_from_their_own_noise_of_the_same_configurations():
    model, batch = molecule(), molecular_batch(hands=(0.2, 0.6))
    model.calibrate(batch.x0)
    found = make_objective(model, LossSettings(energy=1.0, hands=2.0), n_rungs=1, compiled=False)(batch)
    log_odds = model.log_odds(batch.hands_x.flatten(0, 1), batch.hands_h.flatten())
    torch.testing.assert_close(found["hands"], 2 * hand_cross_entropy(log_odds))
    mirrored = batch.hands_x.flatten(0, 1) * torch.tensor([1.0, 1.0, -1.0])
    torch.testing.assert_close(model.log_odds(mirrored, batch.hands_h.flatten()), -log_odds)
    alone = make_objective(model, LossSettings(energy=1.0), n_rungs=1, compiled=False)(batch)
    assert list(alone) == ["energy"]
    torch.testing.assert_close(alone["energy"], found["energy"])


def test_energies_under_noise_are_pinned_level_by_level():
    model, batch = molecule(), molecular_batch()
    model.calibrate(batch.x0)
    x, h = batch.x0[:4], torch.tensor([0.01, 0.04, 0.01, 0.04])
    levels = torch.tensor([0, 1, 0, 1])
    gauge = torch.tensor([3.0, -70.0])[levels]
    known = Pinned(x, h, model.energy(x, h) + gauge, levels)
    objective = make_objective(model, LossSettings(energy=1.0, pin=1.0), n_rungs=1, compiled=False)
    assert objective(batch._replace(pinned=known))["pin"].item() == pytest.approx(0, abs=1e-6)
    wrong = known._replace(energy=known.energy + torch.tensor([1.0, 0, -1.0, 0]))
    assert objective(batch._replace(pinned=wrong))["pin"].item() == pytest.approx(0.5 / 12, rel=1e-4)
    one_level = known._replace(level=torch.zeros(4, dtype=torch.long))
    assert objective(batch._replace(pinned=one_level))["pin"].item() > 10


def test_hands_of_what_has_none_are_refused():
    objective = make_objective(molecule(), LossSettings(energy=1.0, hands=1.0), n_rungs=1, compiled=False)
    with pytest.raises(ValueError, match="batches with noise for them"):
        objective(molecular_batch())
    model = build_model(NetworkSettings("pairwise", 4, 8, 1, heads="energy"))
    with pytest.raises(ValueError, match="has no hands"):
        make_objective(model, LossSettings(energy=1.0, hands=1.0), n_rungs=1, compiled=False)
    with pytest.raises(ValueError, match="only molecular"):
        model.log_odds(torch.zeros(2, 4, 3), 1.0)
