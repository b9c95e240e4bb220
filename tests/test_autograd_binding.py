"""Gradients as Python sees them: nodes, hooks, custom Functions, modes, backward's arguments and errors."""

import sys
import warnings

import numpy as np
import pytest

import rushlight as rl


def leaf(*values):
    return rl.tensor(list(values or (1.0, 2.0, 3.0)), requires_grad=True)


ONES = rl.ones(3)

# ---- nodes ---------------------------------------------------------------------------------------------------------------


def test_node_has_a_name_a_type_and_edges():
    x = leaf()
    y = x * 2
    z = y + y
    assert z.grad_fn.name() == "AddBackward0" and type(z.grad_fn).__name__ == "AddBackward0"
    assert repr(z.grad_fn).startswith("<AddBackward0 object at 0x")
    assert [(fn.name(), nr) for fn, nr in z.grad_fn.next_functions] == [("MulBackward0", 0)] * 2
    assert y.grad_fn.next_functions[0][0].name() == "torch::autograd::AccumulateGrad"
    assert type(y.grad_fn.next_functions[0][0]).__name__ == "AccumulateGrad"
    assert z.grad_fn._sequence_nr() > y.grad_fn._sequence_nr()
    assert isinstance(z.grad_fn, rl.autograd.graph.Node)
    assert z.grad_fn.metadata == {} and z.grad_fn.metadata is z.grad_fn.metadata


def test_saved_values_have_names():
    x, w = leaf(), rl.ones(3, requires_grad=True)
    y = x * w
    assert y.grad_fn._saved_self is x and y.grad_fn._saved_other is w
    assert x.exp().grad_fn._saved_result.tolist() == x.exp().tolist()
    y.backward(ONES)
    with pytest.raises(RuntimeError, match="second time"):
        y.grad_fn._saved_self
    with pytest.raises(AttributeError):
        y.grad_fn._saved_nonsense


def test_call_site_names_the_line():
    y = leaf() * 2
    code = y.grad_fn._site_code
    assert code.co_name == "test_call_site_names_the_line"
    lines = [position[0] for position in code.co_positions()]
    assert lines[y.grad_fn._site_offset // 2] == code.co_firstlineno + 1


# ---- tensor attributes ---------------------------------------------------------------------------------------------------


def test_requires_grad_and_leaves():
    x = rl.ones(3)
    assert x.is_leaf and not x.requires_grad and x.grad_fn is None
    assert x.requires_grad_() is x and x.requires_grad
    y = x * 2
    assert y.requires_grad and not y.is_leaf and y.output_nr == 0
    with pytest.raises(RuntimeError, match="only change requires_grad flags of leaf"):
        y.requires_grad = False
    with pytest.raises(RuntimeError, match="floating point"):
        rl.ones(2, dtype=rl.int64).requires_grad_()
    with pytest.raises(TypeError, match="must be a bool"):
        x.requires_grad = 1


@pytest.mark.parametrize("value, error, text", [
    (lambda: rl.ones(2), RuntimeError, "same size"), (lambda: 3, TypeError, "expected to be a Tensor"),
    (lambda: rl.ones(3, dtype=rl.float64), RuntimeError, "dtype"),
])
def test_grad_is_checked(value, error, text):
    x = leaf()
    with pytest.raises(error, match=text):
        x.grad = value()
    assert x.grad is None


def test_grad_of_a_result_warns():
    y = leaf() * 2
    with pytest.warns(UserWarning, match="not a leaf Tensor"):
        assert y.grad is None
    y.retain_grad()
    y.backward(ONES)
    assert y.retains_grad and y.grad.tolist() == [1, 1, 1]


def test_detach_and_data():
    x = leaf()
    y = x * 2
    d = y.detach()
    assert d.grad_fn is None and not d.requires_grad and d.data_ptr() == y.data_ptr()
    d.mul_(0)
    assert y._version == 1, "detach shares the version counter"
    y.data.fill_(5)
    assert y._version == 1 and y.tolist() == [5, 5, 5], "data does not"
    assert y.detach_() is y and y.is_leaf
    x.data = rl.zeros(2)
    assert x.shape == (2,) and x.requires_grad


# ---- backward ------------------------------------------------------------------------------------------------------------


def test_backward_needs_a_scalar_or_a_gradient():
    y = leaf() * 2
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        y.backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        y.backward(rl.ones(2))
    with pytest.raises(RuntimeError, match="does not require grad"):
        rl.ones(()).backward()
    with pytest.raises(TypeError):
        y.backward(1, 2, 3, 4, 5, 6, 7)


def test_second_backward():
    x = leaf()
    y = x * x
    y.backward(ONES, retain_graph=True)
    y.backward(ONES)
    assert x.grad.tolist() == [4, 8, 12]
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward(ONES)


def test_grad_with_all_arguments():
    x, unused = leaf(), leaf()
    y = x * x * x
    (g,) = rl.autograd.grad(y, x, ONES, create_graph=True)
    assert g.tolist() == [3, 12, 27] and g.requires_grad
    (gg,) = rl.autograd.grad(g, x, ONES)
    assert gg.tolist() == [6, 12, 18] and x.grad is None
    y = x * 2
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        rl.autograd.grad(y, [x, unused], ONES, retain_graph=True)
    assert rl.autograd.grad(y, [x, unused], ONES, allow_unused=True, retain_graph=True)[1] is None
    assert rl.autograd.grad(y, [x, unused], ONES, materialize_grads=True)[1].tolist() == [0, 0, 0]


def test_gradient_of_an_inner_result_and_of_an_edge():
    x = leaf()
    y = x * 2
    z = y * y
    (g,) = rl.autograd.grad(z, y, ONES, retain_graph=True)
    assert g.tolist() == [4, 8, 12]
    edge = rl.autograd.graph.get_gradient_edge(y)
    (g,) = rl.autograd.grad(z, edge, ONES)
    assert g.tolist() == [4, 8, 12]


def test_backward_to_chosen_inputs():
    x, w = leaf(), leaf()
    (x * w).backward(ONES, inputs=[x])
    assert x.grad.tolist() == [1, 2, 3] and w.grad is None


# ---- hooks ---------------------------------------------------------------------------------------------------------------


def test_tensor_hooks_replace_in_order_and_can_be_removed():
    x = leaf()
    y = x * 2
    first = y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)
    (y * 1).backward(ONES, retain_graph=True)
    assert x.grad.tolist() == [22, 22, 22]
    first.remove()
    x.grad = None
    (y * 1).backward(ONES)
    assert x.grad.tolist() == [4, 4, 4]
    x = leaf()
    x.register_hook(lambda g: g * 3)
    (x * 1).backward(ONES)
    assert x.grad.tolist() == [3, 3, 3]


@pytest.mark.parametrize("answer, error, text", [(3, TypeError, "expected Variable"), (rl.ones(2), RuntimeError, "changed the size")])
def test_tensor_hook_with_a_bad_answer(answer, error, text):
    x = leaf()
    x.register_hook(lambda g: answer)
    with pytest.raises(error, match=text):
        (x * 1).backward(ONES)


def test_hook_that_raises():
    x = leaf()

    def boom(g):
        raise KeyError("boom")

    x.register_hook(boom)
    with pytest.raises(KeyError, match="boom"):
        (x * 1).backward(ONES)
    assert (x.detach() + 1).tolist() == [2, 3, 4]


def test_hooks_are_refused_where_they_make_no_sense():
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        rl.ones(2).register_hook(print)
    with pytest.raises(RuntimeError, match="non-leaf"):
        (leaf() * 2).register_post_accumulate_grad_hook(print)


def test_post_accumulate_hook():
    x, seen = leaf(), []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.tolist())))
    (x * 2).backward(ONES)
    handle.remove()
    (x * 2).backward(ONES)
    assert seen == [(True, [2, 2, 2])]


def test_node_hooks():
    x, w = leaf(), leaf()
    y = x * w
    seen = []
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 2,))
    y.grad_fn.register_hook(lambda gi, go: seen.append((len(gi), len(go))))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] + 1, gi[1]))
    y.backward(ONES)
    assert seen == [(2, 1)] and x.grad.tolist() == [3, 5, 7] and w.grad.tolist() == [2, 4, 6]


def test_saved_tensor_hooks():
    packed = []

    def pack(t):
        packed.append(t.tolist())
        return len(packed)

    x = leaf()
    with rl.autograd.graph.saved_tensors_hooks(pack, lambda n: rl.full((3,), float(n))):
        y = x * x
    y.backward(ONES)
    assert packed == [[1, 2, 3]] * 2 and x.grad.tolist() == [3, 3, 3]
    with rl.autograd.graph.disable_saved_tensors_hooks("not here"), pytest.raises(RuntimeError, match="not here"):
        with rl.autograd.graph.saved_tensors_hooks(pack, pack):
            pass


# ---- custom Functions ----------------------------------------------------------------------------------------------------


class Scale(rl.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor, w):
        ctx.factor = factor
        ctx.save_for_backward(x, w)
        return x * factor * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * ctx.factor * w, None, g * ctx.factor * x


def test_function_and_its_second_derivative():
    x, w = leaf(), leaf()
    y = Scale.apply(x, 2.0, w)
    assert y.grad_fn.name() == "ScaleBackward" and type(y.grad_fn) is Scale._backward_cls
    gx, gw = rl.autograd.grad(y, (x, w), ONES, create_graph=True)
    assert gx.tolist() == [2, 4, 6] and gw.tolist() == [2, 4, 6]
    (mixed,) = rl.autograd.grad(gx, w, ONES)
    assert mixed.tolist() == [2, 2, 2]


def test_function_needs_input_grad_and_modes():
    seen = {}

    class Look(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, n):
            seen["needs"], seen["grad mode"] = ctx.needs_input_grad, rl.is_grad_enabled()
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g, None, None

    x = leaf()
    y = Look.apply(x, ONES, 3)
    assert seen == {"needs": (True, False, False), "grad mode": False} and y.requires_grad
    with rl.no_grad():
        assert not Look.apply(x, ONES, 3).requires_grad
    assert not Look.apply(ONES, ONES, 3).requires_grad


def test_function_with_setup_context_and_several_results():
    class Both(rl.autograd.Function):
        @staticmethod
        def forward(x, n=2):
            return x * n, x + n

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.n = inputs
            ctx.save_for_backward(output[0])

        @staticmethod
        def backward(ctx, g, h):
            (saved,) = ctx.saved_tensors
            assert saved.grad_fn is None and h is not None
            return g * ctx.n + h, None

    x = leaf()
    a, b = Both.apply(x, 3)
    assert b.output_nr == 1
    a.backward(ONES, retain_graph=True)
    assert x.grad.tolist() == [3, 3, 3]
    (a + b).backward(ONES)
    assert x.grad.tolist() == [7, 7, 7]


def test_function_marks():
    class Marks(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x, written):
            written.add_(1)
            whole = x * 2
            ctx.mark_dirty(written)
            ctx.mark_non_differentiable(whole)
            ctx.set_materialize_grads(False)
            return x * 3, whole, written

        @staticmethod
        def backward(ctx, g, unused, h):
            assert unused is None
            return g * 3, h

    x, y = leaf(), leaf() * 1
    a, b, c = Marks.apply(x, y)
    assert c is y and y.grad_fn is a.grad_fn and not b.requires_grad
    a.backward(ONES)
    assert x.grad.tolist() == [3, 3, 3]
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        Marks.apply(x, leaf())


@pytest.mark.parametrize("answer, text", [
    (lambda g: (g,), "incorrect number of gradients"), (lambda g: (g, g), "different from None at position 2"),
    (lambda g: (3, None), "expected Variable or None"), (lambda g: (rl.ones(7), None), "invalid gradient at index 0"),
])
def test_function_with_a_bad_backward(answer, text):
    class Bad(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x, n):
            return x * n

        @staticmethod
        def backward(ctx, g):
            return answer(g)

    with pytest.raises((RuntimeError, TypeError), match=text):
        Bad.apply(leaf(), 2).backward(ONES)


def test_function_returns_its_input():
    class Same(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    x = leaf()
    y = Same.apply(x)
    assert y is not x and y.data_ptr() == x.data_ptr()
    y.backward(ONES)
    assert x.grad.tolist() == [5, 5, 5]


def test_function_saved_tensor_written_later():
    x, w = leaf() * 1, leaf()
    y = Scale.apply(x, 2.0, w)
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward(ONES)


def test_once_differentiable():
    class Once(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @rl.autograd.function.once_differentiable
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    x = leaf()
    (g,) = rl.autograd.grad(Once.apply(x), x, rl.ones(3, requires_grad=True), create_graph=True)
    assert g.tolist() == [2, 4, 6]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward(ONES)


# ---- modes ---------------------------------------------------------------------------------------------------------------


def test_grad_modes():
    x = leaf()
    with rl.no_grad():
        assert not (x * 2).requires_grad and not rl.is_grad_enabled()
        with rl.enable_grad():
            assert (x * 2).requires_grad
    assert rl.is_grad_enabled()

    @rl.no_grad()
    def quiet():
        return x * 2

    assert not quiet().requires_grad
    with rl.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    with rl.inference_mode():
        y = x * 2
        assert y.is_inference()
    with pytest.raises(RuntimeError, match="Inference tensors"):
        y * x


def test_anomaly_mode_names_the_forward_call():
    class Fails(rl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise ValueError("no way back")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with rl.autograd.detect_anomaly(), pytest.raises(ValueError, match="no way back"):
            y = Fails.apply(leaf())
            y.backward(ONES)
    texts = [str(w.message) for w in caught]
    assert any("Error detected in FailsBackward" in t and "y = Fails.apply(leaf())" in t for t in texts)


def test_version_counter_error_names_what_happened():
    x = leaf()
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward(ONES)


def message_of_backward(z):
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as caught:
        z.sum().backward()
    return str(caught.value)


def lines_of(function, *offsets):
    return [f"{__file__}:{function.__code__.co_firstlineno + offset}" for offset in offsets]


def test_version_error_names_the_writers():
    def three_writes():
        y = leaf() * 1
        z = y.exp()
        z.mul_(2)
        z += 1
        z[0] = 5
        return z

    saved, added, filled = lines_of(three_writes, 2, 4, 5)
    text = message_of_backward(three_writes())
    assert f"saved by exp() at {saved}. Written since by add_() at {added}, then by fill_() at {filled} (and by 1 more" in text


def test_version_error_finds_the_line_behind_the_package():
    def through_python():
        z = (leaf() * 1).sigmoid()
        rl.nn.functional.relu(z, inplace=True)
        return z

    assert f"Written since by relu_() at {lines_of(through_python, 2)[0]}." in message_of_backward(through_python())


def test_version_error_through_out():
    w = rl.ones(3)
    z = w * leaf()
    rl.add(w, 1, out=w)
    assert f"Written since by add_() at {__file__}:" in message_of_backward(z)


def test_version_error_after_no_grad():
    w = rl.ones(3)
    z = w * leaf()
    with rl.no_grad():
        w.add_(1)
    assert "Written since under no_grad" in message_of_backward(z)


def test_notes_on_writers_die_with_the_storage():
    def write(x):
        x.add_(1)
        x.mul_(2)
        x.sub_(3)

    before = sys.getrefcount(write.__code__)
    x = rl.ones(3)
    write(x)
    during = sys.getrefcount(write.__code__)
    del x
    after = sys.getrefcount(write.__code__)
    assert (during, after) == (before + 2, before)


def test_leaf_written_in_place():
    x = leaf()
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.add_(1)
    with rl.no_grad():
        x.add_(1)
    assert x.tolist() == [2, 3, 4]


# ---- which hooks run where gradients are asked for

def hooked():
    a = rl.tensor(1.0, requires_grad=True)
    b = a.clone()
    c = b.clone()
    accumulator = b.grad_fn.next_functions[0][0]
    b.register_hook(lambda g: g * 3)
    b.grad_fn.register_prehook(lambda g: (g[0] * 5,))
    a.register_hook(lambda g: g * 7)
    accumulator.register_prehook(lambda g: (g[0] * 11,))
    return a, b, c


def test_a_node_that_gradients_end_at_does_not_run_its_hooks():
    a, b, c = hooked()
    assert rl.autograd.grad(c, b, retain_graph=True)[0] == 3
    assert rl.autograd.grad(c, a, retain_graph=True)[0] == 3 * 5 * 7
    assert [g.item() for g in rl.autograd.grad(c, (a, b), retain_graph=True)] == [3 * 5 * 7, 1]
    b.retain_grad()
    for inputs in (None, (a, b), (a,)):
        a.grad = b.grad = None
        c.backward(inputs=inputs, retain_graph=True)
        assert (a.grad.item(), b.grad.item()) == (3 * 5 * 7 * 11, 3)
    a.grad = b.grad = None
    c.backward(inputs=(b,), retain_graph=True)
    assert a.grad is None and b.grad == 3 and b.retains_grad


def test_a_hook_after_accumulation_returns_nothing_or_a_tensor():
    x = rl.ones(2, requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda t: t.data.sub_(t.grad))
    x.sum().backward()
    assert x.tolist() == [0, 0]
    x.register_post_accumulate_grad_hook(lambda t: 3)
    with pytest.raises(TypeError, match="expected Variable, but hook .* returned 'int'"):
        x.sum().backward()


def test_hooks_of_a_node_see_the_inputs_that_can_have_gradients():
    x, seen = rl.rand(3, 3, requires_grad=True), []
    for f, inputs in ((rl.clone, 1), (lambda t: t.softmax(0), 1), (lambda t: t.index_select(0, rl.tensor([1])), 1),
                      (lambda t: t.where(t > 0, rl.zeros(3)), 2), (lambda t: rl.cat([t, t]), 2), (lambda t: t @ t, 2)):
        y = f(x)
        y.grad_fn.register_hook(lambda ins, outs: seen.append((len(ins), len(outs))))
        y.sum().backward()
        assert seen.pop() == (inputs, 1) and len(y.grad_fn.next_functions) == inputs
    x.grad = None
    y = x.clone()
    y.grad_fn.register_hook(lambda ins, outs: (outs[0] * 2,))
    y.sum().backward()
    assert x.grad.eq(2).all()


def test_gradients_awaited_together_are_those_on_the_way_to_the_inputs():
    a, b = rl.rand(2, requires_grad=True), rl.rand(2, requires_grad=True)
    c, d, seen = a * b, a * b, []
    rl.autograd.graph.register_multi_grad_hook((a, b, c, d), lambda grads: seen.append([g is not None for g in grads]))
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    assert seen == [[True, True, True, False], [True, False, True, False]]


def test_numpy_of_a_tensor_that_requires_grad_where_nothing_is_recorded():
    x = rl.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="requires grad"):
        x.numpy()
    with rl.no_grad():
        assert x.numpy().tolist() == np.asarray(x).tolist() == [1.0, 1.0]


def test_resizing_counts_as_a_write():
    x = rl.ones(4)
    x.resize_(2, 2)
    assert x._version == 1
    x.resize_(2, 2)
    assert x._version == 1


# ---- views that may not be written to -------------------------------------------------------------------------------------


class Same(rl.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 10


class AsView(Same):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)


class Add(rl.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.mark_dirty(x.add_(y))
        return x

    @staticmethod
    def backward(ctx, g):
        return g, g * 10


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("make, words", [(lambda x: x.unbind()[0], "function that returns multiple views"), (lambda x: x.unbind()[0].view(-1), "function that returns multiple views"),
                                         (Same.apply, "inside a custom Function"), (AsView.apply, "inside a custom Function")], ids=["several", "view of one of several", "passed through", "Function"])
def test_views_whose_writes_cannot_be_followed(make, words, requires_grad):
    x = rl.ones(2, 2, requires_grad=requires_grad).clone()
    with pytest.raises(RuntimeError, match=words):
        make(x).add_(rl.ones(1, requires_grad=True))
    with rl.no_grad():
        make(x).add_(1)
    assert rl.equal(x.detach().sum(), x.detach().new_tensor(6.0 if words[0] == "f" else 8.0))


def test_views_made_without_recording_are_leaves_that_require_grad_as_their_base_does():
    weight = rl.nn.Parameter(rl.ones(3))
    with rl.no_grad():
        views = weight[1:], weight.view(3), weight.unbind()[0], weight[0]
        plain = rl.ones(3).view(3)
    assert all(v.requires_grad and v.is_leaf for v in views) and not plain.requires_grad
    for view in views:
        with pytest.raises(RuntimeError, match="created in no_grad mode"):
            view.mul_(2)
    with pytest.raises(RuntimeError, match="created in no_grad mode"):
        plain.mul_(weight)
    plain.mul_(2)
    assert weight.tolist() == [1.0, 1.0, 1.0] and plain.tolist() == [2.0, 2.0, 2.0]


def test_views_under_inference_mode():
    x = leaf().clone()
    with rl.inference_mode():
        view, made = x.view(3), rl.ones(3)
        assert not view.is_inference() and view.requires_grad and made.is_inference()
        view.add_(1)
    assert made.view(3).is_inference() and x.tolist() == [2.0, 3.0, 4.0]
    with pytest.raises(RuntimeError, match="in inference mode and is being modified inplace in normal mode"):
        x.clone(), view.add_(1)
    with rl.no_grad(), pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        made.add_(1)


def test_a_custom_function_may_write_to_a_view():
    x, y = leaf(1.0, 2.0), leaf(5.0)
    base = x * 2
    result = Add.apply(base[:1], y)
    assert result._is_view() and base.tolist() == [7.0, 4.0]
    (base * 3).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0] and y.grad.tolist() == [30.0]
    base, y.grad = rl.zeros(2), None
    Add.apply(base[:1], y)
    base.sum().backward()
    assert y.grad.tolist() == [10.0]
    with pytest.raises(RuntimeError, match="returns multiple views"):
        Add.apply((x * 2).unbind()[0], y[0])
    with pytest.raises(RuntimeError, match="view of a leaf"):
        Add.apply(x[:1], y)


# ---- the engine, asked directly -------------------------------------------------------------------------------------------


def test_a_node_can_be_called_with_gradients():
    x = leaf(2.0)
    y = x ** 2
    assert y.grad_fn(rl.tensor([3.0])).tolist() == [12.0]
    with pytest.raises(TypeError, match="expected 1 arguments, got 0 instead"):
        y.grad_fn()
    y.grad_fn.next_functions[0][0](rl.tensor([5.0]))
    assert x.grad.tolist() == [5.0]


def test_callbacks_run_when_backward_is_done():
    engine, seen, x = rl.autograd.Variable._execution_engine, [], leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: engine.queue_callback(lambda: seen.append(x.grad.item())))
    y.sum().backward()
    assert seen == [2.0]
    with pytest.raises(RuntimeError, match="during backward"):
        engine.queue_callback(print)


def test_a_leaf_frozen_after_forward_gets_no_gradient():
    layer = rl.nn.Linear(2, 2)
    loss = layer(rl.ones(2)).sum()
    layer.weight.requires_grad_(False)
    loss.backward()
    assert layer.weight.grad is None and layer.bias.grad is not None


def test_operations_without_a_derivative_say_so_in_backward():
    x = leaf(1.0, 2.5, 2.5)
    for y, name in ((x // 2, "floor_divide"), (rl.heaviside(x, x), "heaviside"), (rl.unique(x), "unique2"), (rl.unique(x, dim=0), "unique_dim"),
                    (rl.unique_consecutive(x), "unique_consecutive"), (rl.bincount(rl.tensor([0, 1, 1]), x), "bincount")):
        assert y.requires_grad
        with pytest.raises((RuntimeError, NotImplementedError), match=f"derivative for '?(aten::)?{name}'? is not implemented"):
            y.sum().backward()


def test_a_view_of_a_tensor_that_came_to_require_grad_is_not_written_to():
    x = rl.ones(3)
    view = x[:2]
    x.requires_grad_()
    with pytest.raises(RuntimeError, match="view of a leaf"):
        view.add_(1)
