"""Proves that maps of a method hold its own samples, on bins of the reference at the target temperature."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from experiments import maps, paths
from experiments.files import load_json, save_npz, sha256
from pita.metrics.tica import project
from pita.metrics.tica_fit import fit_tica
from tests.backbone_cases import TOPOLOGY, peptide, switching_chains

NAMED = TOPOLOGY | {
    "residue_names": np.array(["ACE", *["ALA"] * 5]),
    "residue_index": np.array([0, *[1] * 5]),
}
PARAMETERS = """
[evaluate]
seed = 1
n_samples = 200
n_resamples = 2
n_resamples_transport = 2
overlap_kt = 1000.0
bond_tolerance = 0.03
"""


class Ends:
    """The squared distance of the ends, in units that make it hundreds of kelvin."""

    def energy(self, x: torch.Tensor) -> torch.Tensor:
        return 1e4 * (x[:, 0] - x[:, 4]).square().sum(-1)


@dataclass(frozen=True)
class System:
    temperatures: tuple[float, ...] = (600.0, 300.0)
    compiled: bool = True

    def target(self) -> Ends:
        return Ends()


def basin(centre: float, n: int, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = peptide(centre + 0.2 * rng.normal(size=n), 2.0 + 0.3 * rng.normal(size=n), rng=rng, jitter=0.004)
    return x.astype(np.float32)


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A reference with both signs of phi, a method that shares them and one that has lost phi > 0."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "DATA", tmp_path / "figures/data")
    monkeypatch.setattr(maps, "load_system", lambda _name: System())
    monkeypatch.setattr(maps, "load_topology", lambda _name: NAMED)
    paths.params("toy").parent.mkdir(parents=True)
    paths.params("toy").write_text(PARAMETERS)
    both = np.concatenate([basin(-1.0, 150, seed=1), basin(1.0, 150, seed=2)])
    save_npz(paths.reference("toy"), {"temperatures": np.array([600.0, 300.0]), "x": np.stack([both, both])})
    save_npz(paths.samples("toy", "whole", 1), {"x": both[50:250]})
    save_npz(paths.samples("toy", "lost", 1), {"x": basin(-1.0, 100, seed=3)})
    chains = switching_chains(4, 300, rng=np.random.default_rng(4), flip=0.02)
    found = fit_tica(chains, NAMED, lag=2)
    save_npz(paths.tica("toy"), found.to_arrays())
    return found


def run() -> dict:
    maps.main(["toy"])
    for method in ("whole", "lost"):
        maps.main(["toy", method, "1"])
    methods = {method: load_json(paths.map_of("toy", method, 1)) for method in ("whole", "lost")}
    return load_json(paths.maps("toy")) | {"methods": methods}


@pytest.mark.usefixtures("model")
def test_a_method_that_has_lost_a_basin_has_no_sample_there():
    stored = run()
    positive = {
        name: sum(c for i, c in zip(entry["i"], entry["count"], strict=True) if i >= 18)
        for name, entry in ((name, method["rama"][0]) for name, method in stored["methods"].items())
    }
    assert positive == {"whole": 100, "lost": 0}
    assert stored["reference"]["n_samples"] == 200 and stored["residues"] == ["ALA 2"]


def test_the_plane_is_that_of_the_stored_model_and_holds_the_reference(model):
    stored = run()
    assert stored["reference"]["tica_outside"] == 0.0
    entry, (first, second) = stored["methods"]["lost"], stored["tica_edges"]
    expected = np.histogram2d(*project(model, basin(-1.0, 100, seed=3)).T, bins=(first, second))[0]
    i, j = entry["tica"]["i"], entry["tica"]["j"]
    assert expected[i, j].tolist() == entry["tica"]["count"]
    assert entry["tica_outside"] == pytest.approx(1 - expected.sum() / 100)


@pytest.mark.usefixtures("model")
def test_same_samples_give_the_same_bytes():
    files = [paths.maps("toy"), paths.map_of("toy", "whole", 1), paths.map_of("toy", "lost", 1)]
    run()
    first = [sha256(file) for file in files]
    run()
    assert [sha256(file) for file in files] == first


@pytest.mark.usefixtures("model")
def test_a_method_without_samples_is_one_error_that_names_the_file():
    with pytest.raises(SystemExit, match=r"error: .*toy-absent-1.npz: no such file"):
        maps.main(["toy", "absent", "1"])
    with pytest.raises(SystemExit):
        maps.main(["toy", "whole"])
