"""Sampling from the pinned weights of a ladder, as several stages do it: one temperature step of one rung."""

from dataclasses import dataclass

import torch
from tqdm import tqdm

from experiments import paths
from experiments.files import load_npz
from experiments.ladder_run import device_of_choice, load_network, network_from, rung_of
from experiments.seeds import torch_generator
from experiments.settings import load_system
from pita.ladder import Arrays, Descent, DescentSettings, descend, path_to


@dataclass(frozen=True)
class TrainedLadder:
    """The trained models of one seed of a system."""

    system: str
    seed: int
    weights: Arrays

    @classmethod
    def load(cls, system: str, seed: int) -> "TrainedLadder":
        """Read the weights; ValueError if they are of another ladder of temperatures."""
        weights = load_npz(paths.weights(system, seed))
        temperatures = load_system(system).temperatures
        if tuple(weights["temperatures"].tolist()) != temperatures:
            raise ValueError(
                f"{paths.weights(system, seed)} has temperatures {weights['temperatures'].tolist()}, "
                f"{paths.params(system)} has {list(temperatures)}"
            )
        return cls(system, seed, weights)

    def step(self, rung: int, settings: DescentSettings, *, name: str) -> Descent:
        """Sample the temperature below `rung`, with random numbers called `name`."""
        system, device = load_system(self.system), device_of_choice()
        hot, cold = system.temperatures[rung : rung + 2]
        return self.anneal(rung, settings, gamma=hot / cold, beta=1 / cold, name=name, device=device)

    def anneal(
        self, rung: int, settings: DescentSettings, *, gamma: float, beta: float, name: str, device: str
    ) -> Descent:
        """Anneal the model of `rung` by gamma and land at beta (1 / unit of E)."""
        arrays, target = rung_of(self.weights, rung), load_system(self.system).target()
        generator = torch_generator(self.seed, name, device=device)
        path = path_to(
            arrays, settings.annealing, gamma=gamma, event_shape=(target.n_atoms, 3), device=device
        )
        differentiated = settings.annealing.weighting == "feynman_kac"
        model = network_from(arrays, load_network(self.system), device=device).at(compiled=not differentiated)
        with tqdm(total=settings.annealing.n_levels, desc=name, unit="level") as bar:

            def progress(_done: int, ess_fraction: float) -> None:
                bar.update()
                bar.set_postfix(ess=f"{ess_fraction:.2f}")

            return descend(model, path, target, beta=beta, settings=settings, work=(generator, progress))

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
