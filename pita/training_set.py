"""Configurations at one temperature that a model learns from."""

from typing import NamedTuple

import torch
from torch import Tensor


class TrainingSet(NamedTuple):
    """Configurations at one inverse temperature.

    x (n, n_atoms, 3); beta: inverse temperature, 1/unit of E. Where a loss reads them: energy (n,), E of x;
    force (n, n_atoms, 3), -grad E; both without the restraint of a frame. weight (n,): unnormalised
    probabilities of being drawn, None for equal ones.
    """

    x: Tensor
    beta: float
    energy: Tensor | None = None
    force: Tensor | None = None
    weight: Tensor | None = None


def check_set(training_set: TrainingSet, rung: int) -> None:
    """Raise ValueError where shapes or values of the set number `rung` are impossible."""
    x, n = training_set.x, len(training_set.x)
    if x.ndim != 3 or x.shape[-1] != 3 or n == 0:
        raise ValueError(f"x of set {rung} must be (n, n_atoms, 3) with n > 0, got {tuple(x.shape)}")
    if not training_set.beta > 0:
        raise ValueError(f"beta of set {rung} must be positive, got {training_set.beta}")
    shapes = {"energy": (n,), "force": tuple(x.shape), "weight": (n,)}
    for name, shape in shapes.items():
        values = getattr(training_set, name)
        if values is not None and tuple(values.shape) != shape:
            raise ValueError(f"{name} of set {rung} must be {shape}, got {tuple(values.shape)}")
    for name in ("x", *shapes):
        values = getattr(training_set, name)
        if values is not None and not values.isfinite().all():
            raise ValueError(f"{name} of set {rung} has non-finite values")
    if training_set.weight is not None and not (
        training_set.weight.min() >= 0 and training_set.weight.sum() > 0
    ):
        raise ValueError(f"weight of set {rung} must be non-negative with a positive sum")


def force_variance(training_set: TrainingSet) -> Tensor | None:
    """Return the mean square of beta grad E per degree of freedom, (1,), or None without forces."""
    if training_set.force is None:
        return None
    square = training_set.force.double().square().sum((1, 2)) @ shares(training_set)
    return (training_set.beta**2 * square / (3 * (training_set.x.shape[1] - 1)))[None]


def shares(training_set: TrainingSet) -> Tensor:
    """Return the probabilities of being drawn, (n,), float64."""
    weight = training_set.weight
    weight = torch.ones(len(training_set.x)) if weight is None else weight
    return weight.double() / weight.double().sum()
