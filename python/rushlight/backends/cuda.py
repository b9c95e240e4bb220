"""torch.backends.cuda: not there. The switches that scripts set are kept as set."""

import contextlib

_switches = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True, "reduction": False}


class cuBLASModule:
    """Switches of matrix products."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    allow_fp16_accumulation = False
    fp32_precision = "none"


class cuFFTPlanCacheManager:
    """The plans of no devices."""

    size = 0
    max_size = 0

    def clear(self):
        """There is nothing to forget."""


matmul = cuBLASModule()
cufft_plan_cache = cuFFTPlanCacheManager()


def is_built() -> bool:
    """False."""
    return False


def _switch(name):
    def enable(enabled: bool) -> None:
        _switches[name] = bool(enabled)

    def is_enabled() -> bool:
        return _switches[name]

    enable.__doc__, is_enabled.__doc__ = "Remember the switch.", "What the switch was last set to."
    return enable, is_enabled


enable_flash_sdp, flash_sdp_enabled = _switch("flash")
enable_mem_efficient_sdp, mem_efficient_sdp_enabled = _switch("mem_efficient")
enable_math_sdp, math_sdp_enabled = _switch("math")
enable_cudnn_sdp, cudnn_sdp_enabled = _switch("cudnn")
allow_fp16_bf16_reduction_math_sdp, fp16_bf16_reduction_math_sdp_allowed = _switch("reduction")


def is_flash_attention_available() -> bool:
    """False: attention on the CPU has its own kernel."""
    return False


@contextlib.contextmanager
def sdp_kernel(enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True):
    """A block with these switches."""
    before = dict(_switches)
    _switches.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield {}
    finally:
        _switches.update(before)
