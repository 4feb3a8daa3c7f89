"""Proves that the sampling stage repeats, pays for what it evaluates, and refuses weights that do not fit."""

import numpy as np
import pytest

from experiments import paths, sample
from experiments.files import load_json, load_npz, save_npz, sha256
from tests.experiments.tiny_case import copied_weights, repository, write_parameters

METHODS = {"pita": 128 + 64 * 5, "pita_feynman_kac": 0, "fkc_end": 0, "score_scaling": 0}


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch, tiny_weights):
    repository(tmp_path, monkeypatch)
    copied_weights(tiny_weights, tmp_path)
    return tmp_path


def run(method="pita", seed=1):
    sample.main(["tiny", method, str(seed)])
    return paths.samples("tiny", method, seed)


@pytest.mark.parametrize("method", METHODS)
def test_samples_are_finite_mean_free_and_paid_for(method):
    arrays, bill = load_npz(run(method)), load_json(run(method).with_suffix(".json"))
    x = arrays["x"]
    assert arrays.keys() == {"x"} and x.shape == (64, 4, 3) and x.dtype == np.float32
    assert np.isfinite(x).all() and np.abs(x.mean(1)).max() < 1e-5
    assert len(np.unique(x, axis=0)) > 10
    evals = bill["energy_evals"]
    # 128 landed particles evaluated once, the 64 that thinning leaves moved by five steps; see test_train.
    assert evals["sample"] == METHODS[method]
    assert (evals["initial"], evals["ladder"]) == (16 * (1 + 24 * 10), 64 + 32 * 5)
    assert evals["total"] == sum(evals[phase] for phase in ("initial", "ladder", "sample"))
    assert min(bill["ess"].values()) >= 1 and max(bill["ess"].values()) <= 128


def test_same_weights_and_seed_give_the_same_bytes():
    first = [sha256(run()), sha256(run().with_suffix(".json"))]
    assert [sha256(run()), sha256(run().with_suffix(".json"))] == first


def test_methods_have_random_numbers_of_their_own():
    assert sha256(run("pita_feynman_kac")) != sha256(run("score_scaling"))


def spoilt(**changes):
    arrays = load_npz(paths.weights("tiny", 1))
    save_npz(paths.weights("tiny", 1), {name: a for name, a in (arrays | changes).items() if a is not None})


def reported_error(method="pita", seed=1):
    with pytest.raises(SystemExit, match="^error: ") as stop:
        run(method, seed)
    assert "\n" not in str(stop.value)
    assert not paths.samples("tiny", method, seed).exists()
    return str(stop.value)


def test_weights_of_another_ladder_are_refused():
    spoilt(temperatures=np.array([3.0, 1.4, 1.0]))
    assert "[3.0, 1.4, 1.0]" in (error := reported_error()) and "tiny-1.npz" in error


def test_weights_that_lack_an_array_are_refused_by_its_name():
    missing = next(name for name in load_npz(paths.weights("tiny", 1)) if name.startswith("rung1/energy"))
    spoilt(**{missing: None})
    assert missing.removeprefix("rung1/") in reported_error()


@pytest.mark.parametrize("key", ["temperatures", "n_energy_evals_initial", "n_energy_evals_ladder"])
def test_weights_without_what_their_ladder_cost_are_refused_by_file_and_key(key):
    spoilt(**{key: None})
    assert f"tiny-1.npz: {key}: missing" in reported_error()


def test_weights_of_another_network_are_refused_by_the_name_of_an_array():
    write_parameters(width="width = 16")
    assert "energy_head" in reported_error()


def test_absent_and_truncated_weights_are_refused_by_their_file():
    assert "tiny-2.npz: no such file" in reported_error(seed=2)
    file = paths.weights("tiny", 1)
    file.write_bytes(file.read_bytes()[:500])
    assert "tiny-1.npz: cannot be read" in reported_error()


def test_unknown_method_is_refused_by_its_name():
    assert "tiny.toml: sample.magic" in reported_error("magic")
