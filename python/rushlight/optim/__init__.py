"""Optimizers: what turns gradients into better parameters, and the schedules of their learning rates."""

from . import lr_scheduler
from .adam import Adam
from .adamw import AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["Adam", "AdamW", "lr_scheduler", "Optimizer", "SGD"]
