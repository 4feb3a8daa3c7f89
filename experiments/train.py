"""Stage: train the models of a ladder, rung by rung, annealing from each to the next.

`python -m experiments.train lj13 1 --minutes 25` works for at most 25 minutes and continues, exactly, when
called again; finished rungs are kept in experiments/scratch/.
"""

import argparse
import shutil
from collections.abc import Sequence

import torch
from pytorch_lightning.loggers import CSVLogger
from tqdm import tqdm

from experiments import paths
from experiments.clock import Clock
from experiments.errors import reported
from experiments.files import save_npz
from experiments.ladder_run import (
    FolderStore,
    LadderConfig,
    device_of_choice,
    gather_weights,
    load_ladder,
    network_from,
)
from experiments.seeds import child, torch_generator
from pita.data import NoisyBatches, TrainingSet, check_noise_range
from pita.ladder import Arrays, Work, climb_down
from pita.module import DiffusionModule
from pita.networks import build_model
from pita.networks.weights import weights_to_arrays
from pita.training import fit


def main(argv: Sequence[str] | None = None) -> None:
    """Read the parameters, climb down the ladder, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system")
    parser.add_argument("seed", type=int)
    parser.add_argument("--minutes", type=float, default=None, help="stop after this long, to be continued")
    arguments = parser.parse_args(argv)
    with reported():
        config = load_ladder(arguments.system)
        annealing = config.descent.annealing
        check_noise_range(config.noise, h_min=annealing.sigma_min**2, h_max=annealing.sigma_max**2)
        run = Training(config, arguments.system, arguments.seed, Clock(arguments.minutes))
        finished = climb_down(
            config.system.target(),
            config.system.temperatures,
            initial=config.initial,
            descent=config.descent,
            store=run.store,
            work=Work(run.generator, run.fit, run.bind, run.progress),
        )
        if not finished:
            raise SystemExit(f"stopped before the end; call again to continue ({run.store.folder})")
        save_npz(paths.weights(arguments.system, arguments.seed), gather_weights(run.store, config.system))
        shutil.rmtree(run.store.folder)


class Training:
    """One ladder in progress: its seed, its scratch folder, its clock."""

    def __init__(self, config: LadderConfig, system: str, seed: int, clock: Clock) -> None:
        self.config, self.seed, self.clock = config, seed, clock
        self.device = device_of_choice()
        self.store = FolderStore(paths.SCRATCH / f"{system}-train-{seed}-{config.digest()}")
        self.bar = None

    def generator(self, name: str) -> torch.Generator:
        """Return the random numbers of one use."""
        return torch_generator(self.seed, name, device=self.device)

    def fit(self, rung: int, samples: TrainingSet) -> Arrays | None:
        """Train the model of a rung; None if time ran out or a signal came."""
        settings = self.config.training.first if rung == 0 else self.config.training.later
        with torch.random.fork_rng():
            torch.manual_seed(int(child(self.seed, "network").generate_state(1)[0]))
            model = build_model(self.config.network)
        if rung > 0:
            model.load_state_dict(
                network_from(self.store.load(f"model-{rung - 1}"), self.config.network).state_dict()
            )
        module = DiffusionModule(model, losses=self.config.losses, settings=settings)
        seed = int(child(self.seed, f"batches-{rung}").generate_state(1)[0])
        folder = self.store.folder / f"fit-{rung}"
        folder.mkdir(parents=True, exist_ok=True)
        result = fit(
            module,
            NoisyBatches([samples], self.config.noise, seed=seed),
            checkpoint_dir=folder,
            max_minutes=self.clock.minutes_left(),
            logger=CSVLogger(folder, name="", version="log"),
        )
        return weights_to_arrays(module.averaged) if result.finished else None

    def bind(self, arrays: Arrays):
        """Return a model for sampling."""
        return network_from(arrays, self.config.network, device=self.device).at(compiled=True)

    def progress(self, done: int, ess_fraction: float) -> None:
        """Show how far an annealing is."""
        if done == 1:
            self.bar = tqdm(total=self.config.descent.annealing.n_levels, desc="anneal", unit="level")
        self.bar.update()
        self.bar.set_postfix(ess=f"{ess_fraction:.2f}")


if __name__ == "__main__":
    main()
