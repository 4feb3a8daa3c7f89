"""Proves that weights survive as arrays exactly, and that every mismatch is refused by name."""

import numpy as np
import pytest
import torch

from pita.networks import NetworkSettings, arrays_to_weights, build_model, weights_to_arrays


def built(seed):
    torch.manual_seed(seed)
    return build_model(NetworkSettings(kind="pairwise", n_atoms=4, width=8, depth=1))


def test_weights_make_the_round_trip_exactly_and_are_copies():
    first, second = built(1), built(2)
    arrays = weights_to_arrays(first)
    x = torch.randn(3, 4, 3, generator=torch.Generator().manual_seed(1))
    before = first.at().score(x, 0.5)
    assert not torch.equal(second.at().score(x, 0.5), before)
    arrays_to_weights(second, arrays)
    assert torch.equal(second.at().score(x, 0.5), before)
    next(iter(arrays.values()))[:] = 0
    assert torch.equal(first.at().score(x, 0.5), before)
    assert torch.equal(second.at().score(x, 0.5), before)


def test_missing_unknown_misshaped_and_non_finite_arrays_are_named():
    model = built(1)
    arrays = weights_to_arrays(model)
    name = next(iter(arrays))
    with pytest.raises(ValueError, match=f"{name}.*missing"):
        arrays_to_weights(model, {key: value for key, value in arrays.items() if key != name})
    with pytest.raises(ValueError, match="'other'"):
        arrays_to_weights(model, arrays | {"other": np.zeros(1)})
    with pytest.raises(ValueError, match=f"{name}.*shape"):
        arrays_to_weights(model, arrays | {name: np.zeros((1, 1, 1))})
    with pytest.raises(ValueError, match=f"{name}.*non-finite"):
        arrays_to_weights(model, arrays | {name: np.full_like(arrays[name], np.nan)})
