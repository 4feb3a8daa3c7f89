"""Learning one diffusion model with Lightning: objective, Adam with warm-up and cosine decay, averaged
weights.
"""

import copy
import math
from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from torch import Tensor

from pita.data import NoisyBatch
from pita.networks import DiffusionModel
from pita.objective import LossSettings, make_objective

# Steps between two values of a loss in the log: a value costs a few tenths of a millisecond.
LOG_EVERY = 50


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast a model learns.

    The learning rate rises linearly over `warmup_steps`, then falls as a cosine to a thousandth at
    `n_steps`. Gradients are scaled to a norm of at most `gradient_clip`. Averaged weights move by 1 -
    min(ema_decay, (1 + t) / (10 + t)) at step t. `compile`: compile the objective, a minute once, worth it
    from a few thousand steps. `checkpoint_every`: in steps.
    """

    n_steps: int
    learning_rate: float
    warmup_steps: int
    ema_decay: float
    gradient_clip: float
    compile: bool
    checkpoint_every: int

    def __post_init__(self):
        if not 0 <= self.warmup_steps < self.n_steps:
            raise ValueError(f"need 0 <= warmup_steps < n_steps, got {self.warmup_steps} and {self.n_steps}")
        if not (self.learning_rate > 0 and self.gradient_clip > 0 and self.checkpoint_every > 0):
            raise ValueError(
                f"learning_rate, gradient_clip and checkpoint_every must be positive, got {self}"
            )
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be in [0, 1), got {self.ema_decay}")


class DiffusionModule(pl.LightningModule):
    """A model in training; `averaged` is the model to sample from."""

    def __init__(
        self, model: DiffusionModel, *, losses: LossSettings, settings: TrainingSettings, n_rungs: int = 1
    ):
        super().__init__()
        self.model, self.settings = model, settings
        self.averaged = copy.deepcopy(model).requires_grad_(False)
        self.objective = make_objective(model, losses, n_rungs=n_rungs, compiled=settings.compile)

    def training_step(self, batch: NoisyBatch, _batch_index: int) -> Tensor:
        """Sum of the weighted losses, logged now and then with its terms."""
        terms = self.objective(batch)
        loss = torch.stack(list(terms.values())).sum()
        if (self.global_step + 1) % LOG_EVERY == 0:
            self.log("loss", loss.detach(), prog_bar=True)
            self.log_dict({f"loss_{name}": term.detach() for name, term in terms.items()})
        return loss

    def configure_optimizers(self):
        """Adam and its schedule, advanced at every step."""
        optimiser = torch.optim.Adam(self.model.parameters(), lr=self.settings.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._learning_rate_factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def optimizer_step(self, *args, **kwargs) -> None:
        """Step, then move the averaged weights, so that a checkpoint always holds both."""
        super().optimizer_step(*args, **kwargs)
        decay = min(self.settings.ema_decay, (1 + self.global_step) / (10 + self.global_step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.model.parameters()), 1 - decay)

    def _learning_rate_factor(self, step: int) -> float:
        warmup, n_steps = self.settings.warmup_steps, self.settings.n_steps
        if step < warmup:
            return (step + 1) / warmup
        progress = min(1.0, (step - warmup) / (n_steps - warmup))
        return 1e-3 + (1 - 1e-3) * 0.5 * (1 + math.cos(math.pi * progress))
