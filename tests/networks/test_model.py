"""Proves that a model serves samplers: number or tensor h, score consistent with energy, refusals named."""

import pytest
import torch

from pita.geometry import remove_mean
from pita.networks import NetworkSettings, build_model
from pita.networks.graph import MolecularGraph

N_ATOMS = 4


def built(heads="score+energy", kind="pairwise", conditioned=False):
    torch.manual_seed(4)
    settings = NetworkSettings(
        kind=kind, n_atoms=N_ATOMS, width=8, depth=1, attention_heads=2, heads=heads, conditioned=conditioned
    )
    return build_model(settings)


@pytest.fixture
def x():
    return remove_mean(torch.randn(6, N_ATOMS, 3, generator=torch.Generator().manual_seed(1)))


def test_one_level_for_all_equals_one_level_each(x):
    model = built().at()
    alike = torch.full((len(x),), 0.3)
    for level in (0.3, torch.tensor(0.3, dtype=torch.float64)):
        assert torch.equal(model.score(x, level), model.score(x, alike))
        assert torch.equal(model.energy(x, level), model.energy(x, alike))


@pytest.mark.parametrize("kind", ["egnn", "transformer", "pairwise"])
def test_energy_and_score_agree_with_energy_and_autograd(kind, x):
    model = built(kind=kind)
    with torch.no_grad():
        energy, score = model.at().energy_and_score(x, 0.3)
    leaf = x.clone().requires_grad_()
    reference = model.energy(leaf, 0.3)
    torch.testing.assert_close(energy, reference.detach())
    torch.testing.assert_close(score, -torch.autograd.grad(reference.sum(), leaf)[0])


def test_score_of_an_energy_model_is_minus_the_gradient_and_of_a_double_model_is_its_own(x):
    single, double = built("energy").at(), built("score+energy").at()
    assert torch.equal(single.score(x, 0.3), single.energy_and_score(x, 0.3)[1])
    assert not torch.allclose(double.score(x, 0.3), double.energy_and_score(x, 0.3)[1])
    denoised = built("energy").denoise(x, 0.3)
    torch.testing.assert_close(denoised, x + 0.3 * single.score(x, 0.3))


def test_conditioned_model_reads_beta_and_demands_it(x):
    model = built(conditioned=True)
    assert not torch.allclose(model.at(1.0).score(x, 0.3), model.at(0.25).score(x, 0.3))
    each = torch.tensor([1.0, 0.25] * 3)
    torch.testing.assert_close(model.at(each).energy(x, 0.3)[1::2], model.at(0.25).energy(x, 0.3)[1::2])
    with pytest.raises(ValueError, match="beta"):
        model.at()
    plain = built()
    assert torch.equal(plain.at(1.0).score(x, 0.3), plain.at(0.25).score(x, 0.3))


def test_missing_energy_and_impossible_settings_are_refused(x):
    with pytest.raises(ValueError, match="no energy head"):
        built("score").at().energy(x, 0.3)
    with pytest.raises(ValueError, match="'gnn'"):
        NetworkSettings(kind="gnn", n_atoms=4, width=8, depth=1)
    with pytest.raises(ValueError, match="'forces'"):
        NetworkSettings(kind="egnn", n_atoms=4, width=8, depth=1, heads="forces")
    with pytest.raises(ValueError, match="needs a graph"):
        NetworkSettings(kind="molecular", n_atoms=4, width=8, depth=1, heads="energy")
    with pytest.raises(ValueError, match="length must be positive and finite, got 0"):
        NetworkSettings(kind="egnn", n_atoms=4, width=8, depth=1, length=0)
    with pytest.raises(ValueError, match="graph has 2 atoms, n_atoms is 4"):
        NetworkSettings(
            kind="transformer", n_atoms=4, width=8, depth=1, graph=MolecularGraph(("C", "H"), ((0, 1),))
        )


@pytest.mark.parametrize("heads", ["score", "energy"])
def test_length_is_a_change_of_unit(x, heads):
    torch.manual_seed(1)
    plain = build_model(NetworkSettings(kind="transformer", n_atoms=4, width=8, depth=1, heads=heads))
    scaled = build_model(
        NetworkSettings(kind="transformer", n_atoms=4, width=8, depth=1, heads=heads, length=0.5)
    )
    scaled.load_state_dict(plain.state_dict())
    close = torch.testing.assert_close
    close(scaled.denoise(0.5 * x, 0.25 * 0.3), 0.5 * plain.denoise(x, 0.3))
    close(scaled.score(0.5 * x, 0.25 * 0.3), plain.score(x, 0.3) / 0.5)
    if heads == "energy":
        close(scaled.energy(0.5 * x, 0.25 * 0.3), plain.energy(x, 0.3))
