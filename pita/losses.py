"""The losses that train score and energy, each per degree of freedom (PITA, arXiv 2506.16471; Karras et al.
2022).

Throughout, x = x0 + sqrt(h) noise is the noisy configuration (N, n_atoms, 3), x0 the clean one, h (N,) its
noise variance, and d = 3 (n_atoms - 1) the number of degrees of freedom. Errors of a denoised configuration
are weighted by (h + 1) / h, so that all noise levels count alike. The energy head enters the denoising
losses by its own denoiser, x - h grad U.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def denoising_score_matching(denoised: Tensor, x0: Tensor, h: Tensor) -> Tensor:
    """Mean of (h + 1) / h |D(x) - x0|^2 / d, least where D is the mean of x0 given x.

    denoised, x0: (N, n_atoms, 3); h: (N,) -> scalar.
    """
    return _weighted_square(denoised - x0, h).mean()


def target_score_matching(
    denoised: Tensor, x: Tensor, reduced_force: Tensor, h: Tensor, *, h_max: float
) -> Tensor:
    """Mean of (h + 1) / h |D(x) - (x + h beta f(x0))|^2 / d over the batch, counted only where h < h_max.

    The mean of beta f(x0) given x is the score of p_h, like that of (x0 - x) / h but with a variance that
    vanishes with h (De Bortoli et al. 2024). denoised, x, reduced_force: (N, n_atoms, 3), reduced_force =
    beta f(x0); h: (N,) -> scalar.
    """
    error = denoised - x - _per_configuration(h) * reduced_force
    return torch.where(h < h_max, _weighted_square(error, h), 0.0).mean()


def blended_score_matching(
    denoised: Tensor, x0: Tensor, x: Tensor, reduced_force: Tensor, h: Tensor, *, force_variance: Tensor
) -> Tensor:
    """Denoising and target score matching in one: the mean of
    (h + 1) / h |D(x) - (1 - a) x0 - a (x + h beta f(x0))|^2 / d.

    Given x, x0 and x + h beta f(x0) have the same mean, D(x), for any share a(h). Noise and force are
    independent, so a = 1 / (1 + h v), with v the mean square of beta f per degree of freedom, leaves the
    regression target with the least variance: its mean square deviation from x is h^2 v / (1 + h v), below
    the h of x0 and the h^2 v of the force. Far less noise at small h than x0, and than the force at large h,
    without a boundary between the two.

    denoised, x0, x, reduced_force: (N, n_atoms, 3); h, force_variance: (N,) -> scalar.
    """
    share = _per_configuration(1 / (1 + h * force_variance))
    forced = x + _per_configuration(h) * reduced_force
    return _weighted_square(denoised - x0 - share * (forced - x0), h).mean()


def hand_cross_entropy(log_odds: Tensor) -> Tensor:
    """Mean of softplus(-L) over the batch, summed over hands: the cross entropy of noisy data and their
    mirror images, each as likely as the other.

    L is odd under reflection, so that what it says of the data it says of their mirror images too; least
    where L = log p(x) / p(mirror image of x), of configurations with twins in place. log_odds: (N, n_hands)
    -> scalar.
    """
    return softplus(-log_odds).sum(1).mean()


def distillation(energy_denoised: Tensor, score_denoised: Tensor, h: Tensor) -> Tensor:
    """Mean of (h + 1) / h |x - h grad U - D(x)|^2 / d, where nothing flows back into the score's D.

    energy_denoised, score_denoised: (N, n_atoms, 3); h: (N,) -> scalar.
    """
    return _weighted_square(energy_denoised - score_denoised.detach(), h).mean()


def energy_pinning(
    energy: Tensor,
    reduced_energy: Tensor,
    rung: Tensor,
    *,
    n_rungs: int,
    n_dof: int,
    reduced_energy_max: float,
) -> Tensor:
    """Mean of (r - mean of r)^2 / d, with r = U_{h_min}(x0) - beta E(x0): the energies agree up to the gauge.

    The gauge, a constant per temperature, is the mean over the rows of the batch of that temperature. Rows
    with beta E >= reduced_energy_max (fused particles of a hot set) are left out: squared, one of them
    would be the whole loss.

    energy, reduced_energy: (N,), dimensionless; rung: (N,), 0 to n_rungs - 1 -> scalar.
    """
    kept = reduced_energy < reduced_energy_max
    residual = torch.where(kept, energy - reduced_energy, 0.0)
    member = ((rung[:, None] == torch.arange(n_rungs, device=rung.device)) & kept[:, None]).to(energy.dtype)
    gauge = (residual @ member) / member.sum(0).clamp(min=1)
    return torch.where(kept, residual - member @ gauge, 0.0).square().mean() / n_dof


def _weighted_square(error: Tensor, h: Tensor) -> Tensor:
    n_dof = 3 * (error.shape[1] - 1)
    return (h + 1) / h * error.square().sum((1, 2)) / n_dof


def _per_configuration(values: Tensor) -> Tensor:
    return values[:, None, None]
