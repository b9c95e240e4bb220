"""torch.utils.tensorboard: event files that TensorBoard reads, written without TensorBoard."""

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
