"""finfo and iinfo: what numbers a dtype can hold."""

import rushlight as rl

__all__ = ["finfo", "iinfo"]

# bits, digits of the mantissa, least and greatest exponent of two, decimal digits
_FLOATS = {"float16": (16, 10, -14, 15, 3), "bfloat16": (16, 7, -126, 127, 2), "float32": (32, 23, -126, 127, 6), "float64": (64, 52, -1022, 1023, 15),
           "float8_e4m3fn": (8, 3, -6, 8, 0), "float8_e5m2": (8, 2, -14, 15, 0), "float8_e4m3fnuz": (8, 3, -7, 7, 0), "float8_e5m2fnuz": (8, 2, -15, 15, 0)}
_INTS = {"uint8": (8, 0, 255), "int8": (8, -2**7, 2**7 - 1), "int16": (16, -2**15, 2**15 - 1), "int32": (32, -2**31, 2**31 - 1),
         "int64": (64, -2**63, 2**63 - 1), "uint16": (16, 0, 2**16 - 1), "uint32": (32, 0, 2**32 - 1), "uint64": (64, 0, 2**64 - 1)}


_known = {}     # dtype -> its finfo: they cannot be told apart


class finfo:
    """finfo(dtype): the limits of a floating-point dtype; of the parts, for a complex one."""

    __slots__ = ("bits", "dtype", "eps", "max", "min", "tiny", "smallest_normal", "resolution")

    def __new__(cls, type=None):
        dtype = rl.get_default_dtype() if type is None else type
        if not isinstance(dtype, rl.dtype):
            raise TypeError(f"finfo(): argument 'type' (position 1) must be torch.dtype, not {dtype.__class__.__name__}")
        known = _known.get(dtype)
        if known is None:
            known = object.__new__(cls)
            known._fill(dtype)
            _known[dtype] = known
        return known

    def __reduce__(self):
        return finfo, (getattr(rl, self.dtype),)

    def _fill(self, dtype):
        name = repr(dtype.to_real() if dtype.is_complex else dtype).split(".")[1]
        if name not in _FLOATS:
            raise TypeError("torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'")
        self.bits, digits, least, greatest, decimals = _FLOATS[name]
        self.dtype = name
        self.eps = 2.0 ** -digits
        self.max = 448.0 if name == "float8_e4m3fn" else (2 - 2.0 ** -digits) * 2.0 ** greatest     # the e4m3fn above 448 is its NaN
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** least
        self.resolution = 10.0 ** -decimals

    def __eq__(self, value, /):
        return isinstance(value, finfo) and self.dtype == value.dtype

    def __hash__(self):
        return hash(self.dtype)

    def __repr__(self):
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})")


rl._C._remember(finfo, _known)


class iinfo:
    """iinfo(dtype): the limits of an integer dtype."""

    __slots__ = ("bits", "dtype", "min", "max")

    def __init__(self, type):
        if not isinstance(type, rl.dtype):
            raise TypeError(f"iinfo(): argument 'type' (position 1) must be torch.dtype, not {type.__class__.__name__}")
        name = repr(type).split(".")[1]
        if name == "bool":
            raise TypeError("rushlight.bool is not supported by torch.iinfo")
        if name not in _INTS:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        self.dtype = name
        self.bits, self.min, self.max = _INTS[name]

    def __eq__(self, value, /):
        return isinstance(value, iinfo) and self.dtype == value.dtype

    def __hash__(self):
        return hash(self.dtype)

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
