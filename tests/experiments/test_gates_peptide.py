"""Proves that the gates of a peptide run from its parameters, and that hands, angles and frames are right."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import gates, paths, train_gate
from experiments.files import load_json, load_npz, save_json, save_npz
from experiments.gate_rows import judged
from experiments.gate_variants import ladder_of, load_gates, training_samples
from experiments.ladder_run import RUNG, load_ladder, load_network
from experiments.settings import load_system, load_topology
from pita.data import check_noise_range
from pita.geometry import optimal_rotation, random_rotations
from pita.networks import build_model
from pita.networks.weights import weights_to_arrays
from tests.experiments.gate_case import step_done
from tests.experiments.peptide_case import SYSTEM_FILE, basins
from tests.experiments.tiny_case import refused

PARAMETERS = Path(__file__).parents[2] / "experiments/params/aldp.toml"
VARIANTS = ("molecular", "transformer_frame", "transformer_rotated")
# What makes the parameters of the stage small enough for a test, and its models of no use.
SMALL = {
    **{"n_islands": 1, "hot_islands": "[1]", "renoise": 0.1},
    **{"n_training": 64, "n_particles": 32, "hot_particles": 32, "n_fit": 8, "chunk": 16, "batch_size": 8},
    **{"n_levels": 30, "n_leapfrog": 1, "n_steps": 2, "warmup_steps": 1, "compile": "false"},
    "sigma_min": 0.02,  # nm; nearer to the data models as rough as these have weights that underflow
}
N, N_FLOOR, N_CHAINS = 200, 120, 10
FLOOR = {
    "energy_w1": {"mean": 0.2, "sd": 0.1},
    "energy_w2": {"mean": 0.3, "sd": 0.1},
    "rama_tv": {"mean": 0.05, "sd": 0.01},
    "torus_w2": None,
}


@pytest.fixture
def aldp(tmp_path, monkeypatch):
    """Alanine dipeptide with small parameters, floors and a reference, 50 of 200 with phi > 0."""
    monkeypatch.setattr(torch, "compile", refused)
    for name, folder in {"DATA": "data", "TABLES": "tables", "SCRATCH": "scratch", "ROOT": ""}.items():
        monkeypatch.setattr(paths, name, tmp_path / folder)
    for path in (paths.params("aldp"), paths.system("aldp")):
        path.parent.mkdir(parents=True)
    shutil.copy(SYSTEM_FILE, paths.system("aldp"))
    text = PARAMETERS.read_text()
    for name, value in SMALL.items():
        text = re.sub(rf"\b{name} = [^ ,\n]+", f"{name} = {value}", text)
    for section in ("system", "descent", "gates"):
        text = text.replace(f"[{section}]\n", f"[{section}]\ncompiled = false\n")
    paths.params("aldp").write_text(text)
    temperatures = np.array(load_system("aldp").temperatures)
    first, second = (tumbled(basins(N, seed=seed), seed=seed) for seed in (1, 2))
    runs = {"x": first, "x_second": second}
    arrays = {name: np.stack([x] * len(temperatures)) for name, x in runs.items()}
    chain = np.tile(np.arange(N_CHAINS), N // N_CHAINS)
    save_npz(paths.reference("aldp"), {"temperatures": temperatures, "chain": chain, **arrays})
    per_temperature = [{"temperature": t, "metrics": FLOOR} for t in temperatures.tolist()]
    save_json(paths.floor("aldp"), {"n_samples": N_FLOOR, "per_temperature": per_temperature})
    return first


def tumbled(x, *, seed):
    """Configurations (n, n_atoms, 3) each turned at random."""
    rotations = random_rotations(len(x), generator=torch.Generator().manual_seed(seed))
    return (torch.from_numpy(x) @ rotations.mT).numpy()


def untrained_ladder(x):
    """Store a ladder of untrained models, calibrated to x (n, n_atoms, 3), as seed 1."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = build_model(load_network("aldp"))
    model.calibrate(torch.from_numpy(x))
    numbers = {"data_variance": np.array(0.16**2), "variances": np.array(())}
    weights = {RUNG.format(0) + name: a for name, a in (weights_to_arrays(model) | numbers).items()}
    counts = {f"n_energy_evals_{phase}": np.array(1) for phase in ("initial", "ladder")}
    temperatures = np.array(load_system("aldp").temperatures)
    save_npz(paths.weights("aldp", 1), weights | counts | {"temperatures": temperatures})


def test_every_variant_is_trained_and_judged(aldp):
    untrained_ladder(aldp)
    for variant in VARIANTS:
        train_gate.main(["aldp", variant])
    gates.main(["aldp"])
    rows = load_json(paths.DATA / "aldp-gates.json")["rows"]
    assert len(rows) == 2 * (1 + len(VARIANTS)) and {row["n_samples"] for row in rows} == {8, 32}
    assert [row["temperature"] for row in rows] == [1200.0] * 2 + [300.0] * 6
    for row in rows:
        assert 0 <= row["wrong_chirality"] <= 1 and row["torus_w2"] > 0 and row["rama_tv"] > 0
        assert (row["n_floor"], row["torus_w2_floor"], row["distance_w2_floor"]) == (N_FLOOR, None, None)
        assert row["rama_tv_floor"] == 0.05
    unweighted = [row for row in rows if row["variant"].startswith("transformer")]
    assert {row["landing_ess"] for row in unweighted} == {1.0}
    table = (paths.TABLES / "aldp-gates.md").read_text().splitlines()
    assert len(table) == 10 and all(line.count("not known") == 2 for line in table[2:])
    assert (paths.TABLES / "aldp-gates.csv").read_text().count("not known") == 16


@pytest.mark.usefixtures("aldp")
def test_the_reference_scores_zero_but_for_what_is_wrong():
    x = basins(N_FLOOR, seed=3)
    save_reference_of(x)
    mirrored = x.copy()
    mirrored[: N_FLOOR // 4] *= -1
    same, wrong = judged("aldp", 4, step_done(x, mirrored), gate=2, variant="known")
    for name in ("energy_w1", "energy_w2", "distance_w2", "rama_tv", "torus_w2", "wrong_chirality"):
        assert same[name] == pytest.approx(0.0, abs=1e-6)
    assert wrong["wrong_chirality"] == 0.25 and wrong["rama_tv"] > 0.2 and wrong["torus_w2"] > 0.5
    assert wrong["energy_w1"] == pytest.approx(0.0, abs=1e-6), "no energy sees a mirror image"


def save_reference_of(x):
    """Store x (n, n_atoms, 3) as the reference at every temperature."""
    temperatures = np.array(load_system("aldp").temperatures)
    arrays = {"x": np.stack([x] * len(temperatures)), "chain": np.arange(len(x)) % N_CHAINS}
    save_npz(paths.reference("aldp"), {"temperatures": temperatures, **arrays})


def test_shares_have_the_errors_of_ancestors_and_of_chains(aldp):
    x = basins(N_FLOOR, seed=4, positive=0.5)
    origins = torch.arange(N_FLOOR) % 20
    done = step_done(x, x, origins=origins, n_unique_ancestors=5)
    rows = judged("aldp", 4, done, gate=2, variant="known")
    for row, n_ancestors in zip(rows, (20, 5), strict=True):
        assert (row["phi_positive"], row["phi_positive_se"]) == (
            0.5,
            pytest.approx((0.25 / n_ancestors) ** 0.5),
        )
        assert row["phi_positive_reference"] == 0.25
        assert row["phi_positive_reference_se"] == pytest.approx(chain_error(aldp))
    independent = judged("aldp", 4, step_done(x, x), gate=2, variant="known")[0]
    assert independent["phi_positive_se"] == pytest.approx((0.25 / N_FLOOR) ** 0.5)


def test_the_share_of_the_reference_leaves_out_other_isomers_however_many_a_chain_has(aldp):
    file = paths.reference("aldp")
    arrays, left_out = load_npz(file), np.random.default_rng(3).choice(N, 30, replace=False)
    x = arrays["x"].copy()
    x[-1, left_out] *= -1  # mirror images
    save_npz(file, arrays | {"x": x})
    (row, _) = judged("aldp", 4, step_done(aldp, aldp), gate=2, variant="known")
    kept, positive = np.full(N, True), signs(aldp)
    kept[left_out] = False
    assert row["phi_positive_reference"] == positive[kept].mean()
    without = [positive[kept & (arrays["chain"] != number)].mean() for number in range(N_CHAINS)]
    jackknife = ((N_CHAINS - 1) * np.var(without)) ** 0.5
    assert row["phi_positive_reference_se"] == pytest.approx(jackknife, rel=0.05)


def signs(x):
    """Whether phi > 0 of configurations (n, n_atoms, 3), from the normals of the angle."""
    first, second, third, fourth = (x[:, atom].astype(float) for atom in load_topology("aldp")["phi"][0])
    normal = np.cross(second - first, third - second), np.cross(third - second, fourth - third)
    return np.sum(np.cross(*normal) * (third - second), axis=-1) > 0


def chain_error(x):
    """Standard error over chains of the share with phi > 0."""
    means = [signs(x)[start::N_CHAINS].mean() for start in range(N_CHAINS)]
    return np.std(means, ddof=1) / N_CHAINS**0.5


@pytest.mark.usefixtures("aldp")
def test_a_longer_population_is_judged_by_as_many_as_the_floor_and_a_shorter_one_whole():
    for n, expected in ((150, N_FLOOR), (40, 40)):
        x = basins(n, seed=5)
        rows = judged("aldp", 0, step_done(x, x), gate=1, variant="known")
        assert [row["n_samples"] for row in rows] == [expected] * 2


@pytest.mark.usefixtures("aldp")
def test_samples_of_a_framed_variant_are_turned_onto_the_structure_and_others_are_not():
    structure = torch.from_numpy(load_topology("aldp")["positions"]).float()
    settings = load_gates("aldp")
    framed, tumbling = (
        training_samples("aldp", settings, name) for name in ("transformer_frame", "transformer_rotated")
    )
    assert off_frame(framed["x"], structure) < 1e-3 and off_frame(tumbling["x"], structure) > 1.0
    np.testing.assert_allclose(framed["energy"], tumbling["energy"], rtol=1e-4)
    norms = [np.linalg.norm(each["force"], axis=-1) for each in (framed, tumbling)]
    np.testing.assert_allclose(*norms, rtol=1e-2, atol=1e-3 * norms[1].max())


def off_frame(x, structure):
    """Largest deviation from the identity of the rotations onto a structure (n_atoms, 3)."""
    rotation = optimal_rotation(torch.from_numpy(x), structure)
    return float((rotation - torch.eye(3)).abs().max())


@pytest.mark.parametrize("system", ["aldp", "al3"])
def test_parameters_train_where_they_anneal_and_compile_one_shape(system):
    settings = load_gates(system)
    assert tuple(settings.variants) == VARIANTS
    for name in VARIANTS:
        config = ladder_of(system, settings, name)
        annealing = config.descent.annealing
        check_noise_range(config.noise, h_min=annealing.sigma_min**2, h_max=annealing.sigma_max**2)
        assert config.system.temperatures == (408.24, 300.0)
        assert settings.n_particles % annealing.chunk == 0
        assert config.noise.stiff == (name == "molecular")
        assert config.noise.flatten == (load_ladder(system).noise.flatten if name == "molecular" else None)
        assert (config.noise.frame, config.noise.rotate) == (
            name == "transformer_frame",
            name == "transformer_rotated",
        )
