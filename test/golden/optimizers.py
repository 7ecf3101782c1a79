"""Goldens of scores with the optimizer's own step sizes, and with rates per parameter group: small models, trained for a few
steps by the real optimizers of torch.optim.

    python test/golden/optimizers.py [NAME ...]

Writes test/unit/golden/optimizers/NAME/ in the format of the synthetic goldens (see README.md), with the checkpoints as
`torch.save` writes them, optimizer included, `config` as the checkpoints' part of tracin.json, and `plain` for the scores
without preconditioner. The formula of each optimizer's step sizes is checked here against every step that it really makes.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.dont_write_bytecode = True
import synthetic
from influence import example_loss, influence

OUT = synthetic.ROOT / "test" / "unit" / "golden" / "optimizers"


def adam(group, state):
    second = state.get("max_exp_avg_sq", state["exp_avg_sq"]).double()
    step = float(state["step"])
    return 1 / ((second / (1 - group["betas"][1] ** step)).sqrt() + group["eps"])


def rmsprop(group, state):
    mean = state["grad_avg"].double() ** 2 if group["centered"] else 0
    return 1 / ((state["square_avg"].double() - mean).sqrt() + group["eps"])


def adagrad(group, state):
    return 1 / ((state["sum"].double().sqrt() + group["eps"]) * (1 + (float(state["step"]) - 1) * group["lr_decay"]))


def adam_direction(group, state, gradient):
    return state["exp_avg"] / (1 - group["betas"][0] ** float(state["step"]))


def nadam_direction(group, state, gradient):
    beta, decay, step = group["betas"][0], group["momentum_decay"], float(state["step"])
    mu, following = (beta * (1 - 0.5 * 0.96 ** (t * decay)) for t in (step, step + 1))
    product = state["mu_product"]
    return (1 - mu) / (1 - product) * gradient + following / (1 - product * following) * state["exp_avg"]


def own_direction(group, state, gradient):
    return gradient


def groups(model):
    """The classifier at a higher rate than the body, biases without decay: as fine-tuning scripts do it."""
    head = [p for n, p in model.named_parameters() if n.startswith("out")]
    body = [p for n, p in model.named_parameters() if not n.startswith("out")]
    return [
        {"params": [p for p in body if p.dim() > 1], "lr": 0.01, "weight_decay": 0.1},
        {"params": [p for p in body if p.dim() == 1], "lr": 0.01, "weight_decay": 0.0},
        {"params": head, "lr": 0.05},
    ]


class Wide(torch.nn.Module):
    """Two heads of different shapes, and a body: each group is told by its shapes."""

    inputs = staticmethod(lambda: {"x": synthetic.normal(5)})

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Linear(5, 6)
        self.norm = torch.nn.LayerNorm(6)
        self.out = torch.nn.Linear(6, synthetic.CLASSES)

    def forward(self, x):
        return self.out(torch.tanh(self.norm(self.body(x))))


O = torch.optim
CASES = {
    # name: model, optimizer, its step sizes, the direction that they multiply, configuration
    "mlp-adam": (lambda: synthetic.Perceptron(synthetic.CLASSES), lambda m: O.Adam(m.parameters(), lr=0.02), adam, adam_direction, {}),
    "cnn-adamw-amsgrad": (synthetic.BatchNorm, lambda m: O.AdamW(m.parameters(), lr=0.02, weight_decay=0.05, amsgrad=True), adam, adam_direction, {}),
    "text-rmsprop": (synthetic.PaddingRow, lambda m: O.RMSprop(m.parameters(), lr=0.02, eps=1e-3), rmsprop, own_direction, {}),
    "text-rmsprop-centred": (synthetic.MaskedMean, lambda m: O.RMSprop(m.parameters(), lr=0.02, centered=True, eps=1e-2), rmsprop, own_direction, {}),
    "tied-adam": (synthetic.PaddingRowTied, lambda m: O.Adam(m.parameters(), lr=0.02, betas=(0.9, 0.9)), adam, adam_direction, {}),
    "attention-nadam": (synthetic.Attention, lambda m: O.NAdam(m.named_parameters(), lr=0.02), adam, nadam_direction, {}),
    "split-adagrad": (synthetic.SplitWeight, lambda m: O.Adagrad(m.parameters(), lr=0.1, lr_decay=0.1, eps=1e-4), adagrad, own_direction, {}),
    "conv-groups-adamw": (Wide, lambda m: O.AdamW(groups(m)), adam, adam_direction, {}),
}


def check_step(optimizer, sizes, direction, gradients, before):
    """The formula of the step sizes must give the step that the optimizer has made."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state[parameter]
            kept = before[parameter] * (1 - group["lr"] * group["weight_decay"])
            step = group["lr"] * sizes(group, state) * direction(group, state, gradients[parameter]).double()
            made = (kept - parameter.detach()).double()
            assert (made - step).abs().max() <= 1e-6 + 1e-4 * step.abs().max(), (type(optimizer), (made - step).abs().max(), step.abs().max())


def make(name, number):
    torch.manual_seed(300 + number)
    build, optimise, sizes, direction, config = CASES[name]
    model = build().eval()
    synthetic.randomise(model)
    inputs = model.inputs()
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    synthetic.export(model, inputs, folder / "model.onnx")
    synthetic.record(folder / "model.onnx", model)
    T, kind = synthetic.TRAIN, "softmax-cross-entropy"
    targets = synthetic.classes()

    def part(start, end):
        return [tensor[start:end] for tensor in inputs.values()], targets[start:end]

    optimizer = optimise(model)
    states, factors, rates = [], [], []
    names = {parameter: key for key, parameter in model.named_parameters()}
    for checkpoint in (1, 2):
        for step in range(4):
            rows = torch.randperm(T)[:4]
            optimizer.zero_grad()
            loss = example_loss(model(*[tensor[rows] for tensor in inputs.values()]), targets[rows], kind, "sum") / 4
            loss.backward()
            before = {parameter: parameter.detach().clone() for parameter in names}
            gradients = {parameter: parameter.grad.clone() for parameter in names}
            optimizer.step()
            check_step(optimizer, sizes, direction, gradients, before)
        states.append({key: value.clone() for key, value in model.state_dict().items()})
        factors.append({})
        rates.append({})
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                factors[-1][names[parameter]] = sizes(group, optimizer.state[parameter])
                rates[-1][names[parameter]] = group["lr"]
        torch.save(
            {"step": 4 * checkpoint, "model": model.state_dict(), "optimizer": optimizer.state_dict()},
            folder / f"checkpoint-{checkpoint}.pt",
        )
    train, queries = part(0, T), part(T, None)
    ones = [1] * len(states)
    scaled = [{key: rate[key] * factor[key] for key in factor} for rate, factor in zip(rates, factors)]
    expected = influence(model, states, ones, train, queries, kind, factors=scaled)
    plain = influence(model, states, ones, train, queries, kind, factors=rates)
    kept = ("scores", "self", "aggregate")
    save_file(
        {key: expected[key] for key in kept} | {f"plain/{key}": plain[key] for key in kept},
        folder / "expected.safetensors",
    )
    data = {"train.target": train[1], "query.target": queries[1]}
    for key, tensor in inputs.items():
        data |= {f"train.{key}": tensor[:T], f"query.{key}": tensor[T:]}
    save_file({key: value.contiguous() for key, value in data.items()}, folder / "inputs.safetensors")
    golden = {
        "model": "model.onnx",
        "checkpoints": ["checkpoint-1.pt", "checkpoint-2.pt"],
        "config": config,
        "loss": {"type": kind, "reduction": "sum"},
        "inputs": list(inputs),
        "rates": [rate for rate in rates],
    }
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    print(name, f"scores up to {expected['scores'].abs().max():.3g}, self {expected['self'].min():.3g} to {expected['self'].max():.3g}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for number, name in enumerate(CASES):
        if name in (sys.argv[1:] or CASES):
            make(name, number)
