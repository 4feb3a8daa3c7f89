"""A long parallel-tempering run that continues exactly where it was stopped.

After a block of moves the whole state and all that was kept so far go into one scratch file, in place of the
last one. A block repeats bit for bit, so that a run killed at any moment ends with the same samples.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from experiments.files import DataFileError, load_npz, save_npz
from pita.geometry import remove_mean
from pita.targets.base import Target
from pita.targets.counted import CountedTarget
from pita.tempering import (
    ParallelTempering,
    TemperingRun,
    TemperingState,
    start_tempering,
    state_from_arrays,
    state_to_arrays,
    temper,
)

CHECKPOINT_SECONDS = 20.0  # between two writes; a longer interval loses more work to an interrupt


class Sampled(NamedTuple):
    """What a run has kept: K kept temperatures of L in all, D draws of W walkers, B moves per block.

    `x` (D, K, W, n_atoms, 3) mean-free, one draw per block; `trace` (D, K, B, W) energy after every move;
    `acceptance` (D, L); `swap_rate` (D, L-1); `n_energy_evals` and `n_nonfinite` () int64 so far.
    """

    x: np.ndarray
    trace: np.ndarray
    acceptance: np.ndarray
    swap_rate: np.ndarray
    n_energy_evals: np.ndarray
    n_nonfinite: np.ndarray


def checkpoint_path(folder: Path, *, run: str, parameters: dict) -> Path:
    """Return the scratch file of the run that has exactly these parameters."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()
    return folder / f"reference-{digest[:16]}-{run}.npz"


def resumed_run(
    target: Target,
    start: torch.Tensor,
    *,
    settings: ParallelTempering,
    generator: torch.Generator,
    checkpoint: Path,
    progress: Callable[[int, int], None],
) -> Sampled:
    """Run to `settings.n_moves` from the checkpoint or, without one, from `start` (L W, n_atoms, 3).

    Every `settings.thin` moves make a block, whose last state is a draw once burn-in is over.
    """
    counted = CountedTarget(target)
    if checkpoint.exists():
        state, sampled = _load(checkpoint)
        counted.n_energy_evals, counted.n_nonfinite = int(sampled.n_energy_evals), int(sampled.n_nonfinite)
    else:
        state, sampled = start_tempering(counted, start, settings=settings, generator=generator), None
    every_move = dataclasses.replace(settings, thin=1)
    saved = time.monotonic()
    progress(int(state.n_done), settings.n_moves)
    while int(state.n_done) < settings.n_moves:
        block = temper(counted, state, settings.thin, settings=every_move)
        state = block.state
        if int(state.n_done) > settings.n_burn_in:
            sampled = _appended(sampled, block, counted)
            if int(state.n_done) == settings.n_moves or time.monotonic() - saved >= CHECKPOINT_SECONDS:
                _save(checkpoint, state, sampled)
                saved = time.monotonic()
        progress(int(state.n_done), settings.n_moves)
    return sampled


def _appended(sampled: Sampled | None, block: TemperingRun, counted: CountedTarget) -> Sampled:
    new = Sampled(
        x=remove_mean(block.x[None, :, -1]).numpy(),
        trace=block.energy[None].numpy(),
        acceptance=block.info.acceptance[None].numpy(),
        swap_rate=block.info.swap_rate[None].numpy(),
        n_energy_evals=np.asarray(counted.n_energy_evals),
        n_nonfinite=np.asarray(counted.n_nonfinite),
    )
    if sampled is None:
        return new
    series = ("x", "trace", "acceptance", "swap_rate")
    return new._replace(**{n: np.concatenate([getattr(sampled, n), getattr(new, n)]) for n in series})


def _save(path: Path, state: TemperingState, sampled: Sampled) -> None:
    arrays = {f"state_{name}": value for name, value in state_to_arrays(state).items()}
    save_npz(path, arrays | {f"sampled_{name}": value for name, value in sampled._asdict().items()})


def _load(path: Path) -> tuple[TemperingState, Sampled]:
    arrays = load_npz(path)
    try:
        state = state_from_arrays({name: arrays[f"state_{name}"] for name in TemperingState._fields})
        return state, Sampled(*(arrays[f"sampled_{name}"] for name in Sampled._fields))
    except KeyError as error:
        raise DataFileError(
            f"{path}: {error}: missing from the checkpoint; delete it to start anew"
        ) from error
