"""Where every file of a run lies, relative to the repository root; the only place that names folders.

A system may be run at several budgets. Each has a name, `aldp` or `aldp-large`, with parameters, weights,
samples and metrics of its own; what belongs to the system itself is that of `aldp`.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "figures" / "data"
TABLES = ROOT / "figures" / "tables"
SCRATCH = ROOT / "experiments" / "scratch"


def system_of(name: str) -> str:
    """Return the system that a budget is of."""
    return name.partition("-")[0]


def params(name: str) -> Path:
    """Return the parameters of a budget: its ladder, methods and baselines."""
    return ROOT / "experiments" / "params" / f"{name}.toml"


def system_params(name: str) -> Path:
    """Return the parameters of the system that a budget is of: physics, network, reference and judgement."""
    return params(system_of(name))


def system(name: str) -> Path:
    """Return the structure and the force field of a peptide."""
    return ROOT / "experiments" / "systems" / f"{system_of(name)}.npz"


def structure(name: str) -> Path:
    """Return the minimised structure of a peptide as a PDB file."""
    return ROOT / "experiments" / "systems" / f"{system_of(name)}.pdb"


def reference(system: str) -> Path:
    """Return the reference samples of a system, at every temperature of its ladder."""
    return ROOT / "experiments" / "reference" / f"{system_of(system)}.npz"


def chains(system: str) -> Path:
    """Return time-ordered chains at the target temperature of a system."""
    return ROOT / "experiments" / "reference" / f"{system_of(system)}-chains.npz"


def tica(system: str) -> Path:
    """Return the plane of the slowest coordinates of a system, fitted to its chains."""
    return ROOT / "experiments" / "reference" / f"{system_of(system)}-tica.npz"


def weights(system: str, seed: int) -> Path:
    """Return the trained weights of all rungs of one ladder."""
    return ROOT / "experiments" / "weights" / f"{system}-{seed}.npz"


def samples(system: str, method: str, seed: int) -> Path:
    """Return the samples of a method at the target temperature."""
    return ROOT / "experiments" / "samples" / f"{system}-{method}-{seed}.npz"


def metrics(system: str, method: str, seed: int) -> Path:
    """Return the metrics of one run of a method."""
    return DATA / f"{system}-{method}-{seed}.json"


def floor(system: str) -> Path:
    """Return the noise floor of every metric."""
    return DATA / f"{system_of(system)}-floor.json"


def maps(system: str) -> Path:
    """Return where the reference of a system lies at its target temperature, with the bins."""
    return DATA / f"{system}-maps.json"


def map_of(system: str, method: str, seed: int) -> Path:
    """Return where the samples of one run of a method lie, on the same bins."""
    return DATA / f"{system}-map-{method}-{seed}.json"


def budget(system: str, method: str, seed: int) -> Path:
    """Return the metrics of a classical method against its budget."""
    return DATA / f"{system}-budget-{method}-{seed}.json"


def gate_weights(system: str, variant: str) -> Path:
    """Return the weights of one rung trained on reference samples."""
    return ROOT / "experiments" / "weights" / f"{system}-gate-{variant}.npz"
