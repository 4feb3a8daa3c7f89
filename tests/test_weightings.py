"""Proves that weights turn p_h into p_h^gamma: at any step where they claim to, at first order elsewhere."""

import math

import pytest
import torch

from pita.evaluation import divergence, energy_derivatives, with_gradient
from pita.networks.model import NetworkSettings, build_model
from pita.space import ParticleSpace
from pita.weightings import build_weighting
from tests.annealing_cases import ScaledScore, isotropic, left_mass, noised, path_of, run, two_modes, width

GAMMA, N = 1.5, 2000
MIXTURE = two_modes()
TRUTH = noised(MIXTURE).annealed(GAMMA)
MASS, WIDTH = TRUTH.weights[0].item(), (TRUTH.weights * TRUTH.variances).sum().item()
LOG_Z = noised(MIXTURE).annealed_log_z(GAMMA)
MASS_SE = math.sqrt(MASS * (1 - MASS) / N)


def mass_error(annealed) -> float:
    return abs(left_mass(*annealed.particles) - MASS)


def mixture_run(model=MIXTURE, *, gamma=GAMMA, seed=1, **settings):
    return run(model, path_of(MIXTURE, gamma=gamma, **settings), n_particles=N, seed=seed)


def test_energy_kernel_ratio_gives_mass_width_and_log_z_of_the_annealed_mixture():
    annealed = mixture_run()
    width_se = WIDTH * math.sqrt(2 / (9 * N))
    assert mass_error(annealed) < 4 * MASS_SE
    assert abs(width(*annealed.particles) - WIDTH) < 4 * width_se
    assert abs(annealed.log_z - LOG_Z) < 0.05  # standard deviation over seeds: 0.011
    without_annealing = mixture_run(gamma=1.0)
    assert mass_error(without_annealing) > 8 * MASS_SE
    assert abs(width(*without_annealing.particles) - WIDTH) > 8 * width_se
    assert abs(without_annealing.log_z - LOG_Z) > 0.1


def test_released_drift_needs_its_weights_as_well():
    settings = {"drift": "gamma_half_score", "matched_variances": False, "n_levels": 100}
    assert mass_error(mixture_run(**settings)) < 6 * MASS_SE  # 165 of 2,000 ancestors survive
    assert mass_error(mixture_run(**settings, weighting="unweighted")) > 8 * MASS_SE


@pytest.mark.parametrize(
    "settings",
    [
        {"weighting": "feynman_kac"},
        {"weighting": "feynman_kac", "n_probes": 1},
        {"weighting": "feynman_kac", "transport": "energy"},
        {"weighting": "energy_kernel_ratio"},
        {"weighting": "energy_kernel_ratio", "transport": "energy"},
        {"weighting": "energy_kernel_ratio", "langevin": "score"},
        {"weighting": "score_kernel_ratio", "langevin": "score"},
    ],
    ids=lambda settings: "-".join(str(value) for value in settings.values()),
)
def test_every_weighting_gives_the_mode_mass_and_no_weighting_does_not(settings):
    assert mass_error(mixture_run(**settings)) < 4 * MASS_SE
    assert mass_error(mixture_run(**settings | {"weighting": "unweighted"})) > 8 * MASS_SE


@pytest.mark.parametrize("weighting", ["feynman_kac", "score_kernel_ratio"])
def test_log_z_converges_at_first_order_in_the_step_where_the_energy_form_is_exact(weighting):
    settings = {"data_variance": 0.175, "n_probes": 1}
    coarse, fine = (mixture_run(weighting=weighting, n_levels=n, **settings).log_z - LOG_Z for n in (20, 40))
    assert 0.35 < fine / coarse < 0.65
    assert abs(mixture_run(n_levels=20, **settings).log_z - LOG_Z) < 0.05 < abs(fine)


def test_feynman_kac_weights_of_a_perfect_model_are_flat_without_annealing():
    flat, released = (
        mixture_run(
            gamma=1.0 if drift == "half_score" else 1.2,
            weighting="feynman_kac",
            drift=drift,
            matched_variances=False,
            ess_threshold=0.0,
            n_levels=10,
        ).trace.log_w_std
        for drift in ("half_score", "gamma_half_score")
    )
    assert flat.max() < 1e-10
    assert released.max() > 0.1


def test_weights_correct_a_wrong_score_and_unweighted_particles_stay_wrong():
    wrong = ScaledScore(MIXTURE, 0.8)
    settings = {"langevin": "score", "n_levels": 100}
    annealed = mixture_run(wrong, **settings)
    assert mass_error(annealed) < 8 * MASS_SE
    assert abs(width(*annealed.particles) / WIDTH - 1) < 0.1
    unweighted = mixture_run(wrong, weighting="unweighted", **settings)
    assert mass_error(unweighted) > 20 * MASS_SE
    assert abs(width(*unweighted.particles) / WIDTH - 1) > 0.2


def test_hutchinson_is_unbiased_for_the_divergence():
    space = ParticleSpace(event_shape=(10,), mean_free=False, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    x, h = MIXTURE.sample(20, generator=generator, h=0.3), torch.tensor(0.3, dtype=torch.float64)

    def trace(directions):
        return divergence(lambda y: (MIXTURE.score(y, h), ()), x, directions)[1]

    exact = trace(space.basis().unsqueeze(1))
    probes = space.rademacher(20, 4000, generator=generator).movedim(1, 0)
    estimates = torch.stack([trace(z[None]) for z in probes])
    mean = estimates.mean(0)
    standard_error = estimates.std(0) / math.sqrt(len(probes))
    assert ((mean - exact).abs() < 4.5 * standard_error + 1e-9).all()
    assert (((1.1 * mean) - exact).abs() > 4.5 * standard_error).all()


def test_divergence_and_energy_rate_agree_with_finite_differences_in_the_mean_free_space():
    gaussian, h, eps = isotropic(0.8), torch.tensor(0.5, dtype=torch.float64), 1e-5
    space = ParticleSpace(event_shape=(5, 3), mean_free=True, dtype=torch.float64)
    x = space.noise(7, generator=torch.Generator().manual_seed(1))
    basis = space.basis()
    assert torch.allclose(basis.flatten(1) @ basis.flatten(1).T, torch.eye(12, dtype=torch.float64))
    _, trace, _ = divergence(lambda y: (gaussian.score(y, h), ()), x, basis.unsqueeze(1))
    assert torch.allclose(trace, torch.full_like(trace, -12 / 1.3))
    slope = (gaussian.energy(x, h + eps) - gaussian.energy(x, h - eps)) / (2 * eps)
    score, (energy, rate) = energy_derivatives(gaussian, x, h)
    assert torch.allclose(rate, slope, atol=1e-6)
    assert torch.allclose(energy, gaussian.energy(x, h))
    assert torch.allclose(score, gaussian.score(x, h))


def test_score_without_gradient_is_refused_rather_than_given_divergence_zero():
    x = torch.zeros(3, 10, dtype=torch.float64)
    score = with_gradient(torch.no_grad()(lambda y: MIXTURE.score(y, 0.1)))
    with pytest.raises(ValueError, match="no_grad"):
        divergence(score, x, torch.eye(10, dtype=torch.float64)[:, None])


@pytest.mark.parametrize("weighting", ["feynman_kac", "energy_kernel_ratio", "score_kernel_ratio"])
def test_chunks_do_not_change_the_result(weighting):
    whole, cut = (
        run(
            MIXTURE,
            path_of(MIXTURE, gamma=GAMMA, n_levels=20, weighting=weighting, chunk=chunk),
            n_particles=50,
        )
        for chunk in (50, 7)
    )
    assert torch.allclose(whole.particles.x, cut.particles.x)


@pytest.mark.parametrize("kind", ["egnn", "transformer", "pairwise"])
@pytest.mark.parametrize(
    "weighting", ["feynman_kac", "energy_kernel_ratio", "score_kernel_ratio", "unweighted"]
)
def test_networks_of_every_kind_can_be_annealed(kind, weighting):
    model = build_model(NetworkSettings(kind=kind, n_atoms=4, width=8, depth=1, heads="score+energy"))
    path = path_of(
        isotropic(1.0, n_atoms=4),
        gamma=1.1,
        n_levels=3,
        sigma_max=1.0,
        dtype=torch.float32,
        weighting=weighting,
    )
    annealed = run(model, path, n_particles=6)
    assert annealed.n_nonfinite == 0
    assert annealed.particles.x.isfinite().all()


@pytest.mark.slow
def test_compiled_feynman_kac_derivatives_are_the_eager_ones():
    torch.manual_seed(1)
    model = build_model(NetworkSettings(kind="pairwise", n_atoms=4, width=8, depth=1, heads="energy"))
    settings = {"weighting": "feynman_kac", "transport": "energy", "n_probes": 1, "n_levels": 1}
    path = path_of(isotropic(1.0, n_atoms=4), gamma=1.1, sigma_max=1.0, dtype=torch.float32, **settings)
    x = path.space.noise(6, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        eager, compiled = (
            build_weighting(path, generator=torch.Generator().manual_seed(3), compiled=compiled).evaluate(
                model.at(), x, path.level(0)
            )
            for compiled in (False, True)
        )
    for name in ("energy", "transport", "divergence", "energy_rate"):
        torch.testing.assert_close(getattr(compiled, name), getattr(eager, name), rtol=1e-4, atol=1e-4)
    assert eager.divergence.abs().max() > 0.1
