"""What several processes agree on: torch.distributed.algorithms."""
