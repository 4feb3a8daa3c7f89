"""Stored results of a peptide run that never was, of the form that the stages write."""

from pathlib import Path

import numpy as np

from experiments.conformations import conformations
from experiments.files import save_json
from experiments.histograms import angle_maps, filled_bins, plane_edges
from experiments.rungs import relative_energies
from tests.backbone_cases import TOPOLOGY, peptide

CLAIMS = """
[[published]]
system = "aldp"
method = "PITA"
energy_evals = "5e7"
where = "a table"
metrics = { energy_w1 = "1.530", torus_w2 = "0.270" }
"""
LADDER = (600.0, 400.0, 300.0)
N = 400
METHODS = ("parallel_tempering", "population_annealing", "hot_hmc", "md", "hot_md")
SAMPLED = ("pita", "score_scaling", "md")
# `md` has not crossed to phi > 0 at its first budget, so its free-energy difference is not known there.
FIRST_BUDGET, LAST_BUDGET = 10_000, 1_000_000
TOPOLOGY_OF_ALANINE = TOPOLOGY | {
    "residue_names": np.array(["ACE", *["ALA"] * 5]),
    "residue_index": np.array([0, *[1] * 5]),
}


def angles(rng: np.random.Generator) -> np.ndarray:
    """Phi and psi (N, 2), radians, of three basins, which are beta, alpha and left-handed."""
    centres = np.deg2rad([[-80.0, 150.0], [-70.0, -20.0], [55.0, 40.0]])
    spread = 0.3 * rng.normal(size=(N, 2))
    return (centres[rng.choice(3, N, p=[0.6, 0.3, 0.1])] + spread + np.pi) % (2 * np.pi) - np.pi


def rungs(seed: int) -> dict:
    rng = np.random.default_rng([seed, 7])
    entries = []
    for temperature in LADDER[1:]:
        ours, reference = angles(rng)[:, None], angles(np.random.default_rng(3))[:, None]
        energies = rng.normal(0.3, 5.0, N), np.random.default_rng(4).normal(0.0, 5.0, N)
        entry = {"temperature": temperature, "n_samples": N, "residues": ["ALA 2"]}
        entry |= {"rama": angle_maps(ours), "rama_reference": angle_maps(reference)}
        entries.append(entry | relative_energies(*energies))
    return {"rungs": entries}


def maps() -> dict:
    rng = np.random.default_rng(11)
    points = {name: rng.normal(size=(N, 2)) for name in ("reference", *SAMPLED)}
    edges = plane_edges(points["reference"])
    sets = {}
    for name, tics in points.items():
        tica = filled_bins(tics, edges)
        outside = 1.0 - sum(tica["count"]) / N
        sets[name] = {"tica": tica, "tica_outside": outside, "rama": angle_maps(angles(rng)[:, None])}
        sets[name] |= relative_energies(rng.normal(0.5, 6.0, N), rng.normal(0.0, 5.0, N))
    reference = sets.pop("reference")
    return {
        "temperature": LADDER[-1],
        "residues": ["ALA 2"],
        "tica_edges": edges,
        "reference": reference,
        "methods": sets,
    }


def budget(method: str, seed: int) -> dict:
    rng = np.random.default_rng([seed, len(method)])
    points = []
    for energy_evals in (FIRST_BUDGET, 100_000, LAST_BUDGET):
        scale = (energy_evals / FIRST_BUDGET) ** -0.4 * rng.lognormal(0, 0.2)
        metrics: dict = {"energy_w1": 6 * scale, "torus_w2": 2 * scale, "delta_f_error_kcal": scale}
        cells: dict = {name: {"value": value, "se": 0.1 * value} for name, value in metrics.items()}
        if (method, seed, energy_evals) == ("md", 2, FIRST_BUDGET):
            cells["delta_f_error_kcal"] = None
        points.append({"energy_evals": energy_evals, "metrics": cells})
    return {"method": method, "seed": seed, "points": points}


def write(root: Path, traces: dict[int, dict]) -> None:
    """Write everything that the figures of `aldp` are drawn from; `traces`: by seed."""
    data = root / "figures/data"
    metrics = {"energy_w1": 0.3, "torus_w2": 0.2, "delta_f_error_kcal": 0.1}
    evals = {"initial": 400_000, "ladder": 500_000, "sample": 40_000, "total": 940_000}
    for seed, trace in traces.items():
        for method in METHODS:
            save_json(data / f"aldp-budget-{method}-{seed}.json", budget(method, seed))
        cells = {name: {"value": value * seed, "se": 0.01} for name, value in metrics.items()}
        for kind, extra in (("pita", 0), ("pita_renoised", 1_000)):
            bill = {part: count + extra for part, count in evals.items()}
            save_json(data / f"aldp-{kind}-{seed}.json", {"metrics": cells, "energy_evals": bill})
        save_json(data / f"aldp-chain-trace-{seed}.json", trace)
        save_json(data / f"aldp-chain-rungs-{seed}.json", rungs(seed))
    floor = {name: {"mean": value / 2, "sd": value / 10} for name, value in metrics.items()}
    save_json(data / "aldp-floor.json", {"metrics": floor | {"delta_f_error_kcal": None}})
    mapped = maps()
    for method, entry in mapped.pop("methods").items():
        save_json(data / f"aldp-map-{method}-1.json", entry)
    save_json(data / "aldp-maps.json", mapped)
    phi, psi = angles(np.random.default_rng(5)).T
    x = peptide(phi, psi).astype(np.float32)
    save_json(data / "aldp-conformations.json", conformations(x, TOPOLOGY_OF_ALANINE))
