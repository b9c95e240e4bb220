"""torch.quasirandom: Sobol' points, which fill the unit cube more evenly than random ones.

Dimension d has a primitive polynomial of its own, in the order of their values; it makes the direction numbers of the dimension from a few
first ones, those of Joe and Kuo (2008).  Point i is the sum, without carrying, of the direction numbers that the Gray code of i names.
"""

import functools

import rushlight as rl

__all__ = ["SobolEngine"]

_BITS = 30
# For dimensions from the second on: one odd number for each degree of the dimension's polynomial.
_FIRST = (
    "1; 1 3; 1 3 1; 1 1 1; 1 1 3 3; 1 3 5 13; 1 1 5 5 17; 1 1 5 5 5; 1 1 7 11 19; 1 1 5 1 1; 1 1 1 3 11; 1 3 5 5 31; 1 3 3 9 7 49; 1 1 1 15 21 21; 1 3 1 13 "
    "27 49; 1 1 1 15 7 5; 1 3 1 15 13 25; 1 1 5 5 19 61; 1 3 7 11 23 15 103; 1 3 7 13 13 15 69; 1 1 3 13 7 35 63; 1 3 5 9 1 25 53; 1 3 1 13 9 35 107; 1 3 1 "
    "5 27 61 31; 1 1 5 11 19 41 61; 1 3 5 3 3 13 69; 1 1 7 13 1 19 1; 1 3 7 5 13 19 59; 1 1 3 9 25 29 41; 1 3 5 13 23 1 55; 1 3 7 3 13 59 17; 1 3 1 3 5 53 "
    "69; 1 1 5 5 23 33 13; 1 1 7 7 1 61 123; 1 1 7 9 13 61 49; 1 3 3 5 3 55 33; 1 3 1 15 31 13 49 245; 1 3 5 15 31 59 63 97; 1 3 1 11 11 11 77 249; 1 3 1 "
    "11 27 43 71 9; 1 1 7 15 21 11 81 45; 1 3 7 3 25 31 65 79; 1 3 1 1 19 11 3 205; 1 1 5 9 19 21 29 157; 1 3 7 11 1 33 89 185; 1 3 3 3 15 9 79 71; 1 3 7 "
    "11 15 39 119 27; 1 1 3 1 11 31 97 225; 1 1 1 3 23 43 57 177; 1 3 7 7 17 17 37 71; 1 3 1 5 27 63 123 213; 1 1 3 5 11 43 53 133; 1 3 5 5 29 17 47 173 "
    "479; 1 3 3 11 3 1 109 9 69; 1 1 1 5 17 39 23 5 343; 1 3 1 5 25 15 31 103 499; 1 1 1 11 11 17 63 105 183; 1 1 5 11 9 29 97 231 363; 1 1 5 15 19 45 41 7 "
    "383; 1 3 7 7 31 19 83 137 221; 1 1 1 3 23 15 111 223 83; 1 1 5 13 31 15 55 25 161; 1 1 3 13 25 47 39 87 257; 1 1 1 11 21 53 125 249 293; 1 1 7 11 11 7 "
    "57 79 323; 1 1 5 5 17 13 81 3 131; 1 1 7 13 23 7 65 251 475; 1 3 5 1 9 43 3 149 11; 1 1 3 13 31 13 13 255 487; 1 3 3 1 5 63 89 91 127; 1 1 3 3 1 19 "
    "123 127 237; 1 1 5 7 23 31 37 243 289; 1 1 5 11 17 53 117 183 491; 1 1 1 5 1 13 13 209 345; 1 1 3 15 1 57 115 7 33; 1 3 1 11 7 43 81 207 175; 1 3 1 1 "
    "15 27 63 255 49; 1 3 5 3 27 61 105 171 305; 1 1 5 3 1 3 57 249 149; 1 1 3 5 5 57 15 13 159; 1 1 1 11 7 11 105 141 225; 1 3 3 5 27 59 121 101 271; 1 3 "
    "5 9 11 49 51 59 115; 1 1 7 1 23 45 125 71 419; 1 1 3 5 23 5 105 109 75; 1 1 7 15 7 11 67 121 453; 1 3 7 3 9 13 31 27 449; 1 3 1 15 19 39 39 89 15; 1 1 "
    "1 1 1 33 73 145 379; 1 3 1 15 15 43 29 13 483; 1 1 7 3 19 27 85 131 431; 1 3 3 3 5 35 23 195 349; 1 3 3 7 9 27 39 59 297; 1 1 3 9 11 17 13 241 157; 1 "
    "3 7 15 25 57 33 189 213; 1 1 7 1 9 55 73 83 217; 1 3 3 13 19 27 23 113 249; 1 3 5 3 23 43 3 253 479; 1 1 5 5 11 5 45 117 217; 1 3 3 7 29 37 33 123 147 "
)


def _times(a, b, polynomial, degree):
    """The product of two polynomials over two elements, their coefficients being bits."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = a << 1, b >> 1
        a ^= polynomial if a >> degree & 1 else 0
    return product


def _is_primitive(polynomial, degree):
    """Whether the powers of x run through all that is not 0."""
    element, order = 2 % polynomial if degree > 1 else 1, 1
    while element != 1:
        element, order = _times(element, 2, polynomial, degree), order + 1
    return order == (1 << degree) - 1


def _polynomials():
    degree = 0
    while True:
        degree += 1
        yield from ((degree, p) for p in range((1 << degree) + 1, 1 << degree + 1, 2) if _is_primitive(p, degree))


@functools.cache
def _directions(dimension):
    """The direction numbers, 30 for each dimension, as integers of 30 bits."""
    rows = [[1] * _BITS]
    for first, (degree, polynomial) in zip(_FIRST.split(";")[:dimension - 1], _polynomials()):
        m = list(map(int, first.split()))
        for k in range(degree, _BITS):
            value = m[k - degree]
            for i in range(1, degree + 1):
                value ^= m[k - i] << i if polynomial >> degree - i & 1 else 0
            m.append(value)
        rows.append(m)
    return [[value << _BITS - 1 - k for k, value in enumerate(m)] for m in rows]


class SobolEngine:
    """Sobol' points in up to 101 dimensions.

    scramble: a random linear map of the digits and a random shift, the same for the same seed.

    >>> rl.quasirandom.SobolEngine(2).draw(3)
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500]])
    """

    MAXBIT = _BITS
    MAXDIM = 1 + _FIRST.count(";") + 1

    def __init__(self, dimension, scramble=False, seed=None):
        if not 1 <= dimension <= self.MAXDIM:
            raise ValueError(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}], got {dimension}: the table of direction numbers ends there")
        self.seed, self.scramble, self.dimension = seed, scramble, dimension
        self.sobolstate, self.shift = rl.tensor(_directions(dimension)), rl.zeros(dimension, dtype=rl.int64)
        if scramble:
            self._scramble()
        self.quasi = self.shift.clone()
        self._first_point = (self.quasi / 2**_BITS).reshape(1, -1)
        self.num_generated = 0

    def _scramble(self):
        generator = None if self.seed is None else rl.Generator().manual_seed(self.seed)
        places = rl.arange(_BITS)
        self.shift = (rl.randint(2, (self.dimension, _BITS), generator=generator) << places).sum(-1)
        lower = rl.randint(2, (self.dimension, _BITS, _BITS), generator=generator).tril() | rl.eye(_BITS, dtype=rl.int64)
        down = _BITS - 1 - places
        digits = self.sobolstate.unsqueeze(-1) >> down & 1
        self.sobolstate = ((lower.unsqueeze(1) * digits.unsqueeze(2)).sum(-1) % 2 << down).sum(-1)

    def _points(self, first, count):
        """Points first, ... as integers, [count, dimension]."""
        number = rl.arange(first, first + count)
        gray = number ^ number >> 1
        points = self.shift.expand(count, -1).clone()
        for k in range((first + count).bit_length()):
            points ^= (gray >> k & 1).unsqueeze(1) * self.sobolstate[:, k]
        return points

    def draw(self, n=1, out=None, dtype=None):
        """The next n points, [n, dimension], of the default dtype or the one given."""
        dtype = rl.get_default_dtype() if dtype is None else dtype
        if n < 1:
            raise ValueError(f"SobolEngine.draw: n must be at least 1, got {n}")
        points = self._points(self.num_generated, n)
        result = points.to(dtype) * (1 / 2**_BITS)
        if self.num_generated == 0:
            result[0] = self._first_point[0]
        self.quasi = points[-1].clone()
        self.num_generated += n
        return result if out is None else out.resize_as_(result).copy_(result)

    def draw_base2(self, m, out=None, dtype=None):
        """The next 2^m points; only as many as keep the total a power of 2, since then each part of the cube has its share."""
        n = 2**m
        total = self.num_generated + n
        if total & total - 1:
            raise ValueError(f"The balance properties of Sobol' points require n to be a power of 2. {self.num_generated} points have been previously generated, then: n={self.num_generated}+2**{m}={total}. "
                             "If you still want to do this, please use 'SobolEngine.draw()' instead.")
        return self.draw(n=n, out=out, dtype=dtype)

    def reset(self):
        """Begin again with the first point."""
        self.quasi.copy_(self.shift)
        self.num_generated = 0
        return self

    def fast_forward(self, n):
        """Leave out the next n points."""
        if n > 0:
            self.num_generated += n
            self.quasi = self._points(self.num_generated - 1, 1)[0]
        return self

    def __repr__(self):
        options = [f"dimension={self.dimension}", *(["scramble=True"] if self.scramble else []), *([f"seed={self.seed}"] if self.seed is not None else [])]
        return f"{type(self).__name__}({', '.join(options)})"
