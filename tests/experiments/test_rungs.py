"""Proves that a rung of a peptide is compared in energy, angles and handedness, each by its own measure."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from experiments import rungs
from experiments.rungs import compared, relative_energies
from tests.backbone_cases import TOPOLOGY, peptide

NAMED = TOPOLOGY | {
    "residue_names": np.array(["ACE", *["ALA"] * 5]),
    "residue_index": np.array([0, *[1] * 5]),
}
TEMPERATURES = (600.0, 300.0)
N = 300


class Stiff:
    """E = 1000 kelvin times the squared distance of the ends in nm^2 over 0.01."""

    def energy(self, x: torch.Tensor) -> torch.Tensor:
        return 1e5 * (x[:, 0] - x[:, 4]).square().sum(-1)


@dataclass(frozen=True)
class System:
    temperatures: tuple[float, ...] = TEMPERATURES
    compiled: bool = True

    def target(self) -> Stiff:
        return Stiff()


def samples(*, shift: float = 0.0) -> torch.Tensor:
    """Configurations of one wide basin, its phi turned by `shift` radians."""
    rng = np.random.default_rng(1)
    phi, psi = rng.uniform(-1.5, -0.5, N), rng.uniform(1.5, 2.5, N)
    return torch.from_numpy(peptide(phi + shift, psi).astype(np.float32))


def compare(x: torch.Tensor, *, rung: int = 1) -> dict:
    return compared(x, samples(), System(), rung=rung, topology=NAMED)


def test_equal_sets_are_at_no_distance():
    assert set(compare(samples())["metrics"].values()) == {0.0}


def test_turning_every_phi_is_a_torus_distance_of_that_angle_and_no_wrong_hand():
    metrics = compare(samples(shift=0.05))["metrics"]
    assert metrics["torus_w2"] == pytest.approx(0.05, rel=0.05)
    assert metrics["wrong_chirality"] == 0.0 < metrics["rama_tv"] < 1.0


def test_mirror_images_are_counted_though_energy_and_distances_do_not_see_them():
    x = samples()
    x[: N // 4] *= -1
    metrics = compare(x)["metrics"]
    assert metrics["wrong_chirality"] == 0.25
    assert metrics["energy_w1"] == metrics["distance_w2"] == 0.0
    assert metrics["rama_tv"] == pytest.approx(0.25)


def test_energies_are_in_kt_of_the_rung_less_the_reference_mean():
    x = samples(shift=0.3)
    difference = (Stiff().energy(x.double()).mean() - Stiff().energy(samples().double()).mean()).item()
    for rung, temperature in enumerate(TEMPERATURES):
        entry = compare(x, rung=rung)
        assert entry["temperature"] == temperature
        assert entry["reduced_energy_zero"] == pytest.approx(
            Stiff().energy(samples().double()).mean().item() / temperature
        )
        edges, ours = (np.array(entry[f"reduced_energy_{name}"]) for name in ("edges", "density"))
        mean = np.sum(ours * np.diff(edges) * (edges[1:] + edges[:-1]) / 2)
        assert mean == pytest.approx(difference / temperature, abs=np.diff(edges)[0])
        assert entry["reduced_energy_outside"] == 0.0
        assert entry["reduced_energy_zero"] > 3 * np.diff(edges)[0], "energies without a zero would be seen"


def test_what_lies_beyond_the_bins_is_reported():
    reference = np.random.default_rng(1).normal(size=1000)
    ours = reference.copy()
    ours[:30] = 1e6
    assert relative_energies(ours, reference)["reduced_energy_outside"] == pytest.approx(0.03, abs=1e-3)


def test_maps_hold_as_many_of_the_reference_as_of_the_samples():
    entry = compare(samples()[:100])
    assert entry["residues"] == ["ALA 2"] and entry["n_samples"] == 100
    assert sum(entry["rama"][0]["count"]) == sum(entry["rama_reference"][0]["count"]) == 100


def test_transport_takes_no_more_samples_than_it_may(monkeypatch):
    sizes = []
    monkeypatch.setattr(rungs, "N_TRANSPORT", 50)
    monkeypatch.setattr(rungs, "torus_w2", lambda *sides: sizes.extend(map(len, sides)) or 0.0)
    compare(samples())
    assert sizes == [50, 50]


def test_a_cluster_has_energies_in_the_unit_of_its_target_and_no_angles():
    entry = compared(samples(), samples(), System(), rung=1, topology=None)
    parts = ("edges", "density", "density_reference")
    assert entry.keys() == {"temperature", "n_samples", "metrics"} | {
        f"{name}_{part}" for name in ("energy", "distance") for part in parts
    }
    energy = Stiff().energy(samples().double()).numpy()
    assert entry["energy_edges"][0] == pytest.approx(np.quantile(energy, 0.0005))
