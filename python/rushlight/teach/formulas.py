"""The derivative of an operation as it stands in the table: one expression per input, to read, to typeset, to run in NumPy.

The engine compiles and runs the same text in backward, so what is shown is what happened. In it `g` is the gradient of
the result, `y` the result (`g0`, `g1`: of several), and the other names are the arguments. Operations written as C functions
instead (convolution, sorting, factorisations ...) have no formula: `formula` says so.
"""

import ast

import numpy

__all__ = ["Formula", "formula"]

GREEK = {"alpha", "beta", "lambd", "pi", "eps", "gamma", "delta", "sigma", "mu"}
FUNCTIONS = {"exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh"}
BINDING = {ast.BitOr: 1, ast.BitAnd: 2, ast.Add: 4, ast.Sub: 4, ast.Mult: 5, ast.Div: 5, ast.Pow: 8}
COMPARED = {ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=", ast.NotEq: r"\ne"}
UNARY = 6
HIGHEST = 9


def _name(word):
    """A variable in LaTeX: g is the adjoint of the result, long names are upright."""
    if word in ("g", "y"):
        return {"g": r"\bar{y}", "y": "y"}[word]
    if word[0] == "g" and word[1:].isdigit():
        return rf"\bar{{y}}_{{{word[1:]}}}"
    if word in ("inf", "nan"):
        return {"inf": r"\infty", "nan": r"\mathrm{NaN}"}[word]
    if word in GREEK:
        return {"lambd": r"\lambda", "eps": r"\varepsilon"}.get(word, "\\" + word)
    return {"input": "x", "self": "x"}.get(word) or (word if len(word) == 1 else rf"\mathrm{{{word}}}".replace("_", r"\_"))


def _call(node):
    """A call in LaTeX: the few that have a notation of their own, the others by name."""
    word = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
    given = [_latex(argument, 0) for argument in node.args]
    if word == "conj":
        return rf"\overline{{{given[0]}}}"
    if word in ("zeros_like", "ones_like"):
        return "0" if word == "zeros_like" else "1"
    if word == "full_like":
        return given[1]
    if word == "sqrt":
        return rf"\sqrt{{{given[0]}}}"
    if word == "rsqrt":
        return rf"\frac{{1}}{{\sqrt{{{given[0]}}}}}"
    if word == "where":
        return rf"\begin{{cases}} {given[1]} & {given[0]} \\ {given[2]} & \text{{otherwise}} \end{{cases}}"
    if word == "exp":
        return rf"e^{{{given[0]}}}"
    given += [rf"\mathrm{{{keyword.arg}}}={_latex(keyword.value, 0)}".replace("_", r"\_") for keyword in node.keywords]
    head = "\\" + word if word in FUNCTIONS else rf"\operatorname{{{word}}}".replace("_", r"\_")
    return rf"{head}\left({', '.join(given)}\right)"


def _latex(node, outer):
    """`node` in LaTeX, in parentheses where it binds less tightly than `outer`."""
    if isinstance(node, ast.Name):
        return _name(node.id)
    if isinstance(node, ast.Constant):
        return rf"\text{{{node.value}}}" if isinstance(node.value, (str, bool)) else f"{node.value:.6g}" if isinstance(node.value, (int, float)) else r"\mathrm{None}"
    if isinstance(node, ast.Call):
        return _call(node)
    if isinstance(node, ast.Compare):
        text, level = rf"{_latex(node.left, 4)} {COMPARED[type(node.ops[0])]} {_latex(node.comparators[0], 4)}", 3
    elif isinstance(node, ast.UnaryOp):
        text, level = ("-" if isinstance(node.op, ast.USub) else r"\lnot ") + _latex(node.operand, UNARY), UNARY
    else:
        text, level = _binary(node)
    return rf"\left({text}\right)" if level < outer else text


def _binary(node):
    """(LaTeX, how tightly it binds) of left operator right."""
    level = BINDING[type(node.op)]
    if isinstance(node.op, ast.Div):
        return rf"\frac{{{_latex(node.left, 0)}}}{{{_latex(node.right, 0)}}}", HIGHEST
    if isinstance(node.op, ast.Pow):
        return rf"{_latex(node.left, HIGHEST)}^{{{_latex(node.right, 0)}}}", level
    sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: r"\,", ast.BitOr: r"\lor", ast.BitAnd: r"\land"}[type(node.op)]
    return rf"{_latex(node.left, level)} {sign} {_latex(node.right, level + isinstance(node.op, ast.Sub))}", level


def _divide(x, y, rounding_mode=None):
    quotient = numpy.divide(x, y)
    return quotient if rounding_mode is None else getattr(numpy, rounding_mode)(quotient)


def _sum(x, dim=None, keepdim=False):
    dims = numpy.atleast_1d([] if dim is None else dim)
    return numpy.sum(x, axis=tuple(dims) if len(dims) else None, keepdims=keepdim)


def _of_library(word):
    """The library's function of this name in float64, on arrays: for what NumPy does not have."""
    import rushlight

    function = getattr(rushlight, word, None) or getattr(rushlight.special, word, None) or getattr(rushlight._C._ops, word)

    def run(*args):
        made = [rushlight.from_numpy(numpy.asarray(a)) if isinstance(a, (numpy.ndarray, numpy.generic)) else a for a in args]
        return function(*made).numpy()

    return run


class _Special:
    """`special.i1` in a formula."""

    __getattr__ = staticmethod(_of_library)


class _Names(dict):
    """The names that a formula may use, on NumPy arrays."""

    OWN = dict(
        rsqrt=lambda x: 1 / numpy.sqrt(x), sigmoid=lambda x: 1 / (1 + numpy.exp(-x)), softplus=lambda x: numpy.logaddexp(0, x), div=_divide, sum=_sum,
        sgn=lambda x: numpy.where(x == 0, 0, x / numpy.where(x == 0, 1, numpy.abs(x))), special=_Special(),
    )  # fmt: skip

    def __missing__(self, word):
        found = self.OWN.get(word, getattr(numpy, word, None))
        return found if found is not None else _of_library(word)


class Formula:
    """The derivatives of one operation. `text` maps each input's name to its expression; printing shows all of them.

    >>> import rushlight as torch
    >>> print(formula(torch.sigmoid))
    sigmoid(input)
      d input = g * conj(y * (1 - y))
    """

    def __init__(self, name, signature, source):
        self.name, self.signature = name, signature
        self.text = {}
        for part in source.split(";"):
            target, _, expression = part.partition(":")
            self.text[target.strip()] = " ".join(expression.split())

    @property
    def latex(self):
        """Each input's expression in LaTeX; the bar marks the gradient of the result with respect to the loss."""
        return {target: rf"\bar{{{_name(target)}}} = {_latex(ast.parse(text, mode='eval').body, 0)}" for target, text in self.text.items()}

    def numpy(self, g, y=None, **arguments):
        """The gradients as NumPy computes them from the same text: g that of the result, y the result, and the arguments by name."""
        names = _Names(arguments)
        names.update({"g": g, "y": y} if not isinstance(g, tuple) else {f"g{k}": part for k, part in enumerate(g)})
        return {target: eval(compile(text, f"<formula of {self.name}>", "eval"), {"__builtins__": {}}, names) for target, text in self.text.items()}

    def __str__(self):
        return "\n".join([f"{self.name}({self.signature})", *(f"  d {target} = {text}" for target, text in self.text.items())])

    def __repr__(self):
        return f"<Formula of {self.name}: {'; '.join(self.text.values())}>"

    def _repr_latex_(self):
        return r"$$\begin{aligned}" + r" \\ ".join(text.replace("=", "&=", 1) for text in self.latex.values()) + r"\end{aligned}$$"


def formula(op):
    """The derivatives of an operation: a function (`torch.sigmoid`), its name, or a node of a graph (`y.grad_fn`).

    Raises LookupError for what is no operation, or has its derivative in C without a formula.
    """
    from rushlight import _C

    name = op if isinstance(op, str) else getattr(op, "_op_name", None) or getattr(op, "__name__", None) or str(op)
    rows = [row for row in _C._op_table() if row["name"].rpartition(".")[2] == name or name in (row["aliases"] or "").split()]
    if not rows:
        raise LookupError(f"there is no operation {name!r}")
    found = next((row for row in rows if row["formula"]), None)
    if found is None:
        raise LookupError(f"{name} has no formula: its derivative is a C function in csrc/ops/{rows[0]['family']}.c" if rows[0]["differentiable"] else f"{name} has no derivative")
    parts = found["sig"].partition("(")[2].rpartition(") ->")[0].split(",")
    return Formula(name, ", ".join(part.split(":")[0].strip() for part in parts), found["formula"])
