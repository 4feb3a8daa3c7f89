"""One ladder in training: what it leaves to its stage, from random numbers to progress bars."""

import logging
import warnings
from collections.abc import Sequence

import torch
from pytorch_lightning.loggers import CSVLogger
from tqdm import tqdm

from experiments import paths
from experiments.clock import Clock
from experiments.ladder_run import FolderStore, LadderConfig, bound_model, isomer_of, network_from
from experiments.ranks import Ranks, alone
from experiments.seeds import child, torch_generator
from experiments.settings import load_topology
from pita.data import NoisyBatches, TrainingSet, check_noise_range
from pita.descent import Arrays
from pita.ladder import Work, climb_down
from pita.module import DiffusionModule
from pita.networks import BoundModel, build_model
from pita.networks.weights import weights_to_arrays
from pita.training import fit


class Training:
    """One ladder in progress: its seed, its scratch folder, its clock, its processes.

    `hotter`: samples of temperatures above the ladder's, hot to cold, that its models learn too.
    """

    def __init__(
        self,
        config: LadderConfig,
        name: str,
        seed: int,
        clock: Clock,
        *,
        ranks: Ranks | None = None,
        hotter: Sequence[TrainingSet] = (),
    ) -> None:
        self.config, self.seed, self.clock, self.ranks = config, seed, clock, ranks or alone()
        self.hotter = hotter
        self.store = FolderStore(paths.SCRATCH / f"{name}-train-{seed}-{config.digest()}", self.ranks)
        self.bar = None

    def generator(self, name: str) -> torch.Generator:
        """Return the random numbers of one use."""
        return torch_generator(self.seed, name, device=self.ranks.device)

    def fit(self, rung: int, sets: list[TrainingSet]) -> Arrays | None:
        """Train the model of a rung on samples of its temperatures; None if time ran out or a signal came."""
        settings = self.config.training.first if rung == 0 else self.config.training.later
        sets = [*self.hotter, *sets]
        with torch.random.fork_rng():
            torch.manual_seed(int(child(self.seed, "network").generate_state(1)[0]))
            model = build_model(self.config.network)
        if rung > 0:
            model.load_state_dict(
                network_from(self.store.load(f"model-{rung - 1}"), self.config.network).state_dict()
            )
        model.calibrate(sets[-1].x)
        module = DiffusionModule(model, losses=self.config.losses, settings=settings, n_rungs=len(sets))
        seed = int(child(self.seed, f"batches-{rung}").generate_state(1)[0])
        folder = self.store.folder / f"fit-{rung}"
        folder.mkdir(parents=True, exist_ok=True)
        quieten_lightning()
        result = fit(
            module,
            NoisyBatches(sets, self.config.noise, seed=seed, **self._molecule()).on(self.ranks.device),
            checkpoint_dir=folder,
            max_minutes=self.clock.minutes_left(),
            logger=CSVLogger(folder, name="", version="log"),
        )
        return weights_to_arrays(module.averaged) if result.finished else None

    def _molecule(self) -> dict[str, torch.Tensor]:
        """Return what batches need to know of the molecule: the reference of a frame, stiff pairs, rotors."""
        noise, known = self.config.noise, {}
        if noise.frame:
            positions = load_topology(self.config.system.system)["positions"]
            known["reference"] = torch.from_numpy(positions).float()
        if noise.stiff:
            known["stiff_pairs"] = self.config.network.graph.stiff_pairs()
        if noise.flatten is not None:
            known["rotors"] = self.config.network.graph.rotors()
        return known

    def bind(self, arrays: Arrays, beta: float) -> BoundModel:
        """Return a model for sampling at an inverse temperature."""
        return bound_model(
            arrays, self.config.network, beta=beta, descent=self.config.descent, device=self.ranks.device
        )

    def progress(self, _done: int, ess_fraction: float) -> None:
        """Show how far an annealing and the moves after it are."""
        if self.bar is None or self.bar.n >= self.bar.total:
            n_steps = self.config.descent.n_steps
            self.bar = tqdm(total=n_steps, desc="anneal", unit="level", disable=not self.ranks.is_first)
        self.bar.update()
        self.bar.set_postfix(ess=f"{ess_fraction:.2f}")


def climb(run: Training) -> None:
    """Complete a ladder in its scratch folder; SystemExit if stopped before the end."""
    config, annealing = run.config, run.config.descent.annealing
    check_noise_range(config.noise, h_min=annealing.sigma_min**2, h_max=annealing.sigma_max**2)
    finished = climb_down(
        config.system.target(),
        config.system.temperatures,
        initial=config.initial,
        descent=config.descent,
        store=run.store,
        work=Work(
            run.generator,
            run.fit,
            run.bind,
            run.progress,
            conditioned=config.network.conditioned,
            keeps=isomer_of(config.system, config.network),
            communicator=run.ranks.communicator,
        ),
    )
    if not finished:
        raise SystemExit(f"stopped before the end; call again to continue ({run.store.folder})")


def quieten_lightning() -> None:
    """Keep Lightning's advice and its list of devices from the terminal; errors and the bar stay."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.ERROR)
    for message in (".*does not have many workers.*", ".*isinstance.treespec, LeafSpec.*"):
        warnings.filterwarnings("ignore", message=message)
