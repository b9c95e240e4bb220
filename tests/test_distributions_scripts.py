"""What people write with distributions trains as under torch: the losses of twenty steps, from one seed."""

import numpy as np
import pytest

import rushlight as rl

# The first step differs by rounding only; then each step carries the differences on.
STEPS, FIRST, LATER = 20, 1e-6, 1e-5


def vae(torch):
    """A variational auto-encoder: reparameterised normal code, Bernoulli pixels, closed-form divergence."""
    nn, d = torch.nn, torch.distributions
    encoder, decoder = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 8)), nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 20))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-2)
    x = torch.rand(64, 20).round()
    for _ in range(STEPS):
        loc, raw = encoder(x).chunk(2, -1)
        q = d.Normal(loc, nn.functional.softplus(raw) + 1e-3)
        p = d.Independent(d.Bernoulli(logits=decoder(q.rsample())), 1)
        yield optimizer, (d.kl_divergence(q, d.Normal(0.0, 1.0)).sum(-1) - p.log_prob(x)).mean()


def reinforce(torch):
    """Policy gradients with a categorical policy and an entropy bonus."""
    nn, d = torch.nn, torch.distributions
    policy = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 3))
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.05)
    for _ in range(STEPS):
        states = torch.randn(32, 4)
        choice = d.Categorical(logits=policy(states))
        action = choice.sample()
        reward = (action == states[:, :3].argmax(-1)).float()
        yield optimizer, -(choice.log_prob(action) * (reward - reward.mean())).mean() - 0.01 * choice.entropy().mean()


def actor(torch):
    """A squashed normal policy, as in soft actor-critic."""
    nn, d = torch.nn, torch.distributions
    net = nn.Linear(3, 4)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(STEPS):
        loc, log_scale = net(torch.randn(16, 3)).chunk(2, -1)
        policy = d.TransformedDistribution(d.Normal(loc, log_scale.exp()), [d.TanhTransform(cache_size=1)])
        action = policy.rsample()
        yield optimizer, (0.1 * policy.log_prob(action).sum(-1) + action.pow(2).sum(-1)).mean()


def flow(torch):
    """Density estimation by a chain of transforms."""
    d = torch.distributions
    loc, scale = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([loc, scale], lr=0.05)
    data = torch.randn(200, 2).exp() * 2
    for _ in range(STEPS):
        base = d.Independent(d.Normal(torch.zeros(2), torch.ones(2)), 1)
        fitted = d.TransformedDistribution(base, [d.AffineTransform(loc, scale.exp(), event_dim=1), d.ExpTransform()])
        yield optimizer, -fitted.log_prob(data).mean()


def mixture(torch):
    """A Gaussian mixture fitted by gradient."""
    d = torch.distributions
    weights, loc, log_scale = torch.zeros(3, requires_grad=True), torch.randn(3, 2, requires_grad=True), torch.zeros(3, 2, requires_grad=True)
    optimizer = torch.optim.Adam([weights, loc, log_scale], lr=0.1)
    data = torch.cat([torch.randn(50, 2) + 3, torch.randn(50, 2) - 3, torch.randn(50, 2)])
    for _ in range(STEPS):
        fitted = d.MixtureSameFamily(d.Categorical(logits=weights), d.Independent(d.Normal(loc, log_scale.exp()), 1))
        yield optimizer, -fitted.log_prob(data).mean()


def covariance(torch):
    """Maximum likelihood of a normal vector whose Cholesky factor is unconstrained."""
    d = torch.distributions
    raw, loc = torch.eye(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([raw, loc], lr=0.1)
    data = torch.randn(100, 3) @ torch.randn(3, 3) + 1
    to_factor = d.transform_to(d.constraints.lower_cholesky)
    for _ in range(STEPS):
        yield optimizer, -d.MultivariateNormal(loc, scale_tril=to_factor(raw)).log_prob(data).mean()


def gumbel(torch):
    """A relaxed choice between three numbers."""
    d = torch.distributions
    logits = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(STEPS):
        chosen = d.RelaxedOneHotCategorical(torch.tensor(0.7), logits=logits).rsample((16,))
        yield optimizer, (chosen @ torch.tensor([1.0, -2.0, 0.5])).mean()


SCRIPTS = [vae, reinforce, actor, flow, mixture, covariance, gumbel]


def losses(torch, script):
    torch.manual_seed(0)
    found = []
    for optimizer, loss in script(torch):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return np.array(found)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_losses_are_torchs(script):
    torch = pytest.importorskip("torch")
    ours, torchs = losses(rl, script), losses(torch, script)
    assert ours[0] == pytest.approx(torchs[0], rel=FIRST, abs=FIRST)
    np.testing.assert_allclose(ours, torchs, rtol=LATER, atol=LATER)
    assert ours[-1] < ours[0]


def test_posterior_of_a_coin():
    """Implicit gradients of beta samples find the posterior, which is known: Beta(1 + heads, 1 + tails)."""
    d = rl.distributions
    rl.manual_seed(0)
    heads, tails = 14, 6
    logs = rl.zeros(2, requires_grad=True)
    optimizer = rl.optim.Adam([logs], lr=0.05)
    for _ in range(600):
        q = d.Beta(*logs.exp())
        p = q.rsample((64,)).clamp(1e-4, 1 - 1e-4)
        loss = -(heads * p.log() + tails * (1 - p).log()).mean() + d.kl_divergence(q, d.Beta(1.0, 1.0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    posterior = d.Beta(1.0 + heads, 1.0 + tails)
    assert d.kl_divergence(q, posterior).item() < 0.02
