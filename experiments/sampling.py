"""Sampling from the pinned weights of a ladder, as several stages do it: one temperature step of one rung."""

from dataclasses import dataclass, field

import torch
from tqdm import tqdm

from experiments import paths
from experiments.files import load_npz
from experiments.ladder_run import REDUCED_ENERGY, SAMPLES, bound_model, load_network, rung_of
from experiments.ranks import Ranks, alone
from experiments.seeds import torch_generator
from experiments.settings import SystemSettings, load_system
from pita.descent import Arrays, Descent, DescentSettings, descend, path_to
from pita.networks import NetworkSettings
from pita.renoising import Beginning

LADDER_KEYS = ("temperatures", "n_energy_evals_initial", "n_energy_evals_ladder")


@dataclass(frozen=True)
class TrainedLadder:
    """The trained models of one seed of a system, and the processes that sample from them."""

    system: SystemSettings
    seed: int
    network: NetworkSettings
    weights: Arrays
    ranks: Ranks = field(default_factory=alone)

    @classmethod
    def load(cls, name: str, seed: int, *, ranks: Ranks | None = None) -> "TrainedLadder":
        """Read the weights; ValueError if they are of another ladder of temperatures."""
        weights, system = load_npz(paths.weights(name, seed), keys=LADDER_KEYS), load_system(name)
        if tuple(weights["temperatures"].tolist()) != system.temperatures:
            raise ValueError(
                f"{paths.weights(name, seed)} has temperatures {weights['temperatures'].tolist()}, "
                f"{paths.params(name)} has {list(system.temperatures)}"
            )
        return cls(system, seed, load_network(name), weights, ranks or alone())

    def step(self, rung: int, settings: DescentSettings, *, name: str) -> Descent:
        """Sample the temperature below `rung`, with random numbers called `name`."""
        hot, cold = self.system.temperatures[rung : rung + 2]
        return self.anneal(rung, settings, gamma=hot / cold, beta=1 / cold, name=name)

    def anneal(
        self, rung: int, settings: DescentSettings, *, gamma: float, beta: float, name: str
    ) -> Descent:
        """Anneal the model of `rung` by gamma and land at beta (1 / unit of E)."""
        arrays, target, ranks = rung_of(self.weights, rung), self.system.target(), self.ranks
        source = 1 / self.system.temperatures[rung]
        path = path_to(
            arrays,
            settings.annealing,
            gamma=gamma,
            event_shape=(target.n_atoms, 3),
            device=ranks.device,
            communicator=ranks.communicator,
        )
        model = bound_model(arrays, self.network, beta=source, descent=settings, device=ranks.device)
        generator = torch_generator(self.seed, name, device=ranks.device)
        beginning = None if settings.renoise is None else self._beginning(rung, arrays)
        with tqdm(total=settings.n_steps, desc=name, unit="level", disable=not ranks.is_first) as bar:

            def progress(_done: int, ess_fraction: float) -> None:
                bar.update()
                bar.set_postfix(ess=f"{ess_fraction:.2f}")

            work = (generator, progress)
            return descend(model, path, target, beta=beta, settings=settings, work=work, beginning=beginning)

    def _beginning(self, rung: int, arrays: Arrays) -> Beginning:
        """Return the samples that the model of a rung learned; ValueError where they are not kept."""
        if SAMPLES not in arrays:
            raise ValueError(f"{paths.weights(self.system.system, self.seed)}: no samples of rung {rung}")
        return Beginning(torch.from_numpy(arrays[SAMPLES]), torch.from_numpy(arrays[REDUCED_ENERGY]))

    def bill(self) -> dict[str, int]:
        """Return the evaluations that made the weights, by phase."""
        return {phase: int(self.weights[f"n_energy_evals_{phase}"]) for phase in ("initial", "ladder")}


def samples_of(done: Descent) -> torch.Tensor:
    """Return the equally weighted configurations a temperature step ended with, (n, n_atoms, 3)."""
    return done.annealed.particles.x if done.landed is None else done.landed.x


def diagnostics(done: Descent) -> dict[str, dict[str, float]]:
    """Return effective sample sizes and counters of a temperature step, for the table."""
    trace, n = done.annealed.trace, len(done.annealed.origins)
    ess = {"path_min": n * trace.ess_fraction.min().item(), "ancestors": trace.n_unique_ancestors[-1].item()}
    nonfinite = done.annealed.n_nonfinite
    if done.landed is not None:
        ess |= {"landing": n * done.landed.ess_fraction, "landed_ancestors": done.landed.n_unique_ancestors}
        nonfinite += done.landed.n_nonfinite
    counters = {"clipped": done.annealed.n_clipped, "nonfinite": nonfinite, "wrong_chirality": 0}
    return {"ess": ess, "counters": counters}
