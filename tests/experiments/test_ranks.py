"""Proves that two processes sample and train what one does, and that the first alone writes."""

import os
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from experiments import paths, sample
from experiments.files import load_json, load_npz
from experiments.ladder_run import FolderStore
from experiments.ranks import alone, launched_ranks
from pita.data import NoiseSettings, NoisyBatches, TrainingSet
from pita.geometry import mean_free_noise
from pita.module import DiffusionModule, TrainingSettings
from pita.networks import NetworkSettings, build_model, weights_to_arrays
from pita.objective import LossSettings
from pita.training import fit
from tests.experiments.tiny_case import copied_weights, repository
from tests.processes import N_RANKS, free_ports, run_ranks

METHODS = ("pita", "pita_feynman_kac", "score_scaling")


def run_methods(root, ports: Iterator[int] | None = None):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "ROOT", root)
        for method in METHODS:
            meet_at(ports)
            sample.main(["tiny", method, "1"])


def meet_at(ports: Iterator[int] | None):
    """Let the processes meet at a port of its own for each group: one that is left may not be gone yet."""
    if ports is not None:
        os.environ["MASTER_PORT"] = str(next(ports))


def results(root):
    """Samples and bills of every method."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "ROOT", root)
        files = {method: paths.samples("tiny", method, 1) for method in METHODS}
    return {m: (load_npz(file)["x"], load_json(file.with_suffix(".json"))) for m, file in files.items()}


def prepare(root, weights):
    with pytest.MonkeyPatch.context() as patch:
        repository(root, patch)
        copied_weights(weights, root)


def trained(root):
    """Weights after thirty steps on the same batches, whatever the number of processes."""
    x = mean_free_noise((500, 3, 3), generator=torch.Generator().manual_seed(1))
    batches = NoisyBatches([TrainingSet(x, 1.0)], NoiseSettings(64, 0.05, 5.0, False), seed=5)
    torch.manual_seed(2)
    model = build_model(NetworkSettings(kind="pairwise", n_atoms=3, width=8, depth=1, heads="energy"))
    settings = TrainingSettings(
        n_steps=30,
        learning_rate=1e-2,
        warmup_steps=5,
        ema_decay=0.95,
        gradient_clip=1.0,
        compile=False,
        checkpoint_every=10,
    )
    module = DiffusionModule(model, losses=LossSettings(energy=1.0), settings=settings)
    result = fit(module, batches, checkpoint_dir=root, progress=False, accelerator="cpu")
    return result.step, weights_to_arrays(module.averaged)


def worker(rank, root, ports):
    torch.set_num_threads(1)
    ports = iter(ports)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(N_RANKS),
        "LOCAL_WORLD_SIZE": str(N_RANKS),
        "GROUP_RANK": "0",
        "MASTER_ADDR": "localhost",
        "TORCHELASTIC_RUN_ID": "test",
        "CUDA_VISIBLE_DEVICES": "",
    }
    run_methods(root, ports)
    meet_at(ports)
    with launched_ranks() as ranks:
        store = FolderStore(root / "store", ranks)
        store.save("part", {"rank": np.array(rank)})
        found = {"absent": store.load("none"), "part": store.load("part")["rank"].item()}
        found["training"] = trained(root / "fit")
    (root / f"{rank}.pickle").write_bytes(pickle.dumps(found))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_weights):
    root = tmp_path_factory.mktemp("two")
    prepare(root, tiny_weights)
    run_ranks(worker, root, free_ports(len(METHODS) + 1))
    return root


@pytest.fixture(scope="module")
def two(folder):
    return [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(2)]


def test_two_processes_sample_the_population_of_one(folder, tmp_path, tiny_weights):
    prepare(tmp_path, tiny_weights)
    run_methods(tmp_path)
    together, single = results(folder), results(tmp_path)
    for method in METHODS:
        (x, bill), (expected, expected_bill) = together[method], single[method]
        assert x.shape == expected.shape
        assert bill["energy_evals"] == expected_bill["energy_evals"]
        assert bill["counters"] == expected_bill["counters"]
        assert bill["ess"] == pytest.approx(expected_bill["ess"], rel=1e-4)
        close = np.isclose(x, expected, atol=1e-4).all()
        # Moves of HMC after the landing have random numbers of their own in every process.
        assert close == (method != "pita")


def test_two_processes_train_the_weights_of_one(two, tmp_path):
    step, expected = trained(tmp_path)
    assert step == 30
    for rank in two:
        assert rank["training"][0] == 30
        for name, values in expected.items():
            np.testing.assert_allclose(rank["training"][1][name], values, atol=1e-4)
    for name, values in two[0]["training"][1].items():
        assert np.array_equal(values, two[1]["training"][1][name])


def test_what_the_first_process_saved_is_what_all_load(two):
    assert [(rank["absent"], rank["part"]) for rank in two] == [(None, 0), (None, 0)]


def test_without_torchrun_a_process_is_alone():
    with launched_ranks() as ranks:
        assert ranks.device == alone().device
        assert ranks.is_first and ranks.communicator.size == 1
        assert ranks.from_first("mine") == "mine"
