"""Proves that batch t depends on (seed, t) alone, that ranks share it out, and that it has the stated
distribution.
"""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch.utils.data import DataLoader

from pita.data import NoiseSettings, NoisyBatches, check_noise_range, rows_of_rank
from pita.geometry import optimal_rotation, pair_distances, random_rotations, remove_mean
from pita.orientation import log_normaliser, tilt
from pita.targets.oriented import Oriented
from pita.training_set import TrainingSet

SETTINGS = NoiseSettings(batch_size=8, sigma_min=0.02, sigma_max=5.0, rotate=True)


def training_set(n=50, beta=0.5, seed=1, **others):
    x = remove_mean(torch.randn(n, 4, 3, generator=torch.Generator().manual_seed(seed)))
    return TrainingSet(x, beta, energy=x.square().sum((1, 2)), force=-2 * x, **others)


def equal(a, b):
    return all(
        left is right or torch.equal(left, right) for left, right in zip(a, b, strict=True)
    )  # fields may be None


def test_batch_is_a_pure_function_of_seed_and_step():
    batches = NoisyBatches([training_set()], SETTINGS, seed=3)
    stream = list(itertools.islice(iter(batches), 5))
    assert equal(stream[4], batches.batch(4))
    assert equal(next(iter(batches.starting_at(4))), stream[4])
    assert not torch.equal(stream[4].x, stream[3].x)
    assert not torch.equal(stream[4].x, NoisyBatches([training_set()], SETTINGS, seed=4).batch(4).x)


def test_loader_workers_do_not_change_the_stream():
    batches = NoisyBatches([training_set()], SETTINGS, seed=3, first_step=2)
    alone, shared = (
        list(itertools.islice(DataLoader(batches, batch_size=None, num_workers=n), 5)) for n in (0, 2)
    )
    assert all(equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_ranks_partition_the_batch():
    batch = NoisyBatches([training_set()], SETTINGS, seed=3).batch(0)
    parts = [rows_of_rank(batch, rank=rank, n_ranks=4) for rank in range(4)]
    assert sorted(torch.cat([part.h for part in parts]).tolist()) == sorted(batch.h.tolist())
    assert len({part.h[0].item() for part in parts}) == 4
    with pytest.raises(ValueError, match="8 and 3"):
        rows_of_rank(batch, rank=0, n_ranks=3)


def test_noise_has_the_stated_law():
    settings = NoiseSettings(batch_size=20_000, sigma_min=0.1, sigma_max=10.0, rotate=False)
    batch = NoisyBatches([training_set()], settings, seed=1).batch(0)
    assert batch.h.min() >= 0.1**2 and batch.h.max() <= 10.0**2
    # ln sigma uniform: mean ln 1 = 0, standard error 1.33 / sqrt(20,000) = 0.009.
    assert abs(batch.h.log().mean().item() / 2) < 0.04
    noise = (batch.x - batch.x0) / batch.h.sqrt()[:, None, None]
    assert noise.mean(1).abs().max() < 1e-4
    assert noise.square().sum((1, 2)).mean().item() == pytest.approx(9, rel=0.02)


def test_noise_of_hands_has_bounds_of_its_own_and_leaves_the_rest_as_it_is():
    plain = NoiseSettings(batch_size=2000, sigma_min=0.02, sigma_max=5.0, rotate=False)
    without, batch = (
        NoisyBatches([training_set()], settings, seed=3).batch(1)
        for settings in (plain, replace(plain, hands=(0.1, 1.0)))
    )
    assert without.hands_x is None and without.hands_h is None
    assert torch.equal(batch.x, without.x) and torch.equal(batch.h, without.h)
    assert batch.hands_h.min() >= 0.1**2 and batch.hands_h.max() <= 1.0
    # ln sigma uniform over ln 10: mean ln 0.316, standard error 0.66 / sqrt(4,000) = 0.01.
    assert batch.hands_h.log().mean().item() / 2 == pytest.approx(math.log(0.1) / 2, abs=0.04)
    noise = (batch.hands_x - batch.x0[:, None]) / batch.hands_h.sqrt()[..., None, None]
    assert noise.square().sum((2, 3)).mean().item() == pytest.approx(9, rel=0.03)
    assert not torch.allclose(batch.hands_x[:, 0], batch.hands_x[:, 1])
    with pytest.raises(ValueError, match=r"hands\[0\] < hands\[1\], got \(1.0, 0.1\)"):
        replace(plain, hands=(1.0, 0.1))


def test_rotation_turns_configuration_and_force_together_and_properly():
    plain = NoiseSettings(batch_size=8, sigma_min=0.02, sigma_max=5.0, rotate=False)
    still, turned = (NoisyBatches([training_set()], s, seed=3).batch(0) for s in (plain, SETTINGS))
    assert torch.equal(still.reduced_energy, turned.reduced_energy)
    assert not torch.allclose(still.x0, turned.x0)
    torch.testing.assert_close(pair_distances(still.x0), pair_distances(turned.x0))
    volume = (torch.linalg.det(batch.x0[:, :3]) for batch in (still, turned))
    torch.testing.assert_close(*volume, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(turned.reduced_force, -turned.x0, rtol=1e-4, atol=1e-5)


def test_weights_and_sets_are_drawn_in_their_proportions():
    weight = torch.tensor([0.0, 1.0, 3.0, 0.0])
    sets = [training_set(4, beta=0.25, seed=1, weight=weight), training_set(100, beta=1.0, seed=2)]
    settings = NoiseSettings(batch_size=20_000, sigma_min=0.1, sigma_max=10.0, rotate=False)
    batch = NoisyBatches(sets, settings, seed=1).batch(0)
    assert (batch.rung == 0).double().mean().item() == pytest.approx(0.5, abs=0.015)
    assert torch.equal(batch.beta, torch.where(batch.rung == 0, 0.25, 1.0))
    first = batch.x0[batch.rung == 0]
    share = [(first == row).all(2).all(1).double().mean().item() for row in remove_mean(sets[0].x)]
    assert share[0] == share[3] == 0
    assert share[2] == pytest.approx(0.75, abs=0.02)
    torch.testing.assert_close(
        batch.reduced_energy, batch.beta * batch.x0.square().sum((1, 2)), rtol=1e-4, atol=1e-4
    )


def test_training_noise_that_misses_a_sampled_level_is_refused():
    check_noise_range(SETTINGS, h_min=0.02**2, h_max=5.0**2)
    for h_min, h_max in ((0.01**2, 1.0), (0.1, 80.0**2)):
        with pytest.raises(ValueError, match="sampling visits"):
            check_noise_range(SETTINGS, h_min=h_min, h_max=h_max)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta": -1.0}, "beta of set 0"),
        ({"x": torch.zeros(5, 3)}, "x of set 0"),
        ({"energy": torch.zeros(7)}, "energy of set 0"),
        ({"energy": torch.full((50,), torch.inf)}, "energy of set 0 has non-finite"),
        ({"weight": torch.zeros(50)}, "weight of set 0"),
    ],
)
def test_bad_training_sets_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        NoisyBatches([training_set()._replace(**change)], SETTINGS, seed=1)


def test_sets_must_agree_on_what_they_bring():
    with pytest.raises(ValueError, match="energy must be given by every"):
        NoisyBatches([training_set(), training_set()._replace(energy=None)], SETTINGS, seed=1)
    with pytest.raises(ValueError, match="sigma_min"):
        NoiseSettings(batch_size=8, sigma_min=1.0, sigma_max=0.5, rotate=False)


REFERENCE = torch.randn(4, 3, generator=torch.Generator().manual_seed(9))
STIFFNESS = 12.0


class Trap:
    """The target that training_set samples: E = |x|^2."""

    n_atoms, n_dof = 4, 9

    def energy_and_force(self, x):
        return x.square().sum((1, 2)), -2 * x


def framed(sets, *, batch_size=20_000, stiffness=STIFFNESS, sigma=(0.3, 0.301), reference=REFERENCE):
    settings = NoiseSettings(batch_size, *sigma, rotate=False, frame=True, stiffness=stiffness)
    return NoisyBatches(sets, settings, seed=3, reference=reference).batch(0)


def turned_at_random(training_set):
    turn = random_rotations(len(training_set.x), generator=torch.Generator().manual_seed(6))
    return training_set._replace(x=training_set.x @ turn.mT, force=training_set.force @ turn.mT)


def signed_volume(x):
    return torch.linalg.det(x[:, 1:] - x[:, :1])


def test_hard_frame_turns_every_configuration_onto_the_reference_and_offers_no_force():
    sets = [turned_at_random(training_set())]
    batch = framed(sets, batch_size=200, stiffness=None)
    torch.testing.assert_close(
        optimal_rotation(batch.x0, REFERENCE), torch.eye(3).expand(200, 3, 3), atol=1e-4, rtol=0
    )
    assert tilt(sets[0].x, REFERENCE).mean() > 0.1  # control: not so before
    assert batch.reduced_energy is batch.reduced_force is batch.force_variance is None


@pytest.mark.parametrize("stiffness", [None, STIFFNESS])
def test_frame_never_flips_a_configuration(stiffness):
    x = training_set(200).x
    half = torch.arange(200) % 2 == 0
    volumes = signed_volume(x)
    x = torch.where((half == (volumes > 0))[:, None, None], x, -x)  # half of them of either hand
    for hand, chosen in ((1, half), (-1, ~half)):
        batch = framed([TrainingSet(x[chosen], 0.5)], batch_size=500, stiffness=stiffness)
        assert (hand * signed_volume(batch.x0) > 0).all()


def test_soft_frame_turns_each_set_by_its_own_density():
    sets = [turned_at_random(training_set(beta=beta)) for beta in (0.25, 2.0)]
    batch = framed(sets)
    tilts = tilt(batch.x0, REFERENCE).double()
    for rung, training in enumerate(sets):
        sample = tilts[batch.rung == rung]

        def deviation(a, sample=sample):
            a = torch.tensor(a, dtype=torch.float64, requires_grad=True)
            (minus_mean,) = torch.autograd.grad(log_normaliser(a), a)
            return abs((sample.mean() + minus_mean) / sample.std()).item() * len(sample) ** 0.5

        assert deviation(training.beta * STIFFNESS) < 4
        assert deviation(STIFFNESS) > 4  # control: the same density at every temperature


def test_energies_and_forces_of_a_soft_frame_are_those_of_the_oriented_target():
    batch = framed([turned_at_random(training_set(beta=beta)) for beta in (0.25, 2.0)], batch_size=1000)
    energy, force = Oriented(Trap(), REFERENCE, stiffness=STIFFNESS).energy_and_force(batch.x0)
    torch.testing.assert_close(batch.reduced_energy, batch.beta * energy, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(batch.reduced_force, batch.beta[:, None, None] * force, rtol=1e-3, atol=1e-2)


def test_mean_reduced_force_is_the_score_of_the_noisy_density_in_a_soft_frame():
    """For any field v: E v(x) . score(x) = -E div v(x); here v turns x towards the reference."""
    batch = framed([training_set(20_000)])
    x = batch.x.double()
    reference = remove_mean(REFERENCE).double()

    def field(x):
        axis = torch.linalg.cross(reference[None], x, dim=-1).sum(1, keepdim=True)
        return torch.linalg.cross(axis, x, dim=-1)

    basis = torch.eye(12, dtype=torch.float64).reshape(12, 1, 4, 3)
    basis = remove_mean(basis)
    divergence = sum((torch.func.jvp(field, (x,), (b.expand_as(x),))[1] * b).sum((1, 2)) for b in basis)

    def deviation(score):
        residual = (field(x) * score).sum((1, 2)) + divergence
        return abs(residual.mean() / residual.std()).item() * len(x) ** 0.5

    assert deviation((batch.x0 - batch.x) / batch.h[:, None, None]) < 4
    assert deviation(batch.reduced_force) < 4
    assert deviation(-batch.x0) > 4  # control: -beta grad E alone


def test_forces_that_hold_the_restraint_already_are_refused():
    turned = turned_at_random(training_set())
    oriented = Oriented(Trap(), REFERENCE, stiffness=0.1)
    energy, force = oriented.energy_and_force(turned.x)
    with pytest.raises(ValueError, match="without restraint"):
        framed([turned._replace(energy=energy, force=force)], batch_size=8)
    energy, force = oriented.without_restraint(turned.x, energy, force)
    framed([turned._replace(energy=energy, force=force)], batch_size=8)


def test_impossible_frames_are_refused():
    noise = {"batch_size": 8, "sigma_min": 0.1, "sigma_max": 1.0}
    with pytest.raises(ValueError, match="exclude each other"):
        NoiseSettings(**noise, rotate=True, frame=True)
    for frame, stiffness in ((False, 1.0), (True, 0.0), (True, float("inf"))):
        with pytest.raises(ValueError, match="stiffness"):
            NoiseSettings(**noise, rotate=False, frame=frame, stiffness=stiffness)
    with pytest.raises(ValueError, match="a reference goes with a frame"):
        framed([training_set()], reference=None)
    with pytest.raises(ValueError, match="a reference goes with a frame"):
        NoisyBatches([training_set()], SETTINGS, seed=1, reference=REFERENCE)
    with pytest.raises(ValueError, match="reference must be"):
        framed([training_set()], reference=REFERENCE[:3])
