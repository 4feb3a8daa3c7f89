"""Running a training: progress, checkpoints by steps, interruption and exact continuation.

An interrupted and continued training ends with the weights, bit for bit, of an uninterrupted one on the
same machine: model, averaged weights, optimiser and schedule are in the checkpoint, and batch t depends on
t alone.
"""

import pickle
import signal
import threading
import time
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.loggers import Logger
from torch.utils.data import DataLoader

from pita.data import NoisyBatches
from pita.module import LOG_EVERY, DiffusionModule

CHECKPOINT_NAME = "last.ckpt"


class FitResult(NamedTuple):
    """`finished`: all steps are done, not stopped by a signal or the clock; `step`: optimiser steps done in
    all.
    """

    finished: bool
    step: int


def fit(
    module: DiffusionModule,
    batches: NoisyBatches,
    *,
    checkpoint_dir: Path,
    max_minutes: float | None = None,
    progress: bool = True,
    logger: Logger | None = None,
    accelerator: str = "auto",
) -> FitResult:
    """Train the module for its steps, from the checkpoint in `checkpoint_dir` on if there is one.

    Where torch.distributed is initialised, by all ranks of one machine together, each on its rows of the
    batches and, with GPUs, on a GPU of its own; gradients are averaged.
    SIGINT, SIGTERM or `max_minutes` (of this call) stop it after the current step, with a checkpoint.
    """
    checkpoint = checkpoint_dir / CHECKPOINT_NAME
    resumed = checkpoint if checkpoint.exists() else None
    first_step = _step_of(resumed) if resumed else 0
    n_steps = module.settings.n_steps
    callbacks: list[pl.Callback] = [
        Checkpoints(checkpoint, every=module.settings.checkpoint_every, max_minutes=max_minutes)
    ]
    if progress:
        callbacks.append(TQDMProgressBar(refresh_rate=LOG_EVERY))
    n_ranks = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=n_ranks,
        # The additive constant of an energy has no gradient.
        strategy="ddp_find_unused_parameters_true" if n_ranks > 1 else "auto",
        max_steps=n_steps,
        # Gives the endless stream a length, for the progress bar.
        limit_train_batches=n_steps,
        gradient_clip_val=module.settings.gradient_clip,
        callbacks=callbacks,
        logger=logger or False,
        log_every_n_steps=LOG_EVERY,
        enable_progress_bar=progress,
        enable_checkpointing=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    loader = DataLoader(batches.starting_at(first_step), batch_size=None, num_workers=0)
    with warnings.catch_warnings():
        # The stream starts at the right batch by itself.
        warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before")
        trainer.fit(module, loader, ckpt_path=resumed, weights_only=True)
    return FitResult(finished=trainer.global_step >= n_steps, step=trainer.global_step)


def _step_of(checkpoint: Path) -> int:
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            damaged = archive.testzip()  # torch.load does not look at the check sums
            if damaged is not None:
                raise zipfile.BadZipFile(damaged)
        return torch.load(checkpoint, weights_only=True, map_location="cpu")["global_step"]
    except (zipfile.BadZipFile, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise ValueError(f"{checkpoint}: cannot be read as a checkpoint; delete it to train anew") from error


class Checkpoints(pl.Callback):
    """Write a checkpoint every so many steps and when training is asked to stop.

    A first SIGINT or SIGTERM lets the current step finish; a second one raises KeyboardInterrupt at once.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, path: Path, *, every: int, max_minutes: float | None):
        self.path, self.every = path, every
        self.seconds = float("inf") if max_minutes is None else 60 * max_minutes
        self.asked_to_stop = False
        self.previous_handlers = {}

    def on_train_start(self, _trainer, *_):
        """Start the clock and listen to signals."""
        self.deadline = time.monotonic() + self.seconds
        if threading.current_thread() is threading.main_thread():
            self.previous_handlers = {
                number: signal.signal(number, self._ask_to_stop) for number in self.SIGNALS
            }

    def on_train_batch_end(self, trainer, *_):
        """Write if it is time to, and stop if asked to."""
        stop = self.asked_to_stop or time.monotonic() > self.deadline
        stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        step = trainer.global_step
        if stop or step % self.every == 0 or step == trainer.max_steps:
            self._write(trainer)
        if stop:
            trainer.should_stop = True

    def on_train_end(self, _trainer, *_):
        """Give the signals back."""
        self._release_signals()

    def on_exception(self, _trainer, *_):
        """Give the signals back."""
        self._release_signals()

    def _release_signals(self) -> None:
        for number, handler in self.previous_handlers.items():
            signal.signal(number, handler)
        self.previous_handlers = {}

    def _ask_to_stop(self, _number, _frame) -> None:
        if self.asked_to_stop:
            raise KeyboardInterrupt
        self.asked_to_stop = True

    def _write(self, trainer: pl.Trainer) -> None:
        partial = self.path.with_suffix(".partial")
        trainer.save_checkpoint(partial, weights_only=False)
        if trainer.is_global_zero:
            partial.replace(self.path)
