"""Names of torch that stand for parts rushlight leaves out: calling one says so, and what to use instead."""

import rushlight as rl
from rushlight._C import preserve_format

_SPARSE = "rushlight has no sparse tensors, which {name}() needs; dense ones do the same work with more memory"
_QUANTISED = "rushlight has no quantised tensors, which {name}() needs; bfloat16 and float16 halve the memory"
_NESTED = "rushlight has no nested tensors, which {name}() needs; pad, as nn.utils.rnn.pad_sequence does"
_JIT = "rushlight compiles no scripts, which {name}() needs; call the Python function itself"
_CUDA = "rushlight runs on the CPU, and {name}() is for another device; {other}() does the same work"
_HASH = "{name}() has no counterpart here; hash(x.numpy().tobytes()) tells tensors apart, and equal() compares them"
_REMOVED = "This function was deprecated since version 1.9 and is now removed. Use {other} instead"

_MAKES = "dtype=None, device=None, pin_memory=False, requires_grad=False, check_invariants=None"
_SIGNATURES = {
    _SPARSE: f"""sparse_coo_tensor(indices, values, size=None, *, {_MAKES}, is_coalesced=None); sparse_compressed_tensor(compressed_indices, plain_indices, values, size=None, *, layout=None, {_MAKES});
        sparse_csr_tensor(crow_indices, col_indices, values, size=None, *, {_MAKES}); sparse_csc_tensor(ccol_indices, row_indices, values, size=None, *, {_MAKES});
        sparse_bsr_tensor(crow_indices, col_indices, values, size=None, *, {_MAKES}); sparse_bsc_tensor(ccol_indices, row_indices, values, size=None, *, {_MAKES});
        hspmm(mat1, mat2, *, out=None); smm(input, mat); sspaddmm(input, mat1, mat2, *, beta=1, alpha=1, out=None); spmm(input, mat); dsmm(input, mat); hsmm(input, mat); saddmm(input, mat1, mat2);
        indices_copy(input); values_copy(input); row_indices_copy(input); col_indices_copy(input); crow_indices_copy(input); ccol_indices_copy(input); resize_as_sparse_(input, the_template)""",
    _QUANTISED: """quantize_per_tensor(input, scale, zero_point, dtype); quantize_per_tensor_dynamic(input, dtype, reduce_range); quantize_per_channel(input, scales, zero_points, axis, dtype);
        dequantize(tensor); int_repr(input); q_scale(input); q_zero_point(input); q_per_channel_scales(input); q_per_channel_zero_points(input); q_per_channel_axis(input); empty_quantized(size, qtensor);
        quantized_batch_norm(input, weight=None, bias=None, mean=None, var=None, eps=1e-05, output_scale=1, output_zero_point=0); quantized_max_pool1d(input, kernel_size, stride=[], padding=0, dilation=1, ceil_mode=False);
        quantized_max_pool2d(input, kernel_size, stride=[], padding=0, dilation=1, ceil_mode=False); quantized_max_pool3d(input, kernel_size, stride=[], padding=0, dilation=1, ceil_mode=False);
        quantized_lstm(*args); quantized_gru(*args); quantized_lstm_cell(*args); quantized_gru_cell(*args); quantized_rnn_relu_cell(*args); quantized_rnn_tanh_cell(*args);
        fake_quantize_per_tensor_affine(input, scale, zero_point, quant_min, quant_max); fake_quantize_per_channel_affine(input, scale, zero_point, axis, quant_min, quant_max); choose_qparams_optimized(*args)""",
    _JIT: "fork(func, *args, **kwargs); wait(future); import_ir_module(*args); import_ir_module_from_buffer(*args); parse_ir(*args); parse_schema(text)",
    _HASH: "hash_tensor(input, *, mode=0)",
    _CUDA: "cudnn_batch_norm(*args); cudnn_convolution(*args); cudnn_convolution_transpose(*args); cudnn_affine_grid_generator(*args); cudnn_grid_sampler(*args); miopen_batch_norm(*args); miopen_convolution(*args); "
           "miopen_rnn(*args); miopen_ctc_loss(*args); mkldnn_convolution(*args); mkldnn_rnn_layer(*args); mkldnn_max_pool2d(*args); mkldnn_max_pool3d(*args); mkldnn_adaptive_avg_pool2d(*args)",
    _REMOVED: "eig(self, eigenvectors=False, *, e=None, v=None); lstsq(input, A, *, out=None); matrix_rank(input, tol=None, symmetric=False, *, out=None); solve(input, A, *, out=None); symeig(input, eigenvectors=False, upper=True, *, out=None)",
}
_OTHER = {"symeig": "rushlight.linalg.eigh", **{name: f"rushlight.linalg.{name}" for name in ("eig", "lstsq", "matrix_rank", "solve")}}
_TEXTS = {entry.split("(")[0].strip(): (entry.strip(), reason) for reason, entries in _SIGNATURES.items() for entry in entries.split(";")}

# Tensor's methods of the same kinds, where they are not those above
_METHODS = {
    _SPARSE: "to_sparse to_sparse_coo to_sparse_csr to_sparse_csc to_sparse_bsr to_sparse_bsc coalesce indices values crow_indices col_indices ccol_indices row_indices sparse_dim dense_dim sparse_mask "
             "sparse_resize_ sparse_resize_and_clear_ smm sspaddmm _nnz",
    _QUANTISED: "dequantize int_repr q_scale q_zero_point q_per_channel_scales q_per_channel_zero_points q_per_channel_axis qscheme",
    _NESTED: "to_padded_tensor", _HASH: "hash_tensor", _REMOVED: "eig lstsq solve symeig",
}
_METHOD_SIGNATURES = {"to_padded_tensor": "padding, output_size=None", "smm": "mat", "sspaddmm": "mat1, mat2, *, beta=1, alpha=1", "eig": "eigenvectors=False", "lstsq": "other", "solve": "other",
                      "symeig": "eigenvectors=False", "hash_tensor": "*, mode=0", "to_sparse": "sparseDims=None", "sparse_mask": "mask"}


def _refusal(name, text, reason):
    other = _OTHER.get(name) or name.split("_", 1)[-1]
    error = RuntimeError if reason is _REMOVED else NotImplementedError

    def refuse(*args, **kwargs):
        raise error(reason.format(name=name, other=other))
    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"{text}: {reason.format(name=name, other=other)}."
    refuse.__text_signature__ = text[text.index("("):]
    return refuse


def function(name):
    """The function that stands for a name of torch left out, or None if it is no such name."""
    return _refusal(name, *_TEXTS[name]) if name in _TEXTS else None


def chalf(self, memory_format=preserve_format):
    """complex32, which rushlight does not have: NotImplementedError."""
    raise NotImplementedError("rushlight has no complex32 tensors, which chalf() makes; cfloat() makes complex64")


def attach():
    """Methods that say that they are left out."""
    chalf.__qualname__, rl.Tensor.chalf = "Tensor.chalf", chalf
    for reason, names in _METHODS.items():
        for name in names.split():
            if not hasattr(rl.Tensor, name):
                method = _refusal(name, f"{name}({', '.join(filter(None, ('self', _METHOD_SIGNATURES.get(name))))})", reason)
                method.__qualname__ = f"Tensor.{name}"
                setattr(rl.Tensor, name, method)
