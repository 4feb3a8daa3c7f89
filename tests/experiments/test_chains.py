"""Proves that chains begin at reference samples of both runs, stay in equilibrium and are ordered in time."""

import numpy as np
import pytest
import torch

from experiments import chains, paths
from experiments.files import load_npz, save_npz, sha256
from pita.mcmc import HmcSettings, run_hmc
from pita.targets.lennard_jones import LennardJonesCluster

PARAMETERS = """
[system]
kind = "lennard_jones"
n_atoms = 4
temperatures = [2.0, 1.0]

[chains]
seed = {seed}
n_chains = 40
n_frames = 50
interval = {interval}
step_size = 0.01
friction = 1.0
"""
TARGET = LennardJonesCluster(4)


def reference(temperature, seed):
    """Samples (1000, 4, 3) of the cluster by HMC."""
    g = torch.Generator().manual_seed(seed)
    return run_hmc(
        TARGET,
        TARGET.initial_lattice(200, spacing=1.1, jitter=0.05, generator=g),
        beta=1 / temperature,
        settings=HmcSettings(n_moves=100, n_burn_in=50, thin=10),
        generator=g,
    ).x.flatten(0, 1)


@pytest.fixture(scope="module")
def samples():
    return {
        name: torch.stack([reference(t, seed) for t in (2.0, 1.0)]).numpy()
        for seed, name in ((1, "x"), (2, "x_second"))
    }


def run(root, monkeypatch, arrays, *, seed=1, interval=10):
    monkeypatch.setattr(paths, "ROOT", root)
    paths.params("lj4").parent.mkdir(parents=True)
    paths.params("lj4").write_text(PARAMETERS.format(seed=seed, interval=interval))
    save_npz(paths.reference("lj4"), arrays)
    chains.main(["lj4"])
    return load_npz(paths.chains("lj4"), {"x": "float32"})["x"]


def test_chains_begin_at_cold_samples_of_both_runs_and_move_on_from_frame_to_frame(
    tmp_path, monkeypatch, samples
):
    x = run(tmp_path, monkeypatch, samples, interval=1)
    assert x.shape == (40, 50, 4, 3)
    assert np.abs(x.mean(axis=2)).max() < 1e-6
    cold = np.concatenate([samples["x"][1], samples["x_second"][1]])
    away = np.abs(x[:, 0, None] - (cold - cold.mean(axis=1, keepdims=True))).max(axis=(2, 3))
    assert away.min(axis=1).max() < 0.08  # one step of 0.01 at velocities of order one
    origins = away.argmin(axis=1)
    assert len(set(origins)) == 40 and (origins[:20] < 1000).all() and (origins[20:] >= 1000).all()
    step = np.abs(np.diff(x, axis=1)).mean()
    far = np.abs(x[:, 0] - x[:, -1]).mean()
    assert step < 0.02 < 3 * step < far


def test_chains_have_the_mean_energy_of_the_target_temperature(tmp_path, monkeypatch, samples):
    x = run(tmp_path, monkeypatch, samples, interval=20)
    energy = TARGET.energy(torch.from_numpy(x).flatten(0, 1)).view(x.shape[:2]).mean(1)
    error = float(energy.std()) / 40**0.5
    hot, cold = (float(TARGET.energy(torch.from_numpy(samples["x"][k])).mean()) for k in (0, 1))
    assert abs(float(energy.mean()) - cold) < 4 * error < abs(float(energy.mean()) - hot)


def test_same_seed_repeats_and_another_differs(tmp_path, monkeypatch, samples):
    digests = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(tmp_path / name, monkeypatch, samples, seed=seed)
        digests.append(sha256(paths.chains("lj4")))
    assert digests[0] == digests[1] != digests[2]


def test_more_chains_than_reference_samples_are_refused(tmp_path, monkeypatch, samples):
    few = {name: x[:, :19] for name, x in samples.items()}
    with pytest.raises(SystemExit, match="20 chains are to begin at different samples"):
        run(tmp_path, monkeypatch, few)
