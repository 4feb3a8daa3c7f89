"""Stored results of a run that never was, of the form that the stages write."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from experiments.files import save_json
from tests.figures import peptide_results

CLAIMS = """
[systems]
lj13 = true
aldp = true

[[published]]
system = "lj13"
method = "PITA"
energy_evals = "not known"
where = "a table"
metrics = { distance_w2 = "0.04 ± 0.00", energy_w2 = "2.26 ± 0.21" }
"""
LADDER = (1.5, 1.2, 1.0)
N_LEVELS = 40
FIRST_METRICS = {"parallel_tempering": 1.0, "population_annealing": 0.6, "hot_hmc": 2.0}


def budget(method: str, seed: int) -> dict:
    rng = np.random.default_rng([seed, len(method)])
    points = []
    for energy_evals in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000):
        scale = FIRST_METRICS[method] * (energy_evals / 10_000) ** -0.45 * rng.lognormal(0, 0.2)
        metrics = {
            "distance_w2": 0.2 * scale + 0.006,
            "energy_w1": 9 * scale + 0.1,
            "energy_w2": 10 * scale + 0.36,
        }
        cells = {name: {"value": value, "se": 0.1 * value} for name, value in metrics.items()}
        points.append({"energy_evals": energy_evals, "metrics": cells})
    return {"method": method, "seed": seed, "points": points}


def pita_run(seed: int) -> dict:
    metrics = {"distance_w2": 0.02 + 0.003 * seed, "energy_w1": 0.4, "energy_w2": 0.6 + 0.08 * seed}
    return {
        "system": "lj13",
        "method": "pita",
        "seed": seed,
        "n_samples": 2048,
        "metrics": {name: {"value": value, "se": 0.01} for name, value in metrics.items()},
        "energy_evals": {"initial": 400_000, "ladder": 500_000, "sample": 40_000, "total": 940_000},
    }


def trace(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    h = np.geomspace(100.0, 0.0009, N_LEVELS + 1)[1:]
    rungs = []
    for hot, cold in zip(LADDER[:-1], LADDER[1:], strict=True):
        spread = 0.02 + 0.3 * np.exp(-((np.log(h) + 1) ** 2) / 4) * rng.lognormal(0, 0.1, len(h))
        variance, ess = 0.0, []
        for step in spread:
            variance += step**2
            ess.append(float(np.exp(-variance)))
            variance = 0.0 if ess[-1] < 0.5 else variance
        rungs.append(
            {
                "temperature_from": hot,
                "temperature_to": cold,
                "n_particles": 2048,
                "h": h.tolist(),
                "ess_fraction": ess,
                "log_w_std": spread.tolist(),
                "n_unique_ancestors": (2048 * np.exp(-np.cumsum(spread**2))).astype(int).tolist(),
            }
        )
    return {"rungs": rungs}


def histograms(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    rungs = []
    for temperature in LADDER[1:]:
        entry = {"temperature": temperature}
        energy = -44 + 14 * temperature * np.linspace(-0.1, 2.0, 41)
        distance = np.linspace(0.7, 3.0 + 0.3 * temperature, 61)
        for name, edges in (("energy", energy), ("distance", distance)):
            centre, width = edges[len(edges) // 3], 0.15 * (edges[-1] - edges[0])
            middles = (edges[1:] + edges[:-1]) / 2
            reference = np.exp(-(((middles - centre) / width) ** 2) / 2) / (width * 2.5066)
            entry[f"{name}_edges"] = edges.tolist()
            entry[f"{name}_density_reference"] = reference.tolist()
            entry[f"{name}_density"] = (reference * rng.lognormal(0, 0.08, len(reference))).tolist()
        rungs.append(entry)
    return {"rungs": rungs}


def mixture() -> dict:
    rng = np.random.default_rng(1)
    exact = {"mode_mass": 0.9, "variance": 0.042, "log_z": -0.12}
    runs = []
    names = ("feynman_kac", "feynman_kac_plain", "feynman_kac_hutchinson")
    for i, name in enumerate((*names, "energy_kernel_ratio", "score_kernel_ratio", "unweighted")):
        for n_steps in (25, 100, 400):
            error = 0.1 / n_steps**0.5 * (6 - i)
            estimates = {key: (exact[key] + error * rng.normal(size=5)).tolist() for key in exact}
            if name == "unweighted":
                del estimates["log_z"]
            run = {"weighting": name, "n_steps": n_steps, "network_passes": (15 - 2 * i) * n_steps}
            runs.append(run | {"estimates": estimates})
    independent = {"mode_mass": 0.0066, "variance": 0.0005}
    return {"exact": exact, "independent_errors": independent, "runs": runs}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that holds nothing but results."""
    return filled(tmp_path)


@pytest.fixture(scope="session")
def fill() -> Callable[[Path], Path]:
    """What makes such a repository of a folder."""
    return filled


def filled(root: Path) -> Path:
    """Write the results of a cluster, of a peptide and of the mixture."""
    (root / "paper").mkdir()
    (root / "paper/claims.toml").write_text("claims = []\ntargets = []\n" + CLAIMS + peptide_results.CLAIMS)
    data = root / "figures/data"
    for seed in (1, 2, 3):
        for method in FIRST_METRICS:
            save_json(data / f"lj13-budget-{method}-{seed}.json", budget(method, seed))
        save_json(data / f"lj13-pita-{seed}.json", pita_run(seed))
        save_json(data / f"lj13-chain-trace-{seed}.json", trace(seed))
        save_json(data / f"lj13-chain-rungs-{seed}.json", histograms(seed))
    floor = {"distance_w2": {"mean": 0.0064, "sd": 0.001}, "energy_w2": {"mean": 0.36, "sd": 0.07}}
    save_json(data / "lj13-floor.json", {"metrics": floor})
    save_json(data / "mixture.json", mixture())
    peptide_results.write(root, {seed: trace(seed) for seed in (1, 2, 3)})
    return root
