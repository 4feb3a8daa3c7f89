"""Proves that the training stage repeats, continues exactly after a stop, and names what is wrong."""

import numpy as np
import pytest
import torch

from experiments import paths, sample, train
from experiments.config import ConfigError
from experiments.files import load_npz, save_npz, sha256
from experiments.ladder_run import BEGINNING_BYTES, OF_THE_BUDGET, FolderStore, gather_weights, load_ladder
from experiments.settings import load_system
from tests.experiments.tiny_case import repository, scratch_folder, trained, write_parameters

STOPPED = "stopped before the end; call again to continue"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Hash of the weights of an uninterrupted training."""
    with pytest.MonkeyPatch.context() as patch:
        repository(tmp_path_factory.mktemp("whole"), patch)
        return sha256(trained())


class StopsAt:
    """A clock of which nothing is left from the n-th training of a call on."""

    def __init__(self, n):
        self.n_left = n

    def minutes_left(self):
        self.n_left -= 1
        return None if self.n_left >= 0 else 0.0


def test_training_stopped_by_its_minutes_ends_with_the_same_bytes(tmp_path, monkeypatch, whole):
    repository(tmp_path, monkeypatch)
    for _ in range(2):
        with pytest.raises(SystemExit, match=STOPPED):
            trained("--minutes", "1e-9")
        assert not paths.weights("tiny", 1).exists()
        assert {path.name for path in scratch_folder().iterdir()} == {"samples-0.npz", "fit-0"}
    assert sha256(trained()) == whole
    assert not list(paths.SCRATCH.iterdir())


def test_training_stopped_in_its_second_rung_ends_with_the_same_bytes(tmp_path, monkeypatch, whole):
    repository(tmp_path, monkeypatch)
    with monkeypatch.context() as patch, pytest.raises(SystemExit, match=STOPPED):
        patch.setattr(train, "Clock", lambda _minutes: StopsAt(1))
        trained()
    assert (scratch_folder() / "model-0.npz").exists() and (scratch_folder() / "fit-1/last.ckpt").exists()
    kept = sha256(scratch_folder() / "model-0.npz")
    with monkeypatch.context() as patch, pytest.raises(SystemExit, match=STOPPED):
        patch.setattr(train, "Clock", lambda _minutes: StopsAt(0))
        trained()
    assert sha256(scratch_folder() / "model-0.npz") == kept
    assert sha256(trained()) == whole


def test_same_seed_repeats_and_another_seed_differs(tmp_path, monkeypatch, whole):
    repository(tmp_path, monkeypatch)
    assert sha256(trained()) == whole != sha256(trained(seed=2))


def test_changed_parameters_start_anew(tmp_path, monkeypatch, whole):
    repository(tmp_path, monkeypatch)
    with pytest.raises(SystemExit, match=STOPPED):
        trained("--minutes", "1e-9")
    write_parameters(learning_rate="learning_rate = 1e-3")
    changed = trained()
    assert sha256(changed) != whole
    assert len(list(paths.SCRATCH.iterdir())) == 1


def test_weights_hold_every_rung_its_path_and_the_bill(tmp_path, monkeypatch):
    repository(tmp_path, monkeypatch)
    arrays = load_npz(trained())
    assert arrays["temperatures"].tolist() == [2.0, 1.4, 1.0]
    # 16 chains: one evaluation each, 24 moves of ten; 64 annealed particles, 32 moved once by five steps.
    assert arrays["n_energy_evals_initial"] == 16 * (1 + 24 * 10)
    assert arrays["n_energy_evals_ladder"] == 64 + 32 * 5
    rungs = [
        {name.removeprefix(f"rung{rung}/") for name in arrays if name.startswith(f"rung{rung}/")}
        for rung in (0, 1)
    ]
    assert rungs[0] == rungs[1] >= {"data_variance", "variances"}
    assert any(not np.array_equal(arrays[f"rung0/{name}"], arrays[f"rung1/{name}"]) for name in rungs[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rho": "rhoo = 20.0"}, r"tiny.toml: descent.annealing.rhoo: unknown key, value 20.0"),
        ({"temperatures": "temperatures = [2.0, 1.0, 1.4]"}, r"tiny.toml: system: .*\[2.0, 1.0, 1.4\]"),
        ({"sigma_max": "sigma_max = 9.0"}, "sigma from 0.02 to 10, but training draws it from 0.015 to 9"),
        ({"n_steps": "n_steps = 1.5"}, "tiny.toml: training.first.n_steps: must be a int, got 1.5"),
        (
            {"kind": 'kind = "argon"'},
            "tiny.toml: system: kind must be one of lennard_jones, peptide, got 'argon'",
        ),
    ],
)
def test_wrong_parameters_are_one_error_that_names_them(tmp_path, monkeypatch, changes, message):
    repository(tmp_path, monkeypatch, **changes)
    with pytest.raises(SystemExit, match=message) as stop:
        trained()
    assert str(stop.value).startswith("error: ") and "\n" not in str(stop.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny", "0"], "seed must be at least 1, got 0"),
        (["tiny", "1", "--minutes", "0"], "minutes must be positive, got 0.0"),
        (["absent", "1"], "absent.toml: cannot be read: No such file"),
    ],
)
def test_wrong_arguments_are_one_error_that_names_them(tmp_path, monkeypatch, arguments, message):
    repository(tmp_path, monkeypatch)
    with pytest.raises(SystemExit, match=message) as stop:
        train.main(arguments)
    assert str(stop.value).startswith("error: ") and "\n" not in str(stop.value)


def cut(content):
    return content[: len(content) // 2]


def empty(_content):
    return b""


@pytest.mark.parametrize("damage", [cut, empty])
@pytest.mark.parametrize("name", ["fit-0/last.ckpt", "samples-0.npz"])
def test_damaged_scratch_file_is_one_error_that_names_it(tmp_path, monkeypatch, name, damage):
    repository(tmp_path, monkeypatch)
    with pytest.raises(SystemExit, match=STOPPED):
        trained("--minutes", "1e-9")
    file = scratch_folder() / name
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(SystemExit, match=f"error: {file}: .*cannot be read") as stop:
        trained()
    assert "\n" not in str(stop.value)


def test_weights_say_what_each_rung_left_out_where_something_may_be(tmp_path, monkeypatch):
    repository(tmp_path, monkeypatch)
    write_parameters()
    store, n_models = FolderStore(tmp_path / "parts"), len(load_system("tiny").temperatures) - 1
    for rung in range(n_models):
        store.save(f"samples-{rung}", {"n_energy_evals": np.array(10), "n_left_out": np.array(7 - rung)})
        store.save(f"model-{rung}", {"weight": np.ones(2)})
    gathered = gather_weights(store, load_system("tiny"))
    assert gathered["n_left_out"].tolist() == [7 - rung for rung in range(n_models)]
    store.save("samples-0", {"n_energy_evals": np.array(10)})
    assert "n_left_out" not in gather_weights(store, load_system("tiny"))


def test_samples_kept_with_weights_are_spread_over_all_of_the_rung(tmp_path, monkeypatch):
    repository(tmp_path, monkeypatch)
    write_parameters()
    system = load_system("tiny")
    store, n_models = FolderStore(tmp_path / "parts"), len(system.temperatures) - 1
    n = 3 * (BEGINNING_BYTES // 48)
    x = np.arange(n, dtype=np.float32)[:, None, None] * np.ones((1, 4, 3), np.float32)  # 48 bytes each
    for rung in range(n_models):
        energy = np.arange(n, dtype=np.float32)
        store.save(f"samples-{rung}", {"n_energy_evals": np.array(10), "x": x, "energy": energy})
        store.save(f"model-{rung}", {"weight": np.ones(2)})
    gathered = gather_weights(store, system, renoised=True)
    last = f"rung{n_models - 1}/"
    kept = gathered[last + "samples"][:, 0, 0]
    assert kept.tolist() == list(range(0, n, 3))
    np.testing.assert_allclose(
        gathered[last + "reduced_energy"], kept / system.temperatures[n_models - 1], rtol=1e-6
    )


def test_a_ladder_that_begins_from_samples_keeps_those_that_its_methods_begin_from(tmp_path, monkeypatch):
    repository(tmp_path, monkeypatch, n_fit="n_fit = 32\nrenoise = 0.5")
    weights = load_npz(trained())
    assert weights["rung1/samples"].shape == (32, 4, 3) and "rung0/samples" not in weights
    x = torch.from_numpy(weights["rung1/samples"]).double()
    energy = load_system("tiny").target().energy(x)
    np.testing.assert_allclose(weights["rung1/reduced_energy"], energy / 1.4, rtol=1e-4, atol=1e-3)
    file = paths.params("tiny")
    file.write_text(file.read_text().replace("[sample.pita]\n", "[sample.pita]\nrenoise = 0.5\n"))
    sample.main(["tiny", "pita", "1"])
    x = load_npz(paths.samples("tiny", "pita", 1))["x"]
    assert x.shape == (64, 4, 3) and np.isfinite(x).all()
    kept = {name: values for name, values in weights.items() if name != "rung1/samples"}
    save_npz(paths.weights("tiny", 1), kept)
    with pytest.raises(SystemExit, match="error: .*tiny-1.npz: no samples of rung 1"):
        sample.main(["tiny", "pita", "1"])


def test_another_budget_of_a_system_has_its_own_ladder_of_the_same_network_and_physics(tmp_path, monkeypatch):
    repository(tmp_path, monkeypatch)
    longer = paths.params("tiny").read_text().replace("n_chains = ", "n_chains = 1")
    sections = {part.partition("]")[0]: "[" + part for part in longer.split("\n[")}
    kept = (text for name, text in sections.items() if name.partition(".")[0] in OF_THE_BUDGET)
    paths.params("tiny-large").write_text("\n".join(kept))
    first, large = load_ladder("tiny"), load_ladder("tiny-large")
    assert large.initial.n_chains > first.initial.n_chains
    assert (large.network, large.noise, large.losses) == (first.network, first.noise, first.losses)
    assert large.system.target().n_atoms == first.system.target().n_atoms
    assert paths.weights("tiny-large", 1) != paths.weights("tiny", 1)
    for shared in (paths.system, paths.reference, paths.tica, paths.floor):
        assert shared("tiny-large") == shared("tiny")
    with paths.params("tiny-large").open("a") as file:
        file.write("\n" + sections["noise"])
    with pytest.raises(ConfigError, match="tiny-large.toml: noise: does not belong here; tiny.toml has it"):
        load_ladder("tiny-large")
