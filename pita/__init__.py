"""Sampling Boltzmann densities by learned diffusion, inference-time annealing and its baselines."""

__version__ = "0.1.0"
