"""Proves normalisation, ESS and log-mean-exp against closed forms, and that bad weights raise."""

import math

import pytest
import torch

from pita.log_weights import effective_sample_size, log_mean_exp, normalise

FUNCTIONS = [normalise, effective_sample_size, log_mean_exp]


def test_normalised_weights_are_float64_and_shift_invariant():
    log_w = torch.tensor([0.0, math.log(3.0)])
    w = normalise(log_w + 5000)  # exp would overflow
    assert w.dtype == torch.float64
    assert w.tolist() == pytest.approx([0.25, 0.75], rel=1e-3)  # float32 spacing at 5000 is 5e-4
    assert w.sum().item() == pytest.approx(1, abs=1e-15)


def test_ess_is_n_for_equal_weights_and_one_for_a_single_survivor():
    assert effective_sample_size(torch.full((1000,), -7.0)) == pytest.approx(1000, rel=1e-12)
    assert effective_sample_size(torch.tensor([-math.inf, 3.0, -math.inf])) == 1.0


def test_ess_of_weights_1_2_3_is_36_over_14():
    assert effective_sample_size(torch.tensor([1.0, 2.0, 3.0]).log()) == pytest.approx(36 / 14, rel=1e-6)


def test_log_mean_exp_of_1_2_3_is_log_2_at_any_offset():
    log_w = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64).log()
    for offset in (0.0, -2000.0, 2000.0):
        assert log_mean_exp(log_w + offset) == pytest.approx(math.log(2) + offset, rel=1e-12)


def test_log_mean_exp_counts_the_dead():
    assert log_mean_exp(torch.tensor([0.0, -math.inf])) == pytest.approx(-math.log(2), rel=1e-12)


def test_log_mean_exp_accumulates_in_float64():
    log_w = torch.cat([torch.zeros(1), torch.full((1_000_000,), -18.0)])
    exact = math.log((1 + 1e6 * math.exp(-18)) / 1_000_001)
    assert log_mean_exp(log_w) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_and_positive_infinity_raise(function, bad):
    with pytest.raises(ValueError, match="1 NaN or .inf of 3"):
        function(torch.tensor([0.0, bad, -math.inf]))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_all_dead_raises(function):
    with pytest.raises(ValueError, match="all of its 4"):
        function(torch.full((4,), -math.inf))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", [(0,), (2, 3), ()])
def test_wrong_shape_raises(function, shape):
    with pytest.raises(ValueError, match="log_w must have shape"):
        function(torch.zeros(shape))
