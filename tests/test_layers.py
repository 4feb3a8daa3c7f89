"""Proves that imports run one way only, and that learning and sampling do not know each other."""

import graphlib
import sys
from pathlib import Path

import pytest

from experiments.dependencies import imported_modules

ROOT = Path(__file__).parents[1]

# Lowest first. A module imports from its own group and from the groups named beside it.
GROUPS = {
    "mathematics": "units compiled geometry orientation log_weights resampling schedules convergence",
    "physics": "targets systems peptide residues system_arrays",
    "networks": "networks isomers",
    "learning": "losses objective training_set flattening frame stiff_target data module training",
    "sampling": "mcmc langevin tempering population space distributed annealing evaluation weightings "
    "smc renoising islands landing bridge",
    "composition": "hot_start descent ladder baselines results",
    "judgement": "metrics",
}
BELOW = {
    "mathematics": set(),
    "physics": {"mathematics"},
    "networks": {"mathematics", "physics"},
    "learning": {"mathematics", "physics", "networks"},
    "sampling": {"mathematics", "physics", "networks"},
    "composition": {"mathematics", "physics", "networks", "learning", "sampling"},
    "judgement": {"mathematics"},
}
# Packages beside numpy, torch and the standard library, and the only places that may need them.
OUTSIDE = {
    "pytorch_lightning": {"learning", "composition"},
    "openmm": {"physics"},
    "ot": {"judgement"},
    "scipy": {"judgement"},
    "mdtraj": {"judgement"},
    "deeptime": {"judgement"},
}
# Paths, arguments, loggers and environment variables belong to experiments/.
NOT_IN_THE_PACKAGE = {"argparse", "logging", "os", "pathlib", "sys", "experiments", "figures", "tests"}
# Lightning writes its checkpoints itself; `fit` is handed the folder for them and chooses none.
ALLOWED = {("pita.training", "pathlib")}


def group_of(module: str) -> str:
    name = module.split(".")[1]
    found = [group for group, names in GROUPS.items() if name in names.split()]
    assert found, f"{module} belongs to no layer; give it one in GROUPS"
    return found[0]


def problems_of(module: str, imports: list[str]) -> list[str]:
    """What `module` imports that its layer does not allow."""
    group = group_of(module)
    problems = []
    for name in imports:
        top = name.split(".")[0]
        if top == "pita":
            if name != "pita" and group_of(name) not in BELOW[group] | {group}:
                problems.append(f"{module} ({group}) imports {name} ({group_of(name)})")
        elif top in NOT_IN_THE_PACKAGE and (module, top) not in ALLOWED:
            problems.append(f"{module} imports {name}")
        elif top not in {"numpy", "torch"} | sys.stdlib_module_names and group not in OUTSIDE.get(top, set()):
            problems.append(f"{module} ({group}) imports {name}")
    return problems


def package_imports() -> dict[str, list[str]]:
    files = [file for file in (ROOT / "pita").rglob("*.py") if file != ROOT / "pita" / "__init__.py"]
    names = {file: ".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files}
    return {name.removesuffix(".__init__"): imported_modules(file) for file, name in sorted(names.items())}


def import_order(imports: dict[str, list[str]]) -> list[str]:
    """Modules, each after those it imports; raises `graphlib.CycleError` if there is no such order."""
    inside = {
        name: {other for other in found if other in imports} - {name} for name, found in imports.items()
    }
    return list(graphlib.TopologicalSorter(inside).static_order())


def test_every_module_imports_only_from_its_layer_and_those_below() -> None:
    problems = [problem for name, found in package_imports().items() for problem in problems_of(name, found)]
    assert not problems, "\n".join(problems)


def test_imports_have_no_cycle() -> None:
    assert len(import_order(package_imports())) == len(package_imports())


def test_training_and_sampling_need_only_torch_lightning_and_numpy() -> None:
    groups = {group for package in ("openmm", "ot", "scipy", "mdtraj") for group in OUTSIDE[package]}
    assert not groups & {"learning", "sampling", "networks", "mathematics", "composition"}


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("pita.geometry", "pita.systems"),
        ("pita.losses", "pita.annealing"),
        ("pita.smc", "pita.training"),
        ("pita.metrics.distance", "pita.targets.base"),
        ("pita.mcmc", "scipy.stats"),
        ("pita.module", "logging"),
        ("pita.ladder", "experiments.files"),
        ("pita.ladder", "pathlib"),
        ("pita.training", "os"),
    ],
)
def test_forbidden_import_is_found(module: str, imported: str) -> None:
    assert problems_of(module, [imported])


def test_cycle_is_found() -> None:
    with pytest.raises(graphlib.CycleError):
        import_order({"pita.mcmc": ["pita.smc"], "pita.smc": ["pita.mcmc"]})


def test_module_without_a_layer_is_found() -> None:
    with pytest.raises(AssertionError, match=r"pita\.helpers belongs to no layer"):
        problems_of("pita.helpers", [])
