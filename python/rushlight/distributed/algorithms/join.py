"""Join: processes with unequal numbers of batches; with one process, a block like any other."""

import contextlib

__all__ = ["Join", "JoinHook", "Joinable"]


class JoinHook:
    """What a process does while it waits for the others."""

    def main_hook(self):
        """Once for each step of the others."""

    def post_hook(self, is_last_joiner):
        """When all are done."""


class Joinable:
    """What takes part in a Join."""


class Join(contextlib.nullcontext):
    """A block in which this process trains alone."""

    def __init__(self, joinables, enable=True, throw_on_early_termination=False, **kwargs):
        super().__init__(self)

    @staticmethod
    def notify_join_context(joinable):
        """None: there is nobody to tell."""
        return None
