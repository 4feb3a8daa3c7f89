"""Proves that the registry builds a target with its parameters and refuses unknown names."""

import pytest
import torch

from pita.systems import make_system


def test_parameters_reach_the_target():
    target = make_system("lennard_jones", {"n_atoms": 2, "epsilon": 5.0, "oscillator": 0.0})
    x = torch.tensor([[[0.0, 0, 0], [1.0, 0, 0]]])
    assert target.energy(x).item() == pytest.approx(-10)


def test_unknown_name_raises_and_lists_the_known():
    with pytest.raises(ValueError, match="unknown system 'lj13'; known: lennard_jones, peptide"):
        make_system("lj13", {})
