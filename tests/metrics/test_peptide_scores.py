"""Proves that every metric and its floor are taken in the right order from the right observables."""

import numpy as np
import pytest

from pita.metrics.peptide_scores import (
    Repeats,
    delta_f_score,
    observe,
    peptide_floors,
    peptide_scores,
)
from pita.metrics.ramachandran import rama_kl
from pita.metrics.scores import SampleSet, Score
from pita.metrics.tica_fit import fit_tica
from tests.backbone_cases import TOPOLOGY, switching_chains, two_basins

NAMES = {
    *("energy_w1", "energy_w2", "torus_w2", "rama_kl", "rama_js", "rama_tv", "tica_w1", "tica_w2"),
    "delta_f_error_kcal",
}
FEW = Repeats(cheap=20, transport=4)
N = 300


@pytest.fixture(scope="module")
def model():
    return fit_tica(switching_chains(20, 200, rng=np.random.default_rng(1), flip=0.02), TOPOLOGY, lag=5)


def observed(model, *, seed, n=N, positive=0.2):
    return observe(two_basins(n, rng=np.random.default_rng(seed), positive=positive), TOPOLOGY, model)


def scores(samples, reference):
    rng = np.random.default_rng(9)
    return peptide_scores(samples, reference, temperature=300.0, n_resamples=FEW, rng=rng)


def test_a_set_scores_zero_against_itself_with_an_error(model):
    found = scores(observed(model, seed=2), observed(model, seed=2))
    assert found.keys() == NAMES
    assert all(isinstance(score, Score) and score.se > 0 for score in found.values())
    assert [score.value for score in found.values()] == pytest.approx([0.0] * len(NAMES), abs=1e-7)


def test_wrong_populations_and_energies_stand_above_the_floor_and_a_fresh_set_does_not(model):
    first, second = observed(model, seed=3, n=4 * N), observed(model, seed=4, n=4 * N)
    floors = peptide_floors(
        first,
        second,
        temperature=300.0,
        n_samples=N,
        n_repeats=Repeats(cheap=20, transport=8),
        rng=np.random.default_rng(5),
    )
    assert floors.keys() == NAMES
    fresh = scores(observed(model, seed=6), observed(model, seed=7))
    wrong = observed(model, seed=8, positive=0.6)
    wrong = scores(wrong._replace(reduced_energy=wrong.reduced_energy + 5.0), observed(model, seed=7))
    for name, floor in floors.items():
        assert fresh[name].value < floor.mean + 4.0 * floor.sd
        assert wrong[name].value > floor.mean + 4.0 * floor.sd or name == "rama_kl"
    assert wrong["rama_kl"].value < 1.5 * floors["rama_kl"].mean  # empty bins hide even this


def test_a_mirror_image_has_the_energies_of_the_molecule_and_not_its_angles(model):
    samples = two_basins(N, rng=np.random.default_rng(10))
    mirror = SampleSet(-samples.x, samples.reduced_energy)
    found = scores(observe(mirror, TOPOLOGY, model), observe(samples, TOPOLOGY, model))
    assert found["energy_w1"].value == found["energy_w2"].value == 0.0
    assert found["torus_w2"].value > 2.0
    assert found["rama_tv"].value > 0.9
    assert found["tica_w2"].value > 0.5


def test_the_reference_is_the_second_argument_everywhere(model):
    full, lost = observed(model, seed=11, positive=0.5), observed(model, seed=12, positive=0.01)
    assert scores(lost, full)["rama_kl"].value == rama_kl(lost.rama, full.rama)
    assert rama_kl(lost.rama, full.rama) > rama_kl(full.rama, lost.rama) + 1.0


def test_errors_and_values_of_the_free_energy_are_in_kcal_at_the_temperature(model):
    samples, reference = observed(model, seed=13, positive=0.5), observed(model, seed=14, positive=0.2)
    cold, hot = (delta_f_score(samples, reference, temperature=t) for t in (300.0, 600.0))
    assert cold.value == pytest.approx(0.5962 * np.log(4.0), abs=4 * cold.se)
    assert hot == pytest.approx((2 * cold.value, 2 * cold.se))
    assert delta_f_score(reference, samples, temperature=300.0) == pytest.approx(cold)


def test_a_lost_basin_is_not_known_in_scores_and_floors(model):
    lost, full = observed(model, seed=15, positive=0.0), observed(model, seed=16)
    assert scores(lost, full)["delta_f_error_kcal"] is None
    rng = np.random.default_rng(17)
    floors = peptide_floors(lost, full, temperature=300.0, n_samples=100, n_repeats=Repeats(2, 2), rng=rng)
    assert floors["delta_f_error_kcal"] is None
    assert all(floors[name] is not None for name in NAMES - {"delta_f_error_kcal"})


def test_same_generator_repeats_the_scores(model):
    pair = observed(model, seed=18), observed(model, seed=19)
    assert scores(*pair) == scores(*pair)
