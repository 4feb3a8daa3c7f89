"""What training and sampling of a ladder share on the side of files: parameters, stores, weights."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from experiments import paths
from experiments.config import load_section, refuse_sections
from experiments.files import load_npz, save_npz
from experiments.ranks import Ranks, alone
from experiments.settings import SystemSettings, load_system, load_topology
from pita.data import NoiseSettings
from pita.descent import Arrays, DescentSettings
from pita.isomers import Isomers
from pita.ladder import InitialSettings, beginning_from
from pita.module import TrainingSettings
from pita.networks import BoundModel, DiffusionModel, NetworkSettings, build_model
from pita.networks.weights import arrays_to_weights
from pita.objective import LossSettings

SAMPLES, REDUCED_ENERGY = "samples", "reduced_energy"
NOT_WEIGHTS = ("data_variance", "variances", SAMPLES, REDUCED_ENERGY)
RUNG = "rung{}/"
OF_THE_SYSTEM = ("system", "network", "noise", "losses")  # at every budget
OF_THE_BUDGET = ("initial", "training", "descent")
BEGINNING_BYTES = 2**21  # of samples kept with the weights; all are of equal weight


@dataclass(frozen=True)
class TrainingPlan:
    """The trainings of a ladder: its first rung has random weights, later ones the rung above's."""

    first: TrainingSettings
    later: TrainingSettings


@dataclass(frozen=True)
class LadderConfig:
    """All parameters of a ladder, one field for each section of the parameter files."""

    system: SystemSettings
    network: NetworkSettings
    initial: InitialSettings
    losses: LossSettings
    noise: NoiseSettings
    training: TrainingPlan
    descent: DescentSettings

    def digest(self) -> str:
        """Return a name for these parameters: runs with the same name may continue one another."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


def load_ladder(system: str) -> LadderConfig:
    """Read the parameters of the ladder of a system, or of a budget of it, which has no say in its network,
    noise and losses.
    """
    of_the_system, of_the_budget = paths.system_params(system), paths.params(system)
    if of_the_budget != of_the_system:
        refuse_sections(of_the_budget, OF_THE_SYSTEM, reason=f"{of_the_system.name} has it for every budget")
    schemas = LadderConfig.__annotations__
    sections = {
        name: load_section(file, name, schemas[name])
        for file, names in ((of_the_system, ("noise", "losses")), (of_the_budget, OF_THE_BUDGET))
        for name in names
    }
    return LadderConfig(system=load_system(system), network=load_network(system), **sections)


def load_network(system: str) -> NetworkSettings:
    """Read the architecture of a system's models, and the molecule that they are to tell atoms of."""
    settings = load_system(system)
    given = {"n_atoms": settings.n_atoms} | molecular_graph(settings)
    return load_section(paths.system_params(system), "network", NetworkSettings, **given)


def molecular_graph(system: SystemSettings) -> dict[str, dict[str, list]]:
    """Return the molecule of a peptide as a section `graph` of network parameters; nothing for a cluster."""
    if system.kind != "peptide":
        return {}
    topology = load_topology(system.system)
    return {"graph": {name: topology[name].tolist() for name in ("elements", "bonds")}}


def isomer_of(
    system: SystemSettings, network: NetworkSettings
) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return which configurations are the isomer of the peptide's structure; None for a cluster."""
    if network.graph is None:
        return None
    return Isomers(network.graph, torch.from_numpy(load_topology(system.system)["positions"])).same


class FolderStore:
    """Finished parts of a ladder, one file each, in a scratch folder named after its parameters.

    The first of several processes reads and writes, and the others get what it read, so that all agree on
    what is finished.
    """

    def __init__(self, folder: Path, ranks: Ranks | None = None) -> None:
        self.folder, self.ranks = folder, ranks or alone()

    def load(self, name: str) -> Arrays | None:
        """Return what was saved under this name, None if nothing was."""
        path = self.folder / f"{name}.npz"
        return self.ranks.from_first(load_npz(path) if self.ranks.is_first and path.exists() else None)

    def save(self, name: str, arrays: Arrays) -> None:
        """Keep arrays under a name."""
        if not self.ranks.is_first:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        save_npz(self.folder / f"{name}.npz", arrays)


def network_from(arrays: Arrays, settings: NetworkSettings, *, device: str = "cpu") -> DiffusionModel:
    """Build the model of a rung from its saved arrays."""
    model = build_model(settings)
    arrays_to_weights(model, {name: a for name, a in arrays.items() if name not in NOT_WEIGHTS})
    return model.to(device).requires_grad_(False).eval()


def bound_model(
    arrays: Arrays, settings: NetworkSettings, *, beta: float, descent: DescentSettings, device: str
) -> BoundModel:
    """Return the model of a rung at its inverse temperature beta (1 / unit of E), for annealing."""
    model = network_from(arrays, settings, device=device)
    return model.at(beta if settings.conditioned else None, compiled=descent.binds_compiled)


def gather_weights(store: FolderStore, system: SystemSettings, *, renoised: bool = False) -> Arrays:
    """Put the models of all rungs, and what their ladder cost and left out, into one set of arrays.

    `renoised`: with samples of the last one, BEGINNING_BYTES at most, for annealings that begin from them.
    """
    n_models = len(system.temperatures) - 1
    samples = [store.load(f"samples-{rung}") for rung in range(n_models)]
    spent = [int(each["n_energy_evals"]) for each in samples]
    gathered = {
        "temperatures": np.array(system.temperatures),
        "n_energy_evals_initial": np.array(spent[0]),
        "n_energy_evals_ladder": np.array(sum(spent[1:])),
    }
    if "n_left_out" in samples[0]:
        gathered["n_left_out"] = np.array([int(each["n_left_out"]) for each in samples])
    for rung in range(n_models):
        model = store.load(f"model-{rung}")
        gathered |= {RUNG.format(rung) + name: values for name, values in model.items()}
    if renoised:  # of the last rung only, which the methods of the table begin from
        last = RUNG.format(n_models - 1)
        beginning = beginning_from(samples[-1], beta=1 / system.temperatures[n_models - 1])
        n_kept = min(len(beginning.x), BEGINNING_BYTES // beginning.x[0].nbytes)
        rows = torch.arange(n_kept) * len(beginning.x) // n_kept
        gathered |= {
            last + SAMPLES: beginning.x[rows].numpy(),
            last + REDUCED_ENERGY: beginning.reduced_energy[rows].numpy(),
        }
    return gathered


def rung_of(weights: Arrays, rung: int) -> Arrays:
    """Return the arrays of one rung."""
    prefix = RUNG.format(rung)
    return {name.removeprefix(prefix): values for name, values in weights.items() if name.startswith(prefix)}
