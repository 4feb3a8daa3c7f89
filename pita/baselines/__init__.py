"""Methods to compare with: `run(target, *, settings, n_samples, generator)` of each spends a budget."""
