"""Weights of a model as named arrays, the form in which they are kept."""

import numpy as np
import torch
from torch import nn


def weights_to_arrays(model: nn.Module) -> dict[str, np.ndarray]:
    """Return a copy of every weight by its name, in the order of names."""
    return {name: values.detach().cpu().numpy().copy() for name, values in sorted(model.state_dict().items())}


def arrays_to_weights(model: nn.Module, arrays: dict[str, np.ndarray]) -> None:
    """Set the weights of the model in place from finite arrays with exactly its names and shapes."""
    weights = model.state_dict()
    for name in weights.keys() - arrays.keys():
        raise ValueError(f"weight {name!r} is missing from the arrays")
    for name in arrays.keys() - weights.keys():
        raise ValueError(f"array {name!r} is not a weight of the model")
    for name, values in arrays.items():
        if values.shape != tuple(weights[name].shape):
            raise ValueError(
                f"array {name!r} has shape {values.shape}, the model needs {tuple(weights[name].shape)}"
            )
        if not np.isfinite(values).all():
            raise ValueError(f"array {name!r} has non-finite values")
    model.load_state_dict({name: torch.from_numpy(values) for name, values in arrays.items()})
