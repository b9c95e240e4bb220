"""rushlight: PyTorch's eager API on a small C engine for the CPU.

`import rushlight as torch` runs a small PyTorch script.  The engine's functions and types are names of this module; packages
that few scripts need load when they are first asked for.
"""

import importlib as _importlib
import math as _math
import sys as _sys

from . import _C

__version__ = "0.1.0"

# What the engine offers under names without an underscore: types, dtypes, tensor(), from_numpy(), and one function per row.
_ENGINE = {name: value for space in (_C, _C._VariableFunctions) for name, value in vars(space).items()
           if not name.startswith("_") and name not in ("ModuleBase", "Parameter", "builtin_function", "method_descriptor")}
globals().update(_ENGINE)
globals().update({name: getattr(_C._VariableFunctions, name) for name in "_standard_gamma _standard_gamma_grad _sample_dirichlet _dirichlet_grad".split()})

for _name in "_log_api_usage_once _jit_set_profiling_executor _jit_set_profiling_mode _jit_override_can_fuse_on_gpu _jit_override_can_fuse_on_cpu _jit_set_texpr_fuser_enabled".split():
    setattr(_C, _name, lambda *args: None)      # what libraries tell torch's engine: nothing to do here
_C._get_tracing_state, _C._get_accelerator = (lambda: None), (lambda *args: _C.device("cpu"))
for _name in ("Block", "Graph", "Value"):      # TorchScript's, which annotations name
    setattr(_C, _name, type(_name, (), {"__doc__": "Never made: nothing is traced.", "__module__": _C.__name__}))
_C._TensorMeta, _C._are_functorch_transforms_active = type(_C.Tensor), lambda: False
del _name

from ._tensor import (BFloat16Tensor, BoolTensor, ByteTensor, CharTensor, DoubleTensor, FloatTensor, HalfTensor, IntTensor,  # noqa: E402
                      LongTensor, ShortTensor, is_storage, is_tensor, set_default_tensor_type, typename)
from ._settings import *  # noqa: E402, F403
from .functional import *  # noqa: E402, F403
from ._derived import *  # noqa: E402, F403
from .random import default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state  # noqa: E402
from .autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled  # noqa: E402
from . import autograd  # noqa: E402

def _assert(condition, message):
    """assert, as a function."""
    if not condition:
        raise AssertionError(message)


def _check(cond, message=None):
    """RuntimeError unless cond; message is a function that gives the text."""
    if not cond:
        raise RuntimeError("Expected cond to be True, but got False." if message is None else str(message()))


def _checks(name, error):
    def check(cond, message=None):
        if not cond:
            raise error("Expected cond to be True, but got False." if message is None else str(message()))
    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"{error.__name__} unless cond; message is a function that gives the text."
    return check


_check_index, _check_type, _check_value = _checks("_check_index", IndexError), _checks("_check_type", TypeError), _checks("_check_value", ValueError)
_check_not_implemented = _checks("_check_not_implemented", NotImplementedError)


def _assert_async(input, message="Expected Tensor with single nonzero value, but got zero"):
    """RuntimeError unless the one element of input is not zero."""
    if not input:
        raise RuntimeError(message)


legacy_contiguous_format = _C.contiguous_format
torch = _sys.modules[__name__]      # as torch.torch: some write `from torch import torch`
e, pi, inf, nan, newaxis = _math.e, _math.pi, _math.inf, _math.nan, None

# Where names live that are imported when they are first used.
_LAZY_NAMES = {
    **dict.fromkeys("cholesky det inverse logdet lu lu_solve lu_unpack matrix_exp matrix_power "
                    "pca_lowrank pinverse qr slogdet svd svd_lowrank triangular_solve".split(), "_linear"),
    **dict.fromkeys("combinations corrcoef cov cumulative_trapezoid diff dist gradient histogram histogramdd isin quantile "
                    "nanquantile stft istft trapezoid trapz vander hann_window hamming_window blackman_window bartlett_window "
                    "kaiser_window".split(), "_compositions"),
    "save": "serialization", "load": "serialization", "set_printoptions": "_printing", "get_printoptions": "_printing",
    "UntypedStorage": "storage", "TypedStorage": "storage", "autocast": "amp", "is_autocast_enabled": "amp", "get_autocast_dtype": "amp",
    "set_autocast_enabled": "amp", "set_autocast_dtype": "amp", "get_autocast_cpu_dtype": "amp", "is_autocast_cpu_enabled": "amp",
    "get_autocast_gpu_dtype": "amp", "set_autocast_cpu_dtype": "amp", "set_autocast_cpu_enabled": "amp", "set_autocast_gpu_dtype": "amp",
    "is_autocast_cache_enabled": "amp", "set_autocast_cache_enabled": "amp", "clear_autocast_cache": "amp",
    "autocast_increment_nesting": "amp", "autocast_decrement_nesting": "amp",
    "GradScaler": "amp", "TorchVersion": "torch_version", "from_dlpack": "utils.dlpack", "lobpcg": "_lobpcg", "Future": "futures",
    **dict.fromkeys("SymInt SymFloat SymBool ScriptObject Stream Event TensorType PyTorchFileReader PyTorchFileWriter".split(), "_symbols"), "ScriptModule": "jit", "vmap": "func", "matrix_exp": "linalg", "finfo": "_limits", "iinfo": "_limits",
}
_LAZY_NAMES.update(dict.fromkeys(
    "bilinear channel_shuffle cosine_similarity "
    "native_channel_shuffle pairwise_distance rms_norm".split(), "nn.functional"))
_LAZY_NAMES.update(dict.fromkeys(
    "adaptive_max_pool1d binary_cross_entropy_with_logits cosine_embedding_loss ctc_loss embedding_bag hinge_embedding_loss kl_div margin_ranking_loss poisson_nll_loss "
    "triplet_margin_loss".split(), "_numbered"))
_LAZY_NAMES.update(dict.fromkeys(
    "AcceleratorError DisableTorchFunction DisableTorchFunctionSubclass FatalError JITException OutOfMemoryError affine_grid_generator cond conv_tbc convolution frobenius_norm "
    "from_file grid_sampler grid_sampler_2d grid_sampler_3d has_lapack has_mkl has_openmp has_spectral init_num_threads max_pool1d_with_indices native_norm norm_except_dim "
    "nuclear_norm segment_reduce set_anomaly_enabled sym_float sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum thread_safe_generator while_loop".split(), "_older"))
_LAZY_NAMES.update(dict.fromkeys(
    "BFloat16Storage BoolStorage ByteStorage CharStorage ComplexDoubleStorage ComplexFloatStorage DoubleStorage FloatStorage HalfStorage IntStorage LongStorage ShortStorage "
    "Storage StorageBase".split(), "storage"))
_PACKAGES = frozenset(
    "accelerator amp ao backends compat compiler cpu cuda distributed distributions fft func functional futures fx hf hub jit linalg mps "
    "multiprocessing nn optim overrides profiler quantization quasirandom random return_types serialization signal sparse special storage "
    "teach testing types utils version vision xpu masked nested onnx export library torch_version ops __config__ __future__ _VF _utils _dynamo _inductor _logging".split())


def _nearest(name):
    """A hint for a name that is not there."""
    import difflib
    close = difflib.get_close_matches(name, [*globals(), *_LAZY_NAMES, *_PACKAGES], 3, 0.6)
    return f". Did you mean {' or '.join(map(repr, close))}?" if close else ""


def _load(package):
    """A submodule, or an AttributeError if that part of torch is not here."""
    full = f"{__name__}.{package}"
    try:
        return _importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name != full:
            raise
        raise AttributeError(f"module {__name__!r} has no {package!r}: this part of torch is not in rushlight") from None


def __getattr__(name):
    home = _LAZY_NAMES.get(name)
    if home is not None:
        value = getattr(_load(home), name)
        globals()[name] = value
        return value
    if name in _PACKAGES:
        return _load(name)
    value = _load("_absent").function(name)
    if value is not None:
        globals()[name] = value
        return value
    if name.startswith("_foreach_"):
        made = _load("_foreach").function(name)
        if made is not None:
            globals()[name] = made
            return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{_nearest(name)}")


def __dir__():
    return sorted({*globals(), *_LAZY_NAMES})
