"""Target densities: energies with hand-written or exact derivatives, in batches of configurations."""
