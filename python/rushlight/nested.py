"""torch.nested's names: there are no nested tensors here, and each says what to use instead."""


def _absent(name):
    def refuse(*args, **kwargs):
        raise NotImplementedError(f"rushlight has no nested tensors, which nested.{name}() makes or takes: pad with nn.utils.rnn.pad_sequence, or keep a list")
    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Says that there are no nested tensors."
    return refuse


nested_tensor, as_nested_tensor, to_padded_tensor, nested_tensor_from_jagged, narrow, masked_select = map(
    _absent, ("nested_tensor", "as_nested_tensor", "to_padded_tensor", "nested_tensor_from_jagged", "narrow", "masked_select"))
