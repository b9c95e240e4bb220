"""Optimizers over several processes: with one, each is the optimizer that it is made of."""

from ...optim import Optimizer

__all__ = ["PostLocalSGDOptimizer", "ZeroRedundancyOptimizer"]


class ZeroRedundancyOptimizer(Optimizer):
    """optimizer_class over params: the only process keeps all of the state."""

    def __init__(self, params, optimizer_class, process_group=None, parameters_as_bucket_view=False, overlap_with_ddp=False, **defaults):
        self.optim = optimizer_class(params, **defaults)
        super().__init__(self.optim.param_groups, self.optim.defaults)
        self.param_groups, self.state = self.optim.param_groups, self.optim.state

    def step(self, closure=None, **kwargs):
        """A step of the optimizer."""
        return self.optim.step() if closure is None else self.optim.step(closure)

    def add_param_group(self, param_group):
        """Parameters for the optimizer; those of its own groups are there already."""
        if all(param_group is not group for group in self.optim.param_groups):
            self.optim.add_param_group(param_group)

    def consolidate_state_dict(self, to=0):
        """All of the state is here."""

    def state_dict(self):
        """The optimizer's."""
        return self.optim.state_dict()

    def load_state_dict(self, state_dict):
        """Into the optimizer."""
        self.optim.load_state_dict(state_dict)
        self.param_groups, self.state = self.optim.param_groups, self.optim.state


class PostLocalSGDOptimizer(Optimizer):
    """optim, with parameters averaged by averager after each step: over one process they are their own average."""

    def __init__(self, optim, averager):
        self.optim, self.averager = optim, averager
        self.param_groups, self.state = optim.param_groups, optim.state

    def step(self, closure=None):
        """A step of the optimizer."""
        return self.optim.step() if closure is None else self.optim.step(closure)

    def zero_grad(self, set_to_none=True):
        """The optimizer's."""
        self.optim.zero_grad(set_to_none)

    def state_dict(self):
        """The optimizer's."""
        return self.optim.state_dict()

    def load_state_dict(self, state_dict):
        """Into the optimizer."""
        self.optim.load_state_dict(state_dict)
