"""Temperature steps whose outcome is known, and the gates of the tiny system."""

import torch

from experiments import paths
from pita.descent import Descent
from pita.landing import Landed
from pita.smc import Annealed, Particles, Trace
from tests.experiments.tiny_case import write_parameters

ANNEALING = """{ n_levels = 40, sigma_min = 0.02, sigma_max = 10.0, rho = 20.0, resample_at_end = false, \
chunk = 128, """
GATES = f"""
[gates]
seed = 1
rung = 1
n_training = 128
n_particles = 128
n_fit = 32
seeds = [1]
compiled = false

[gates.training]
n_steps = 4
learning_rate = 2e-3
warmup_steps = 1
ema_decay = 0.999
gradient_clip = 1.0
compile = false
checkpoint_every = 2

[gates.landing]
thin = 2
moves = {{ n_moves = 1, n_burn_in = 0, n_leapfrog = 5, step_size = 0.025 }}

[gates.variants.energy]
kind = "pairwise"
width = 8
depth = 1
heads = "energy"
rotate = false
losses = {{ energy = 1.0, blend = true }}
annealing = {ANNEALING} weighting = "energy_kernel_ratio", transport = "energy", langevin = "energy" }}

[gates.variants.drift]
kind = "pairwise"
width = 8
depth = 1
heads = "score"
rotate = false
losses = {{ score = 1.0 }}
annealing = {ANNEALING} weighting = "unweighted", transport = "score", langevin = "score" }}
landing = {{ power = 0.0 }}
"""


def write_gates(text=GATES):
    """Write the tiny parameters with a section [gates]."""
    write_parameters()
    with paths.params("tiny").open("a") as file:
        file.write(text)


def step_done(sampled, landed, *, log_w=None, origins=None, n_unique_ancestors=None):
    """A temperature step that ended with particles `sampled` and `landed` (n, n_atoms, 3) float32 arrays."""
    n = len(sampled)
    log_w = torch.zeros(n, dtype=torch.float64) if log_w is None else log_w
    origins = torch.arange(n) if origins is None else origins
    trace = Trace(
        *torch.tensor([[1.0, 0.5, 0.25], [0.5] * 3, [0.1] * 3, [8.0] * 3, [0.0, 1.0, 1.0]]).double()
    )
    x = torch.from_numpy(landed)
    return Descent(
        Annealed(Particles(torch.from_numpy(sampled), log_w), None, origins, trace, 0.0, 0, 0),
        Landed(x, torch.zeros(len(x)), x, 0.75, n_unique_ancestors or len(x), 0.0, 0, 0.5),
        0,
    )
