"""Ten small training runs, each written once and run under both libraries: the losses of the first twenty steps are torch's.

Draws and initial values are equal in bits, so the first loss differs by the rounding of one forward alone: a few sums of some
hundred float32 products, each with its own order of additions, stay within 1e-6 of each other (eight ulps).  From then on every
step feeds its rounding into the parameters of the next; twenty steps at these rates grow it at most tenfold, hence 1e-5.  Losses that
can come near zero are followed relative to a tenth of what the run began with."""

import pytest

import rushlight

STEPS, FIRST, LATER = 20, 1e-6, 1e-5


def train(torch, model, optimizer, loss_of):
    """The losses of twenty steps; loss_of(step) gives one."""
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(step)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def mlp(torch):
    nn = torch.nn
    model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Linear(32, 5))
    x, target = torch.randn(48, 20), torch.randint(0, 5, (48,))
    return train(torch, model, torch.optim.Adam(model.parameters(), lr=1e-3), lambda step: nn.functional.cross_entropy(model(x), target))


def lenet(torch):
    nn, F = torch.nn, torch.nn.functional

    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
            self.drop2d, self.drop = nn.Dropout2d(0.25), nn.Dropout(0.5)
            self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = self.drop2d(F.max_pool2d(F.relu(self.conv2(x)), 2)).flatten(1)
            return self.fc3(F.relu(self.fc2(self.drop(F.relu(self.fc1(x))))))

    model = LeNet()
    data = torch.utils.data.TensorDataset(torch.rand(80, 1, 28, 28), torch.randint(0, 10, (80,)))
    batches = [b for _ in range(4) for b in torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
    return train(torch, model, optimizer, lambda step: F.cross_entropy(model(batches[step][0]), batches[step][1]))


def lstm(torch):
    nn = torch.nn

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.out = nn.Embedding(30, 16), nn.LSTM(16, 24, 2, batch_first=True, dropout=0.2, bidirectional=True), nn.Linear(48, 7)

        def forward(self, words):
            return self.out(self.rnn(self.embed(words))[0])

    model, words, tags = Tagger(), torch.randint(0, 30, (8, 12)), torch.randint(0, 7, (8, 12))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

    return train(torch, model, optimizer, lambda step: nn.functional.cross_entropy(model(words).flatten(0, 1), tags.flatten()))


def gru(torch):
    nn = torch.nn
    rnn, head = nn.GRU(3, 20, batch_first=True), nn.Linear(20, 1)
    parameters = [*rnn.parameters(), *head.parameters()]
    x = torch.cumsum(torch.randn(16, 25, 3) * 0.1, 1)
    y = x.sum(-1, keepdim=True).roll(-1, 1)
    optimizer = torch.optim.RMSprop(parameters, lr=2e-3)

    def loss_of(step):
        loss = nn.functional.smooth_l1_loss(head(rnn(x)[0]), y)
        return loss + 1e-3 * sum(p.square().sum() for p in parameters)

    return train(torch, rnn, optimizer, loss_of)


def vae(torch):
    nn, F = torch.nn, torch.nn.functional
    encoder, to_mean, to_log = nn.Sequential(nn.Linear(64, 40), nn.ReLU()), nn.Linear(40, 8), nn.Linear(40, 8)
    decoder = nn.Sequential(nn.Linear(8, 40), nn.ReLU(), nn.Linear(40, 64))
    parameters = [p for m in (encoder, to_mean, to_log, decoder) for p in m.parameters()]
    x = (torch.rand(32, 64) > 0.6).float()

    def loss_of(step):
        hidden = encoder(x)
        mean, log = to_mean(hidden), to_log(hidden)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log)
        entropy = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        return (entropy - 0.5 * torch.sum(1 + log - mean.pow(2) - log.exp())) / len(x)

    return train(torch, encoder, torch.optim.Adam(parameters, lr=2e-3), loss_of)


def gan(torch):
    """No bias before the batch norm: its gradient would vanish but for rounding, and Adam would make whole steps of that."""
    nn = torch.nn
    maker = nn.Sequential(nn.Linear(6, 32, bias=False), nn.LeakyReLU(0.2), nn.BatchNorm1d(32), nn.Linear(32, 10), nn.Tanh())
    judge = nn.Sequential(nn.Linear(10, 32), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(32, 1))
    for p in maker.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, 0.0, 0.05)
    fool, tell = (torch.optim.Adam(m.parameters(), lr=2e-3, betas=(0.5, 0.999)) for m in (maker, judge))
    loss = nn.BCEWithLogitsLoss()
    losses = []
    for _ in range(STEPS):
        real, fake = torch.randn(24, 10) * 0.3 + 0.5, maker(torch.randn(24, 6))
        tell.zero_grad()
        told = loss(judge(real), torch.ones(24, 1)) + loss(judge(fake.detach()), torch.zeros(24, 1))
        told.backward()
        tell.step()
        fool.zero_grad()
        fooled = loss(judge(fake), torch.ones(24, 1))
        fooled.backward()
        fool.step()
        losses.append(told.item() + fooled.item())
    return losses


def gpt(torch):
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.norm1, self.norm2, self.drop = nn.LayerNorm(width), nn.LayerNorm(width), nn.Dropout(0.1)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1))

        def forward(self, x):
            q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(self.norm1(x)).chunk(3, -1))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=0.1)
            x = x + self.drop(self.proj(y.transpose(1, 2).flatten(2)))
            return x + self.mlp(self.norm2(x))

    class GPT(nn.Module):
        def __init__(self, words=40, width=32, length=16):
            super().__init__()
            self.tokens, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
            self.blocks = nn.ModuleList(Block(width, 4) for _ in range(2))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)
            self.apply(self.start)
            self.head.weight = self.tokens.weight

        def start(self, module):
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

        def forward(self, words):
            x = self.tokens(words) + self.places(torch.arange(words.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    model, text = GPT(), torch.randint(0, 40, (400,))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))

    def loss_of(step):
        if step:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            schedule.step()
        starts = torch.randint(0, 400 - 17, (8,))
        x = torch.stack([text[i : i + 16] for i in starts.tolist()])
        y = torch.stack([text[i + 1 : i + 17] for i in starts.tolist()])
        return F.cross_entropy(model(x).flatten(0, 1), y.flatten())

    return train(torch, model, optimizer, loss_of)


def reinforce(torch):
    """A pole of two numbers: actions push a point on a line back to the middle."""
    nn = torch.nn
    policy = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 3))
    optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)

    def loss_of(step):
        state, rewards, logs = torch.randn(12, 2), [], []
        for _ in range(8):
            choice = torch.distributions.Categorical(logits=policy(state))
            action = choice.sample()
            logs.append(choice.log_prob(action))
            speed = state[:, 1] * 0.9 + (action - 1) * 0.3 + torch.randn(12) * 0.05
            state = torch.stack([state[:, 0] + 0.2 * speed, speed], 1)
            rewards.append(torch.exp(-state[:, 0].square()))
        returns = torch.stack(rewards).flip(0).cumsum(0).flip(0)
        returns = returns / (returns.std() + 1e-6)
        return -(torch.stack(logs) * returns).sum() / 12 + 0.01 * torch.stack(logs).square().mean()

    return train(torch, policy, optimizer, loss_of)


def factorisation(torch):
    nn = torch.nn
    users, items = nn.Embedding(40, 6), nn.Embedding(50, 6)
    user_bias, item_bias = nn.Embedding(40, 1), nn.Embedding(50, 1)
    for table in (user_bias, item_bias):
        nn.init.zeros_(table.weight)
    tables = [users, items, user_bias, item_bias]
    data = torch.stack([torch.randint(0, 40, (640,)), torch.randint(0, 50, (640,)), torch.randint(1, 6, (640,))], 1)
    optimizer = torch.optim.Adagrad([p for t in tables for p in t.parameters()], lr=0.05, weight_decay=1e-5)

    def loss_of(step):
        u, i, stars = data[torch.randperm(640)[:128]].unbind(1)
        guess = (users(u) * items(i)).sum(1) + user_bias(u).squeeze(1) + item_bias(i).squeeze(1) + 3
        return nn.functional.mse_loss(guess, stars.float())

    return train(torch, users, optimizer, loss_of)


def regression(torch):
    nn, data = torch.nn, torch.utils.data
    x = torch.rand(200, 6) * 2 - 1
    y = torch.sin(x @ torch.randn(6, 1)) + 0.1 * torch.randn(200, 1)
    train_part, held_out = data.random_split(data.TensorDataset(x, y), [0.8, 0.2], generator=torch.Generator().manual_seed(5))
    weights = torch.rand(len(held_out))
    picks = data.WeightedRandomSampler(weights.tolist(), 8)
    model = nn.Sequential(nn.Linear(6, 30), nn.SiLU(), nn.Linear(30, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    batches = [b for _ in range(4) for b in data.DataLoader(train_part, batch_size=32, shuffle=True)]
    more = [b for _ in range(STEPS) for b in data.DataLoader(held_out, batch_size=8, sampler=picks)]

    def loss_of(step):
        (a, b), (c, d) = batches[step], more[step]
        return nn.functional.mse_loss(model(a), b) + 0.1 * nn.functional.huber_loss(model(c), d)

    return train(torch, model, optimizer, loss_of)


@pytest.fixture(autouse=True)
def one_thread():
    """Runs this small are slower with more, the more so beside other processes."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


RUNS = [mlp, lenet, lstm, gru, vae, gan, gpt, reinforce, factorisation, regression]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
def test_losses_are_torchs(run):
    torch = pytest.importorskip("torch")
    torch.manual_seed(1), rushlight.manual_seed(1)
    theirs, ours = run(torch), run(rushlight)
    assert len(theirs) == len(ours) == STEPS
    off = [abs(a - b) / max(abs(b), 0.1 * abs(theirs[0])) for a, b in zip(ours, theirs)]
    assert off[0] <= FIRST, f"first loss {ours[0]}, not {theirs[0]}: {off[0]:.2g} off"
    assert max(off) <= LATER, f"step {off.index(max(off))} is {max(off):.2g} off"
    assert len(set(ours)) > STEPS // 2, "the run does not move"


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
def test_the_stream_ends_where_torchs_does(run):
    torch = pytest.importorskip("torch")
    torch.manual_seed(7), rushlight.manual_seed(7)
    run(torch), run(rushlight)
    assert rushlight.get_rng_state().numpy().tobytes() == torch.get_rng_state().numpy().tobytes()
