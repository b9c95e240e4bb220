"""What the loader is made of: collate (samples to a batch), fetch (indices to a batch), worker (a process that
fetches), transport (how a batch crosses between processes)."""

from . import collate, fetch, transport, worker

__all__ = ["collate", "fetch", "transport", "worker"]
