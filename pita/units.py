"""Physical constants in the units of peptides: nm, kJ/mol, kelvin, elementary charges."""

BOLTZMANN = 8.31446261815324e-3  # kJ/(mol K): Avogadro times Boltzmann constant, exact in the SI of 2019
COULOMB = 138.93545764438198  # kJ nm/mol: e^2 N_A / (4 pi epsilon_0) as in OpenMM's SimTKOpenMMRealType.h
