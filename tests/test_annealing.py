"""Proves the annealed path: kernels exact for Gaussian data at any number of steps, and refused settings."""

from dataclasses import replace

import pytest
import torch

from pita.annealing import GPU_CHUNKS, AnnealedPath, AnnealingSettings, level_variances
from pita.space import ParticleSpace
from tests.annealing_cases import isotropic, noised, path_of, run, two_modes

SETTINGS = AnnealingSettings(n_levels=20, sigma_min=0.1, sigma_max=5.0, weighting="energy_kernel_ratio")
SPACE = ParticleSpace(event_shape=(2, 3), mean_free=True)


@pytest.mark.parametrize("n_levels", [5, 12])
@pytest.mark.parametrize("gamma", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("weighting", ["energy_kernel_ratio", "score_kernel_ratio"])
def test_matched_variances_leave_gaussian_weights_flat_at_any_step(n_levels, gamma, weighting):
    gaussian = isotropic(1.3)
    options = {"n_levels": n_levels, "sigma_max": 2.0, "weighting": weighting, "resample_at_end": False}
    matched, plain = (
        run(gaussian, path_of(gaussian, gamma=gamma, ess_threshold=0.0, matched_variances=on, **options))
        for on in (True, False)
    )
    assert matched.particles.log_w.std() < 1e-10
    if (gamma, weighting) != (1.0, "score_kernel_ratio"):  # there both ratios are the same kernels
        assert plain.particles.log_w.std() > 0.3


@pytest.mark.parametrize("xi", [0.5, 2.0])
def test_matched_variances_hold_for_any_noise_strength(xi):
    gaussian = isotropic(0.7)
    annealed = run(
        gaussian, path_of(gaussian, gamma=1.4, n_levels=15, xi=xi, sigma_max=2.0, ess_threshold=0.0)
    )
    assert annealed.trace.ess_fraction.min() > 1 - 1e-10


def test_a_gpu_gets_more_particles_at_a_time_than_a_cpu():
    path = AnnealedPath(gamma=1.0, data_variance=1.0, settings=replace(SETTINGS, chunk=30), space=SPACE)
    assert path.chunk == 30
    assert replace(path, space=replace(SPACE, device="cuda:1")).chunk == 30 * GPU_CHUNKS


def test_matched_variances_give_the_annealed_variance_in_five_steps():
    gaussian = isotropic(1.3)
    bound = 4 * (2 / (12 * 4000)) ** 0.5  # standard errors of a variance of 12 degrees of freedom
    errors = {}
    for matched in (True, False):
        path = path_of(
            gaussian, gamma=2.0, n_levels=5, sigma_max=2.0, matched_variances=matched, weighting="unweighted"
        )
        x = run(gaussian, path, n_particles=4000).particles.x
        errors[matched] = abs(x.square().sum().item() / (12 * 4000) * 2.0 / (1.3 + path.levels[-1]) - 1)
    assert errors[True] < bound < errors[False]


def test_diffusion_posterior_is_the_matched_kernel_without_annealing():
    path = AnnealedPath(gamma=1.0, data_variance=1.0, settings=SETTINGS, space=SPACE)
    for k, (forward, backward) in enumerate(path.kernel_variances):
        h, h_next = path.levels[k], path.levels[k + 1]
        posterior = (h - h_next) * (h_next + 1.0) / (h + 1.0)  # of x' given x, for data N(0, 1)
        assert forward == pytest.approx(posterior)
        assert backward == pytest.approx(h - h_next)


def test_level_variances_of_a_gaussian_are_its_variance():
    gaussian, generator = isotropic(0.8), torch.Generator().manual_seed(1)
    path = path_of(gaussian, gamma=1.5, n_levels=10, sigma_max=1.0)
    data = gaussian.sample(4000, generator=generator)
    assert level_variances(gaussian, data, path, generator=generator) == pytest.approx([0.8] * 10, abs=0.06)


def test_level_variances_mend_a_wrong_data_variance():
    mixture, generator = two_modes(), torch.Generator().manual_seed(1)
    path = path_of(mixture, gamma=1.5, n_levels=20, data_variance=0.4, weighting="score_kernel_ratio")
    data = mixture.sample(500, generator=generator)
    fitted = replace(path, variances=level_variances(mixture, data, path, generator=generator))
    truth = noised(mixture).annealed_log_z(1.5)
    errors = [abs(run(mixture, each, n_particles=2000).log_z - truth) for each in (fitted, path)]
    assert errors[0] < 0.06 < 0.4 < errors[1]
    with pytest.raises(ValueError, match="variances"):
        replace(path, variances=(1.0,))


def test_particles_stay_mean_free_in_single_precision():
    gaussian = isotropic(1.0)
    path = path_of(gaussian, gamma=1.5, n_levels=20, dtype=torch.float32)
    assert run(gaussian, path, n_particles=50).particles.x.mean(1).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_levels", 0),
        ("sigma_min", 0.0),
        ("sigma_max", 0.01),
        ("xi", 0.0),
        ("rho", float("nan")),
        ("weighting", "energy"),
        ("drift", "score"),
        ("transport", "both"),
        ("langevin", "none"),
        ("resampler", "best"),
        ("ess_threshold", 1.1),
        ("clip_quantile", 0.0),
        ("n_probes", -1),
        ("chunk", 0),
    ],
)
def test_bad_setting_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        replace(SETTINGS, **{field: value})


def test_matched_variances_refuse_the_released_drift():
    with pytest.raises(ValueError, match="gamma_half_score"):
        replace(SETTINGS, drift="gamma_half_score")


@pytest.mark.parametrize("gamma", [0.9, float("inf"), float("nan")])
def test_bad_gamma_is_refused(gamma):
    with pytest.raises(ValueError, match="gamma"):
        AnnealedPath(gamma=gamma, data_variance=1.0, settings=SETTINGS, space=SPACE)


def test_step_too_long_for_matched_variances_is_refused():
    with pytest.raises(ValueError, match="n_levels=3"):
        AnnealedPath(gamma=3.0, data_variance=1.0, settings=replace(SETTINGS, n_levels=3), space=SPACE)


def test_data_variance_must_be_positive():
    with pytest.raises(ValueError, match="data_variance"):
        AnnealedPath(gamma=1.5, data_variance=-1.0, settings=SETTINGS, space=SPACE)
