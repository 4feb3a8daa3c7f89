"""Proves that the registry builds a target with its parameters and refuses unknown names."""

import pytest
import torch

from pita.peptide import topology_arrays
from pita.system_arrays import force_field_arrays
from pita.systems import make_system
from pita.units import BOLTZMANN
from tests.peptide_cases import openmm_energy_and_force, peptide


def test_parameters_reach_the_target():
    target = make_system("lennard_jones", {"n_atoms": 2, "epsilon": 5.0, "oscillator": 0.0})
    x = torch.tensor([[[0.0, 0, 0], [1.0, 0, 0]]])
    assert target.energy(x).item() == pytest.approx(-10)


def test_peptide_is_in_kelvin():
    built = peptide("aldp")
    arrays = topology_arrays(built.topology, built.positions) | force_field_arrays(built.system)
    target = make_system("peptide", {"arrays": arrays, "compiled": False})
    energy = openmm_energy_and_force("aldp", built.positions)[0]
    assert target.energy(torch.from_numpy(built.positions)[None]).item() == pytest.approx(energy / BOLTZMANN)


def test_unknown_name_raises_and_lists_the_known():
    with pytest.raises(ValueError, match="unknown system 'lj13'; known: lennard_jones, peptide"):
        make_system("lj13", {})
