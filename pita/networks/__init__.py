"""Networks and the score and energy heads built on them."""

from pita.networks.model import BoundModel, DiffusionModel, NetworkSettings, build_model
from pita.networks.weights import arrays_to_weights, weights_to_arrays

__all__ = [
    "BoundModel",
    "DiffusionModel",
    "NetworkSettings",
    "arrays_to_weights",
    "build_model",
    "weights_to_arrays",
]
