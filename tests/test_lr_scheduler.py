"""Learning rate schedules: the rates and momenta of torch, saved and resumed, warnings and refusals; averages of weights."""

import copy
import warnings

import pytest

import rushlight as rl

EPOCHS = 25

SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, [lambda e: 0.9 ** e, lambda e: 1 / (1 + e)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9),
    "step": lambda s, o: s.StepLR(o, 4, 0.5),
    "milestones": lambda s, o: s.MultiStepLR(o, [3, 9, 9, 20]),
    "constant": lambda s, o: s.ConstantLR(o, 0.5, 9),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.8, total_iters=12),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 20, 2.0),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 10, 0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, 0.01),
    "triangular": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4),
    "triangular2": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.1, 0.2], 3, 5, mode="triangular2"),
    "exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, mode="exp_range", gamma=0.95, cycle_momentum=False),
    "scaled": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, scale_fn=lambda x: 1 / x, scale_mode="cycle"),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=EPOCHS + 1),
    "three phases": lambda s, o: s.OneCycleLR(o, [0.3, 0.6], epochs=4, steps_per_epoch=8, anneal_strategy="linear", three_phase=True),
    "sequence": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1), s.CosineAnnealingLR(o, 10), s.StepLR(o, 3)], [5, 15]),
    "chain": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9)]),
    "swa": lambda s, o: s.SWALR(o, 0.3, anneal_epochs=5, anneal_strategy="linear"),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, "max", 0.5, 1, cooldown=2, min_lr=[0.01, 0.05]),
}


def optimizer_of(lib, name="SGD", **options):
    options = options or {"lr": 0.5, "momentum": 0.9}
    params = [lib.ones(2, requires_grad=True) for _ in range(2)]
    return getattr(lib.optim, name)([{"params": params[:1]}, {"params": params[1:], "lr": 0.2}], **options)


def begin(lib, name):
    optimizer = optimizer_of(lib)
    home = lib.optim.swa_utils if name == "swa" else lib.optim.lr_scheduler
    return optimizer, SCHEDULES[name](home, optimizer)


def run(optimizer, scheduler, epochs):
    seen = []
    for epoch in epochs:
        optimizer.step()
        scheduler.step(*([min(epoch, 8) / 10] if type(scheduler).__name__ == "ReduceLROnPlateau" else []))
        seen.append([[float(g["lr"]), float(g["momentum"])] for g in optimizer.param_groups] + [list(map(float, scheduler.get_last_lr()))])
    return seen


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_torchs(name):
    torch = pytest.importorskip("torch")
    # The same operations on Python numbers in the same order, but for a few that are regrouped: the last bits may differ.
    for ours, theirs in zip(run(*begin(rl, name), range(EPOCHS)), run(*begin(torch, name), range(EPOCHS)), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert a == pytest.approx(b, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", [n for n in SCHEDULES if n != "scaled"])
def test_resumed_it_goes_on(name):
    whole = run(*begin(rl, name), range(EPOCHS))
    first, second = begin(rl, name), begin(rl, name)
    run(*first, range(10))
    for a, b in zip(first, second):
        b.load_state_dict(copy.deepcopy(a.state_dict()))
    assert run(*second, range(10, EPOCHS)) == whole[10:]


@pytest.mark.parametrize("name", ["step", "milestones", "constant", "linear", "exponential", "polynomial", "cosine", "lambda"])
def test_closed_form_meets_the_chain(name):
    optimizer, chained = begin(rl, name)
    run(optimizer, chained, range(7))
    _, closed = begin(rl, name)
    with pytest.warns(UserWarning, match="deprecated"):
        closed.step(7)
    assert closed.get_last_lr() == pytest.approx(chained.get_last_lr(), rel=1e-12)


def test_adam_moves_its_first_beta():
    optimizer = optimizer_of(rl, "Adam", lr=0.1)
    rl.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.999)
    with pytest.raises(ValueError, match="must support momentum"):
        rl.optim.lr_scheduler.CyclicLR(optimizer_of(rl, "Adagrad", lr=0.1), 0.1, 0.2)


def test_a_tensor_rate_keeps_its_identity():
    rate = rl.tensor(0.5)
    optimizer = rl.optim.SGD([rl.ones(2, requires_grad=True)], lr=rate)
    scheduler = rl.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.25


def test_order_of_steps_is_watched():
    scheduler = rl.optim.lr_scheduler.StepLR(optimizer_of(rl), 3)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    optimizer = optimizer_of(rl)
    scheduler = rl.optim.lr_scheduler.StepLR(optimizer, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()


def test_refusals():
    s, o = rl.optim.lr_scheduler, optimizer_of(rl)
    for error, match, make in [
        (TypeError, "is not an Optimizer", lambda: s.StepLR(rl.nn.Linear(1, 1), 3)),
        (KeyError, "initial_lr", lambda: s.StepLR(optimizer_of(rl), 3, last_epoch=2)),
        (ValueError, "Expected 2 lr_lambdas", lambda: s.LambdaLR(o, [abs])),
        (TypeError, "should be a function", lambda: s.MultiplicativeLR(o, 0.9)),
        (ValueError, "between 0 and 1", lambda: s.ConstantLR(o, 2.0)),
        (ValueError, "Starting multiplicative", lambda: s.LinearLR(o, 0)),
        (ValueError, "positive integer T_0", lambda: s.CosineAnnealingWarmRestarts(o, 0)),
        (ValueError, "total_steps OR", lambda: s.OneCycleLR(o, 0.1)),
        (ValueError, "same length", lambda: s.OneCycleLR(o, [0.1], total_steps=5)),
        (ValueError, "mode is invalid", lambda: s.CyclicLR(o, 0.1, 0.2, mode="square")),
        (ValueError, "one more than", lambda: s.SequentialLR(o, [s.StepLR(o, 3)], [1])),
        (ValueError, "does not support `ReduceLROnPlateau`", lambda: s.ChainedScheduler([s.StepLR(o, 3), s.ReduceLROnPlateau(o)])),
        (ValueError, "same optimizer", lambda: s.SequentialLR(o, [s.StepLR(optimizer_of(rl), 3)], [])),
        (ValueError, "Factor should be < 1.0", lambda: s.ReduceLROnPlateau(o, factor=1.0)),
        (ValueError, "mode up is unknown", lambda: s.ReduceLROnPlateau(o, "up")),
    ]:
        with pytest.raises(error, match=match):
            make()
    cycle = s.OneCycleLR(o, 0.1, total_steps=2)
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        run(o, cycle, range(4))


# ---- averages of weights

def test_averaged_models():
    model = rl.nn.Linear(2, 1)
    for average, expected in [(rl.optim.swa_utils.AveragedModel(model), 2.0),
                              (rl.optim.swa_utils.AveragedModel(model, multi_avg_fn=rl.optim.swa_utils.get_ema_multi_avg_fn(0.5)), 2.25),
                              (rl.optim.swa_utils.AveragedModel(model, avg_fn=lambda a, p, n: a + p), 6.0)]:
        for value in (1.0, 2.0, 3.0):
            with rl.no_grad():
                model.weight.fill_(value)
            average.update_parameters(model)
        assert average.module.weight.tolist() == [[expected, expected]] and average.n_averaged.item() == 3
        assert list(average.state_dict()) == ["n_averaged", "module.weight", "module.bias"]


def test_update_bn_measures_anew():
    norm = rl.nn.BatchNorm1d(1)
    batches = [rl.tensor([[0.0], [2.0]]), rl.tensor([[4.0], [6.0]])]
    rl.optim.swa_utils.update_bn(batches, norm.eval())
    assert norm.running_mean.tolist() == [3] and norm.momentum == 0.1 and not norm.training
