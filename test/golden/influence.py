"""TracIn by definition: float64 autograd, one example at a time, every parameter.

Slow and plain on purpose; the numbers that everything else is compared with.
"""

import torch
from torch import nn


def example_loss(output, target, kind, reduction):
    """Loss of ONE example; `output` [1, ...] and `target` [1, ...]. Reduced over the example's own outputs.

    `kind` may be a loss itself, a function of output and target with a method `predict` of the same arguments.
    """
    if callable(kind):
        return kind(output, target)
    if kind == "softmax-cross-entropy":
        return nn.functional.cross_entropy(output, target, reduction="sum")
    if kind == "sigmoid-cross-entropy":
        parts = nn.functional.binary_cross_entropy_with_logits(
            output, target.to(output.dtype), reduction="none"
        )
    else:
        parts = (output - target.to(output.dtype)) ** 2
    return parts.sum() if reduction == "sum" else parts.mean()


def double(tensors):
    return [tensor.double() if tensor.is_floating_point() else tensor for tensor in tensors]


def gradient(model, inputs, target, kind, reduction):
    """Loss and gradient by parameter name, of one example (inputs and target with a leading axis of 1)."""
    model.zero_grad(set_to_none=True)
    loss = example_loss(model(*double(inputs)), target, kind, reduction)
    loss.backward()
    return loss.item(), {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
        for name, parameter in model.named_parameters()
    }


def predict(model, inputs, kind, target=None):
    with torch.no_grad():
        output = model(*double(inputs))
        if callable(kind):
            return kind.predict(output, target)
    if kind == "softmax-cross-entropy":
        return output.softmax(1)
    return output.sigmoid() if kind == "sigmoid-cross-entropy" else output


def one(tensors, index):
    return [tensor[index : index + 1] for tensor in tensors]


def influence(model, checkpoints, rates, train, queries, kind, reduction="sum", factors=None):
    """Everything that TracInCP says of these examples.

    `checkpoints`: state dictionaries in training order; `train` and `queries`: (list of inputs [n, ...], targets [n, ...]).
    Returns float64 tensors: scores [C, N, M], self [C, N], losses [C, N], predictions [N, O], queryLosses [C, M],
    queryPredictions [M, O], aggregate [C, N] (the queries' gradients added up before the product), and for each
    parameter self/NAME [C, N] and scores/NAME [C, N, M]. Rates are in all but losses and predictions. `factors`, for each
    checkpoint a number or tensor by parameter name, multiplies the gradients of the training side.
    """
    model = model.double().eval()
    names = [name for name, _ in model.named_parameters()]
    rows = {name: [] for name in ("losses", "queryLosses", "aggregate")}
    of_parameter = {f"{kind}/{name}": [] for kind in ("self", "scores") for name in names}
    for state, rate, factor in zip(checkpoints, rates, factors or [dict.fromkeys(names, 1)] * len(rates), strict=True):
        model.load_state_dict(state)
        asked = [gradient(model, one(queries[0], m), queries[1][m : m + 1], kind, reduction) for m in range(len(queries[1]))]
        total = {name: sum(found[name] for _, found in asked) for name in names}
        rows["queryLosses"].append([loss for loss, _ in asked])
        found = [gradient(model, one(train[0], n), train[1][n : n + 1], kind, reduction) for n in range(len(train[1]))]
        rows["losses"].append([loss for loss, _ in found])
        rows["aggregate"].append([rate * sum((factor[name] * g[name] * total[name]).sum().item() for name in names) for _, g in found])
        for name in names:
            of_parameter[f"self/{name}"].append([rate * (factor[name] * g[name] ** 2).sum().item() for _, g in found])
            of_parameter[f"scores/{name}"].append(
                [[rate * (factor[name] * g[name] * q[name]).sum().item() for _, q in asked] for _, g in found]
            )
    result = {name: torch.tensor(value, dtype=torch.float64) for name, value in (rows | of_parameter).items()}
    result["scores"] = sum(result[f"scores/{name}"] for name in names)
    result["self"] = sum(result[f"self/{name}"] for name in names)
    result["predictions"] = torch.cat([predict(model, one(train[0], n), kind, train[1][n : n + 1]) for n in range(len(train[1]))])
    result["queryPredictions"] = torch.cat([predict(model, one(queries[0], m), kind, queries[1][m : m + 1]) for m in range(len(queries[1]))])
    return {name: value.contiguous() for name, value in result.items()}
