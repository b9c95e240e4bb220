"""Adaptive softmax (Grave et al. 2017): frequent classes in a short head, rare ones in clusters of lower rank."""

from collections import namedtuple

import rushlight as rl

from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """(N, in_features), (N,) -> (output: log-probability of each target, loss: its mean, negated)."""

    def __init__(self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None, dtype=None):
        super().__init__()
        cutoffs = list(cutoffs)
        if len(cutoffs) == 0:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if (cutoffs != sorted(cutoffs) or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1
                or len(set(cutoffs)) != len(cutoffs) or any(int(c) != c for c in cutoffs)):
            raise ValueError("cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                             f"order, where each value is between 1 and n_classes-1, got {cutoffs} for {n_classes}")
        factory = {"device": device, "dtype": dtype}
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = cutoffs + [n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **factory)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            rank = int(in_features // (div_value ** (i + 1)))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(Sequential(Linear(in_features, rank, bias=False, **factory),
                                        Linear(rank, size, bias=False, **factory)))

    def reset_parameters(self):
        self.head.reset_parameters()
        for to_rank, to_classes in self.tail:
            to_rank.reset_parameters()
            to_classes.reset_parameters()

    def _check(self, input, target):
        if target.dim() == 1:
            if input.size(0) != target.size(0):
                raise RuntimeError("Input and target should have the same size in the batch dimension, "
                                   f"got {input.size(0)} and {target.size(0)}")
            if input.dim() != 2:
                raise RuntimeError(f"1D target tensor expects 2D input tensors, but found inputs with size "
                                   f"{tuple(input.size())}")
        elif target.dim() == 0:
            if input.dim() != 1:
                raise RuntimeError(f"0D target tensor expects 1D input tensors, but found inputs with size "
                                   f"{tuple(input.size())}")
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported, "
                               f"got {target.dim()}D")

    def forward(self, input_, target_):
        self._check(input_, target_)
        single = target_.dim() == 0
        input, target = (input_.unsqueeze(0), target_.unsqueeze(0)) if single else (input_, target_)
        if target.numel() and (int(target.min()) < 0 or int(target.max()) >= self.n_classes):
            raise RuntimeError(f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                               f"[{int(target.min())}, {int(target.max())}] were found. ")
        output = input.new_zeros(target.size(0))
        head_class = target.clone()
        low = [0] + self.cutoffs[:-1]
        for i, (start, end) in enumerate(zip(low, self.cutoffs)):
            rows = ((target >= start) & (target < end)).nonzero().squeeze(1)
            if i == 0 or rows.numel() == 0:
                continue
            log_probs = F.log_softmax(self.tail[i - 1](input.index_select(0, rows)), dim=1)
            inside = log_probs.gather(1, (target.index_select(0, rows) - start).unsqueeze(1)).squeeze(1)
            output = output.index_add(0, rows, inside)
            head_class.index_fill_(0, rows, self.shortlist_size + i - 1)
        head = F.log_softmax(self.head(input), dim=1)
        output = output + head.gather(1, head_class.unsqueeze(1)).squeeze()
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if single else output, loss)

    def _get_full_log_prob(self, input, head_output):
        """Log-probabilities of all classes, given the head's raw output."""
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, :self.shortlist_size]]
        for i in range(self.n_clusters):
            cluster = F.log_softmax(self.tail[i](input), dim=1)
            parts.append(cluster + head[:, self.shortlist_size + i].unsqueeze(1))
        return rl.cat(parts, dim=1)

    def log_prob(self, input):
        """(N, in_features) -> (N, n_classes) log-probabilities."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input):
        """The most probable class of each row, computing clusters only where the head points at one."""
        head_output = self.head(input)
        output = rl.argmax(head_output, dim=1)
        rest = output >= self.shortlist_size
        if not bool(rest.any()):
            return output
        rows = rest.nonzero().squeeze(1)
        full = self._get_full_log_prob(input.index_select(0, rows), head_output.index_select(0, rows))
        return output.index_copy(0, rows, rl.argmax(full, dim=1))
