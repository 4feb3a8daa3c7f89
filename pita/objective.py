"""The objective of one batch: which losses a model is trained by, with which weights."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from pita import losses
from pita.compiled import Compiled
from pita.data import N_LEVELS, NoisyBatch
from pita.networks import DiffusionModel

Objective = Callable[[NoisyBatch], dict[str, Tensor]]


@dataclass(frozen=True)
class LossSettings:
    """Weights of the losses, zero for those not used, and the parameters of two of them.

    `score`, `energy`: denoising by either head; with `blend`, its regression target is the mixture of the
    clean configuration and the force that has the least variance. `target`: target score matching by every
    head, where h < `target_h_max`. `distill`: the energy head onto the score head. `pin`: U at h = `pin_h`
    against beta E, where beta E < `pin_energy_max`; of batches with energies under noise, against those.
    Both h in the squared length of the model. `hands`: cross entropy of the hands of a molecule.
    """

    score: float = 0.0
    energy: float = 0.0
    target: float = 0.0
    distill: float = 0.0
    pin: float = 0.0
    hands: float = 0.0
    blend: bool = False
    target_h_max: float = 0.04
    pin_h: float = 1e-4
    pin_energy_max: float = 1e3

    def __post_init__(self):
        weights = (self.score, self.energy, self.target, self.distill, self.pin, self.hands)
        if min(weights) < 0 or max(weights) == 0:
            raise ValueError(f"weights must be non-negative and not all zero, got {self}")


def check_losses(model: DiffusionModel, settings: LossSettings) -> None:
    """Raise ValueError where a loss is for a head that the model lacks, or a head gets no loss."""
    trains_score = settings.score + settings.target > 0
    trains_energy = settings.energy + settings.target + settings.distill + settings.pin > 0
    if model.score_head is None and settings.score + settings.distill > 0:
        raise ValueError(f"the model has no score head for the losses {settings}")
    if model.energy_head is None and settings.energy + settings.distill + settings.pin > 0:
        raise ValueError(f"the model has no energy head for the losses {settings}")
    if (model.score_head is not None and not trains_score) or (
        model.energy_head is not None and not trains_energy
    ):
        raise ValueError(f"a head of the model is trained by none of the losses {settings}")
    if settings.hands and not model.has_hands:
        raise ValueError(f"the model has no hands for the losses {settings}")


def make_objective(
    model: DiffusionModel, settings: LossSettings, *, n_rungs: int, compiled: bool
) -> Objective:
    """Return the map from a batch to its weighted losses by name, scalars.

    n_rungs: number of training sets, over which the gauge of the pinned energy is taken apart.
    """
    check_losses(model, settings)

    def objective(batch: NoisyBatch) -> dict[str, Tensor]:
        # Losses weigh noise levels against data of unit variance.
        denoised = {name: x / model.length for name, x in _denoised(model, batch, settings).items()}
        scaled = in_unit(batch, model.length)
        terms = _denoising_terms(denoised, scaled, settings)
        if settings.distill:
            terms["distill"] = settings.distill * losses.distillation(
                denoised["energy"], denoised["score"], scaled.h
            )
        if settings.hands:
            terms["hands"] = settings.hands * _hands(model, batch)
        if settings.pin:
            terms["pin"] = settings.pin * _pinned(model, batch, settings, n_rungs=n_rungs)
        return terms

    return Compiled(objective) if compiled else objective


def in_unit(batch: NoisyBatch, length: float) -> NoisyBatch:
    """Return the batch with lengths in units of `length` (unit of x), reduced energies as they are."""
    force, variance = batch.reduced_force, batch.force_variance
    return batch._replace(
        x0=batch.x0 / length,
        x=batch.x / length,
        target=None if batch.target is None else batch.target / length,
        h=batch.h / length**2,
        hands_x=None if batch.hands_x is None else batch.hands_x / length,
        hands_h=None if batch.hands_h is None else batch.hands_h / length**2,
        reduced_force=None if force is None else force * length,
        force_variance=None if variance is None else variance * length**2,
    )


def _denoised(model: DiffusionModel, batch: NoisyBatch, settings: LossSettings) -> dict[str, Tensor]:
    """Clean configurations as each head that a loss reads sees them."""
    denoised = {}
    if model.score_head is not None:
        denoised["score"] = model.denoise(batch.x, batch.h, batch.beta)
    if settings.energy or settings.distill or (settings.target and model.energy_head is not None):
        score = model.energy_score(batch.x, batch.h, batch.beta)
        denoised["energy"] = batch.x + batch.h[:, None, None] * score
    return denoised


def _denoising_terms(
    denoised: dict[str, Tensor], batch: NoisyBatch, settings: LossSettings
) -> dict[str, Tensor]:
    terms = {}
    for head, configuration in denoised.items():
        if weight := getattr(settings, head):
            terms[head] = weight * _denoising(configuration, batch, settings)
        if settings.target:
            if batch.reduced_force is None:
                raise ValueError("target score matching needs forces in every training set")
            terms[f"target_{head}"] = settings.target * losses.target_score_matching(
                configuration, batch.x, batch.reduced_force, batch.h, h_max=settings.target_h_max
            )
    return terms


def _denoising(denoised: Tensor, batch: NoisyBatch, settings: LossSettings) -> Tensor:
    if batch.target is not None:
        return losses.denoising_score_matching(denoised, batch.target, batch.h)
    if not settings.blend:
        return losses.denoising_score_matching(denoised, batch.x0, batch.h)
    if batch.reduced_force is None:
        raise ValueError("blended score matching needs forces in every training set")
    return losses.blended_score_matching(
        denoised, batch.x0, batch.x, batch.reduced_force, batch.h, force_variance=batch.force_variance
    )


def _hands(model: DiffusionModel, batch: NoisyBatch) -> Tensor:
    if batch.hands_x is None:
        raise ValueError("learning hands needs batches with noise for them")
    x, h = batch.hands_x.flatten(0, 1), batch.hands_h.flatten()
    beta = batch.beta[:, None].expand_as(batch.hands_h).flatten()
    return losses.hand_cross_entropy(model.log_odds(x, h, beta))


def _pinned(model: DiffusionModel, batch: NoisyBatch, settings: LossSettings, *, n_rungs: int) -> Tensor:
    if batch.pinned is not None:
        (x, h, energy, group), n_groups = batch.pinned, N_LEVELS
    elif batch.reduced_energy is not None:
        x, h, energy, group = batch.x0, settings.pin_h * model.length**2, batch.reduced_energy, batch.rung
        n_groups = n_rungs
    else:
        raise ValueError("energy pinning needs energies in every training set")
    return losses.energy_pinning(
        model.energy(x, h, batch.beta[: len(x)]),  # batches with pinned energies have one temperature
        energy,
        group,
        n_rungs=n_groups,
        n_dof=3 * (x.shape[1] - 1),
        reduced_energy_max=settings.pin_energy_max,
    )
