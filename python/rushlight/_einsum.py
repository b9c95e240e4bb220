"""einsum: sums of products named by the letters of dimensions, as a chain of matrix products.

Operands are contracted from left to right, two at a time.  Of two, dimensions that both have and the rest still needs are the
batch, those that both have and nobody needs are summed over by the product, and what only one has stays beside.  A
dimension of size 1 meeting a larger one is dropped, which is what broadcasting means here.

What is to be done follows from the equation and the shapes alone.  So it is found once, on stand-ins that note what happens to
them, and kept as a list of steps.
"""

import string

import rushlight as rl

__all__ = ["contract"]


def _labels(part, operand, number):
    """The dimensions of one operand, each a letter; those an ellipsis stands for are numbered from the right."""
    dots = part.count(".")
    if dots and (dots != 3 or "..." not in part):
        raise RuntimeError(f"einsum(): found '.' for operand {number} that is not part of any ellipsis")
    letters = part.replace("...", "")
    for letter in letters:
        if letter not in string.ascii_letters:
            raise RuntimeError(f"einsum(): invalid subscript given at index {part.index(letter)} in the equation string, subscripts must "
                               f"be in [a-zA-Z], got {letter!r}")
    spare = operand.dim() - len(letters)
    if spare < 0 or (spare and not dots):
        raise RuntimeError(f"einsum(): the number of subscripts in the equation ({len(letters)}) "
                           f"{'is more than' if dots else 'does not match'} the number of dimensions ({operand.dim()}) for operand {number}"
                           f"{'' if dots else ' and no ellipsis was given'}")
    if not dots:
        return list(letters)
    before, _, after = part.partition("...")
    return [*before, *range(spare, 0, -1), *after]


def _output_labels(part, inputs):
    """The dimensions of the result: as written, or the ellipsis and then, in order, all letters that occur once."""
    found = [label for labels in inputs for label in labels]
    dotted = sorted({label for label in found if isinstance(label, int)}, reverse=True)
    if part is None:
        return dotted + sorted({label for label in found if isinstance(label, str) and found.count(label) == 1})
    letters = part.replace("...", "", 1)
    for letter in letters:
        if letter not in string.ascii_letters:
            raise RuntimeError(f"einsum(): invalid subscript given in the output of the equation string, subscripts must be in [a-zA-Z], got {letter!r}")
        if letters.count(letter) > 1:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
        if letter not in found:
            raise RuntimeError(f"einsum(): output subscript {letter} does not appear in the equation for any input operand")
    before, dots, after = part.partition("...")
    return [*before, *(dotted if dots else ()), *after]


def _parse(equation, operands):
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        few = "more" if len(operands) > len(parts) else "fewer"
        raise RuntimeError(f"einsum(): {few} operands were provided than specified in the equation")
    inputs = [_labels(part, operand, i) for i, (part, operand) in enumerate(zip(parts, operands))]
    _check_sizes(inputs, operands)
    return inputs, _output_labels(right if arrow else None, inputs)


def _check_sizes(inputs, operands):
    sizes = {}
    for i, (labels, operand) in enumerate(zip(inputs, operands)):
        own = {}
        for label, size in zip(labels, operand.shape):
            if own.setdefault(label, size) != size:
                raise RuntimeError(f"einsum(): subscript {label} is repeated for operand {i} but the sizes don't match, "
                                   f"{size} != {own[label]}")
            if size != 1 and sizes.setdefault(label, size) != size:
                raise RuntimeError(f"einsum(): subscript {label} has size {size} for operand {i} which does not broadcast with previously "
                                   f"seen size {sizes[label]}")


def _diagonals(operand, labels):
    """Every label once: repeated ones become the diagonal."""
    labels = list(labels)
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            operand = operand.diagonal(0, first, second)
            del labels[second], labels[first]
            labels.append(label)
    return operand, labels


def _sum_out(operand, labels, unwanted):
    dims = [i for i, label in enumerate(labels) if label in unwanted]
    return (operand.sum(dims), [label for label in labels if label not in unwanted]) if dims else (operand, labels)


def _drop_ones(operand, labels, sizes):
    """Without the dimensions of size 1 that the other operand has larger."""
    for i in reversed(range(len(labels))):
        if operand.shape[i] == 1 and sizes.get(labels[i], 1) != 1:
            operand, labels = operand.squeeze(i), labels[:i] + labels[i + 1:]
    return operand, labels


def _arranged(operand, labels, *groups):
    """The operand with its dimensions in these groups' order, every group one dimension; and the groups' own sizes."""
    wanted = [label for group in groups for label in group]
    operand = operand.permute(tuple(labels.index(label) for label in wanted))
    sizes = [operand.shape[i] for i in range(len(wanted))]
    flat, start, shapes = [], 0, []
    for group in groups:
        shape = sizes[start:start + len(group)]
        start += len(group)
        shapes.append(shape)
        total = 1
        for size in shape:
            total *= size
        flat.append(total)
    return operand.reshape(tuple(flat)), shapes


def _pair(a, a_labels, b, b_labels, needed):
    """The product of two operands, summed over what neither the rest nor the result needs."""
    a, a_labels = _drop_ones(a, a_labels, dict(zip(b_labels, b.shape)))
    b, b_labels = _drop_ones(b, b_labels, dict(zip(a_labels, a.shape)))
    a, a_labels = _sum_out(a, a_labels, set(a_labels) - set(b_labels) - needed)
    b, b_labels = _sum_out(b, b_labels, set(b_labels) - set(a_labels) - needed)
    both = [label for label in a_labels if label in b_labels]
    batch, summed = [label for label in both if label in needed], [label for label in both if label not in needed]
    left, right = [label for label in a_labels if label not in both], [label for label in b_labels if label not in both]
    groups = [batch] if batch or not summed else []
    a, (*batch_shape, left_shape, _) = _arranged(a, a_labels, *groups, left, summed)
    b, (*_, right_shape) = _arranged(b, b_labels, *groups, summed, right)
    product = a.times("mul" if not summed else "bmm" if batch else "mm", b)
    return product.reshape(tuple(sum(batch_shape, []) + left_shape + right_shape)), batch + left + right


class _Noted:
    """Stands for a tensor of this shape: its methods note a step and stand for the result.  What would change nothing is no step."""

    def __init__(self, shape, steps, place):
        self.shape, self.steps, self.place = tuple(shape), steps, place

    def _note(self, shape, method, *arguments, other=()):
        self.steps.append((getattr(rl.Tensor, method), (self.place, *other), arguments))
        return _Noted(shape, self.steps, len(self.steps))

    def dim(self):
        return len(self.shape)

    def permute(self, order):
        return self if order == tuple(range(len(order))) else self._note([self.shape[d] for d in order], "permute", order)

    def reshape(self, shape):
        return self if shape == self.shape else self._note(shape, "reshape", shape)

    def sum(self, dims):
        return self._note([n for i, n in enumerate(self.shape) if i not in dims], "sum", dims)

    def squeeze(self, dim):
        return self._note(self.shape[:dim] + self.shape[dim + 1:], "squeeze", dim)

    def diagonal(self, offset, first, second):
        rest = [n for i, n in enumerate(self.shape) if i not in (first, second)]
        return self._note([*rest, self.shape[first]], "diagonal", offset, first, second)

    def times(self, method, other):
        shape = [*self.shape[:-1], other.shape[-1]] if method != "mul" else [max(pair) if 0 not in pair else 0 for pair in zip(self.shape, other.shape)]
        return self._note(shape, method, other=(other.place,))


def _plan(equation, shapes):
    """(steps, which value is the result).  Values are numbered: the operands -1, -2, ..., then the results of the steps from 1 on."""
    steps = []
    operands = [_Noted(shape, steps, -1 - i) for i, shape in enumerate(shapes)]
    inputs, output = _parse(equation, operands)
    result, labels = _diagonals(operands[0], inputs[0])
    for i in range(1, len(operands)):
        other, other_labels = _diagonals(operands[i], inputs[i])
        needed = set(output).union(*inputs[i + 1:])
        result, labels = _pair(result, labels, other, other_labels, needed)
    result, labels = _sum_out(result, labels, set(labels) - set(output))
    result = result.permute(tuple(labels.index(label) for label in output))
    if result.place < 0:        # a view and not the operand itself
        result = result._note(result.shape, "permute", tuple(range(result.dim())))
    return steps, result.place


_plans = {}
_MOST_PLANS = 512


def contract(equation, operands):
    """What the equation says of the operands."""
    key = (equation, *[operand.shape for operand in operands])
    plan = _plans.get(key)
    if plan is None:
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()
        plan = _plans[key] = _plan(equation, key[1:])
    steps, result = plan
    if len(steps) == 1:
        (method, sources, arguments), = steps
        return method(*[operands[-1 - k] for k in sources], *arguments)
    values = [None] * (len(steps) + 1) + operands[::-1]
    for i, (method, sources, arguments) in enumerate(steps, 1):
        values[i] = method(*[values[k] for k in sources], *arguments)
    return values[result]
