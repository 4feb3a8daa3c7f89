"""Training sets in which rare conformations of a molecule are drawn more often than they occur.

A basin of which there are few samples is learned worst, and where the model is worst annealed particles lose
most of their weight: the basin is gone after a rung or two. So a model may learn p w in place of p, with w a
constant in each class of conformations, the share of the class to the power -`power`. Energies less
ln w / beta are those of p w, forces are as they were, and nothing downstream changes: whatever density the
annealed path begins from, particles land on the true target, which takes w out again.

Classes are clusters of the rotors' angles (k-means). Where two meet, w jumps; the density there is low. No
class is too small: one of a handful of samples is drawn often, and learned by heart.
"""

import torch
from torch import Tensor

from pita.training_set import TrainingSet

N_CLASSES = 8
N_ITERATIONS = 50


def flattened(training_set: TrainingSet, rotors: Tensor, *, power: float) -> TrainingSet:
    """Return a set that draws a class of share q with weight q^-power, energies with it.

    rotors (n, 4): atoms in a row. ValueError where the molecule has none, or the set has weights already.
    """
    if not 0 < power <= 1:
        raise ValueError(f"power must be in (0, 1], got {power}")
    if len(rotors) == 0:
        raise ValueError("flattening needs bonds to turn about, the molecule has none")
    if training_set.weight is not None:
        raise ValueError("a set with weights cannot be flattened")
    label = classes(training_set.x, rotors)
    share = torch.bincount(label).to(training_set.x.dtype) / len(label)
    log_weight = -power * share[label].log()
    energy = training_set.energy
    return training_set._replace(
        weight=log_weight.exp(), energy=None if energy is None else energy - log_weight / training_set.beta
    )


def classes(x: Tensor, rotors: Tensor) -> Tensor:
    """Return the class of each configuration (n, n_atoms, 3), (n,), at most N_CLASSES, none of them empty."""
    points = directions(x, rotors)
    centres = _far_apart(points)
    for _ in range(N_ITERATIONS):
        label = torch.cdist(points, centres).argmin(1)
        member = torch.nn.functional.one_hot(label, len(centres)).to(points.dtype)
        count = member.sum(0)
        centres = torch.where(count[:, None] > 0, member.T @ points / count.clamp(min=1)[:, None], centres)
    return torch.cdist(points, centres).argmin(1).unique(return_inverse=True)[1]


def directions(x: Tensor, rotors: Tensor) -> Tensor:
    """Return cosines and sines of the rotors' angles, (n, 2 n_rotors)."""
    first, second, third, fourth = (x[:, corner] for corner in rotors.unbind(1))
    axis = third - second
    before = torch.linalg.cross(second - first, axis)
    after = torch.linalg.cross(axis, fourth - third)
    sine = (torch.linalg.cross(before, after) * axis).sum(-1) / axis.norm(dim=-1)
    planar = torch.stack(((before * after).sum(-1), sine), dim=-1)
    return torch.nn.functional.normalize(planar, dim=-1).flatten(1)


def _far_apart(points: Tensor) -> Tensor:
    """Return points to begin from: that nearest the mean, then each the farthest from those before."""
    chosen = [points[(points - points.mean(0)).norm(dim=1).argmin()]]
    nearest = torch.full((len(points),), torch.inf, dtype=points.dtype)
    for _ in range(N_CLASSES - 1):
        nearest = torch.minimum(nearest, (points - chosen[-1]).norm(dim=1))
        if nearest.max() == 0:
            break
        chosen.append(points[nearest.argmax()])
    return torch.stack(chosen)
