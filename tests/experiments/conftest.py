"""A small repository of results: two methods, a floor, one published row and the aims that refer to them; and
the weights of the tiny ladder, trained once.
"""

from pathlib import Path

import pytest

from experiments.files import save_json
from tests.experiments import tiny_case

CLAIMS = """
[systems]
lj13 = true
aldp = false

[[published]]
system = "lj13"
method = "PITA_0"
energy_evals = "not known"
where = "Table 1"
metrics = { energy_w2 = "2.26 ± 0.21" }

[[published]]
system = "aldp"
method = "PITA_0"
energy_evals = "5e7"
where = "Table 2"
metrics = { energy_w2 = "1.615" }

[[claims]]
system = "lj13"
method = "pita"
metric = "energy_w2"
published = "PITA_0"
tolerance = 0.2

[[claims]]
system = "aldp"
method = "pita"
metric = "energy_w2"
published = "PITA_0"
tolerance = 0.0

[[targets]]
system = "lj13"
method = "pita"
metric = "energy_w2"
grade = "to reach"
at_most = 0.5
unit = "absolute"

[[targets]]
system = "lj13"
method = "hmc"
metric = "distance_w2"
grade = "to reach"
at_most = 2.0
unit = "floor"

[[targets]]
system = "lj13"
method = "hmc"
metric = "distance_w2"
grade = "beyond"
at_most = 2.0
unit = "floor + sd"

[[targets]]
system = "lj13"
method = "hmc"
metric = "energy_evals"
grade = "beyond"
at_most = 6
unit = "absolute"
"""


def save_run(root: Path, method: str, seed: int, *, energy_w2: float, distance_w2: float) -> None:
    metrics = {
        "energy_w2": {"value": energy_w2, "se": 0.1},
        "distance_w2": {"value": distance_w2, "se": 0.1},
    }
    run = {
        "system": "lj13",
        "method": method,
        "seed": seed,
        "n_samples": 2048,
        "metrics": metrics,
        "energy_evals": {"initial": 1, "ladder": 2, "sample": 3000, "total": 3003},
    }
    save_json(root / "figures/data" / f"lj13-{method}-{seed}.json", run)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper/claims.toml").write_text(CLAIMS)
    floor = {"energy_w2": {"mean": 0.36, "sd": 0.07}, "distance_w2": {"mean": 0.01, "sd": 0.002}}
    save_json(
        tmp_path / "figures/data/lj13-floor.json", {"system": "lj13", "n_samples": 2048, "metrics": floor}
    )
    save_json(tmp_path / "figures/data/lj13-gates.json", {"not": "a run"})
    for seed, energy_w2 in enumerate((1.0, 2.0, 3.0), start=1):
        save_run(tmp_path, "pita", seed, energy_w2=energy_w2, distance_w2=0.04)
    save_run(tmp_path, "hmc", 1, energy_w2=0.5, distance_w2=0.021)
    return tmp_path


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        tiny_case.repository(tmp_path_factory.mktemp("tiny"), patch)
        return tiny_case.trained()
