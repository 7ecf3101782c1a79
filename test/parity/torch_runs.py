"""Real training runs of PyTorch, with its own loop, Lightning, Accelerate and the Hugging Face Trainer, and what they leave on disk.

A `Run` knows what the checkpoints hold by the tools' own readers or from memory, and the rate that each parameter was really moved with at each
update, noted by the optimizer itself.
"""

import contextlib
import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import optimizers as formulas
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import lr_scheduler

TRAIN, QUERIES, CLASSES, BATCH = 12, 4, 3, 4
N = TRAIN + QUERIES


@dataclass
class Run:
    """What a training left behind in a folder; C checkpoints."""

    model: nn.Module
    inputs: dict[str, torch.Tensor]
    target: torch.Tensor
    # Paths in the folder, in training order, as tracin.json names them.
    files: list[str]
    # Weights of each checkpoint.
    states: list[dict]
    # Mean rate of the updates since the checkpoint before, by parameter; none where a checkpoint does not hold its optimizer.
    rates: list[dict[str, float]]
    # What the optimizer multiplies the gradient's elements with, by parameter, for preconditioned scores.
    factors: list[dict[str, torch.Tensor]] = field(default_factory=list)
    # "from-file", or what a person writes for files without a rate.
    learning_rate: str | list[float] = "from-file"


class Net(nn.Module):
    """Convolution, batch norm, and a head: every kind of tensor that a state_dict has, the integer count of batches too."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, image):
        return self.head(torch.tanh(self.norm(self.body(image))))


def images():
    return {"image": torch.randn(N, 1, 4, 4)}, torch.randint(0, CLASSES, (N,))


class Watch:
    """Notes at each update the rate of every parameter."""

    def __init__(self, model):
        self.names = {parameter: name for name, parameter in model.named_parameters()}
        self.updates = []

    def of(self, optimizer):
        optimizer.register_step_pre_hook(self.note)
        return optimizer

    def note(self, optimizer, *_):
        groups = optimizer.param_groups
        self.updates.append({self.names[p]: float(group["lr"]) for group in groups for p in group["params"]})

    def between(self, start, end):
        """Mean rates of the updates [start, end)."""
        updates = self.updates[start:end]
        return {name: sum(update[name] for update in updates) / len(updates) for name in updates[0]}

    def factors(self, optimizer, sizes):
        found = {}
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                found[self.names[parameter]] = sizes(group, optimizer.state[parameter])
        return found


def copy(state):
    return {name: value.detach().clone() for name, value in state.items()}


O = torch.optim
# name: how the optimizer is made of a model, its step sizes, and the direction that they multiply
OPTIMIZERS = {
    "Adam": (lambda m: O.Adam(m.parameters(), lr=0.02, eps=1e-6), formulas.adam, formulas.adam_direction),
    "Adam, amsgrad": (lambda m: O.Adam(m.parameters(), lr=0.02, betas=(0.9, 0.5), amsgrad=True), formulas.adam, formulas.adam_direction),
    "AdamW": (lambda m: O.AdamW(m.parameters(), lr=0.02, weight_decay=0.1), formulas.adam, formulas.adam_direction),
    "AdamW, groups of different rates": (lambda m: O.AdamW(groups(m)), formulas.adam, formulas.adam_direction),
    "NAdam": (lambda m: O.NAdam(m.parameters(), lr=0.02), formulas.adam, formulas.nadam_direction),
    "RMSprop": (lambda m: O.RMSprop(m.parameters(), lr=0.02, eps=1e-4), formulas.rmsprop, formulas.own_direction),
    "RMSprop, centred": (lambda m: O.RMSprop(m.parameters(), lr=0.02, eps=1e-3, centered=True), formulas.rmsprop, formulas.own_direction),
    "Adagrad": (lambda m: O.Adagrad(m.parameters(), lr=0.05, lr_decay=0.1, eps=1e-4), formulas.adagrad, formulas.own_direction),
    "SGD": (lambda m: O.SGD(m.parameters(), lr=0.1, momentum=0.9), None, None),
    "SGD, groups of different rates": (lambda m: O.SGD(groups(m), momentum=0.9), None, None),
}


def groups(model):
    """The head at a higher rate than the body, vectors without decay, as fine-tuning scripts do it."""
    head = list(model.head.parameters())
    body = [parameter for name, parameter in model.named_parameters() if not name.startswith("head")]
    return [
        {"params": [p for p in body if p.dim() > 1], "lr": 0.01, "weight_decay": 0.1},
        {"params": [p for p in body if p.dim() == 1], "lr": 0.01, "weight_decay": 0.0},
        {"params": head, "lr": 0.05, "weight_decay": 0.1},
    ]


def loop(folder: Path, optimizer: str, save: Callable, learning_rate="from-file", scheduler=None, each="epoch"):
    """A loop as people write it, with a checkpoint after each epoch by `save(path without suffix, model, optimizer, schedule)`.

    `save` returns the file's name and, where the file does not hold the model's very numbers, the weights that it holds.
    """
    model, (inputs, target) = Net(), images()
    make, sizes, direction = OPTIMIZERS[optimizer]
    watch = Watch(model)
    optimiser = watch.of(make(model))
    schedule = scheduler(optimiser) if scheduler else None
    run = Run(model, inputs, target, [], [], [], [], learning_rate)
    for epoch in range(2):
        model.train()
        start = len(watch.updates)
        for rows in torch.randperm(TRAIN).split(BATCH):
            optimiser.zero_grad()
            F.cross_entropy(model(inputs["image"][rows]), target[rows]).backward()
            before = {parameter: parameter.detach().clone() for parameter in watch.names}
            gradients = {parameter: parameter.grad.clone() for parameter in watch.names}
            optimiser.step()
            if sizes:
                formulas.check_step(optimiser, sizes, direction, gradients, before)
            if schedule and each == "batch":
                schedule.step()
        if schedule and each == "epoch":
            schedule.step()
        file, stored = save(folder / f"epoch-{epoch + 1}", model, optimiser, schedule)
        run.files.append(file)
        run.states.append(copy(stored or model.state_dict()))
        run.rates.append(watch.between(start, len(watch.updates)))
        run.factors.append(watch.factors(optimiser, sizes) if sizes else {})
    return run


def save_dictionary(path, model, optimizer, schedule):
    # Counted from 0, as PyTorch's tutorials do.
    saved = {"epoch": int(path.name[-1]) - 1, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict()}
    torch.save(saved | ({"scheduler_state_dict": schedule.state_dict()} if schedule else {}), path.with_suffix(".pt"))
    return f"{path.name}.pt", None


def save_wrapped(path, model, optimizer, _):
    """What DataParallel and torch.compile put in front of the names, deep in a dictionary."""
    wrapped = torch.compile(nn.DataParallel(model)).state_dict()
    assert all(name.startswith("_orig_mod.module.") for name in wrapped)
    torch.save({"config": {"seed": 1}, "state": {"net": wrapped, "optim": optimizer.state_dict()}}, path.with_suffix(".pth"))
    return f"{path.name}.pth", None


def save_as(dtype, suffix, path, model, *_):
    state = {name: value.to(dtype) if value.is_floating_point() else value for name, value in model.state_dict().items()}
    if suffix == ".safetensors":
        save_file(state, f"{path}{suffix}")
        state = load_file(f"{path}{suffix}")
    elif suffix == ".npz":
        np.savez(f"{path}{suffix}", **{name: value.numpy() for name, value in state.items()})
        state = {name: torch.from_numpy(value) for name, value in np.load(f"{path}{suffix}").items()}
    else:
        torch.save(state, f"{path}{suffix}")
        state = torch.load(f"{path}{suffix}", weights_only=True)
    return f"{path.name}{suffix}", {name: value.double() if value.is_floating_point() else value for name, value in state.items()}


def save_half_mixed(path, model, optimizer, _):
    """Weights in bfloat16 beside the state of their optimizer."""
    state = {name: value.bfloat16() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    torch.save({"model": state, "optimizer": optimizer.state_dict()}, path.with_suffix(".pt"))
    return f"{path.name}.pt", {name: value.double() if value.is_floating_point() else value for name, value in state.items()}


RULED = [0.1, 0.05]
LOOPS = {
    "dictionary with model, optimizer, StepLR": lambda folder: loop(
        folder, "SGD", save_dictionary, scheduler=functools.partial(lr_scheduler.StepLR, step_size=1, gamma=0.5)
    ),
    "CosineAnnealingLR, stepped for each batch": lambda folder: loop(
        folder, "SGD", save_dictionary, scheduler=functools.partial(lr_scheduler.CosineAnnealingLR, T_max=7), each="batch"
    ),
    "CosineAnnealingWarmRestarts": lambda folder: loop(
        folder, "SGD", save_dictionary, scheduler=functools.partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=2, T_mult=2, eta_min=0.01), each="batch"
    ),
    "nested dictionaries, prefix _orig_mod.module.": lambda folder: loop(folder, "SGD", save_wrapped),
    "groups of different rates": lambda folder: loop(folder, "SGD, groups of different rates", save_dictionary),
    "bfloat16 weights, optimizer in float32": lambda folder: loop(folder, "SGD", save_half_mixed),
    "bfloat16 .pt": lambda folder: loop(folder, "SGD", functools.partial(save_as, torch.bfloat16, ".pt"), RULED),
    "bfloat16 .safetensors": lambda folder: loop(folder, "SGD", functools.partial(save_as, torch.bfloat16, ".safetensors"), RULED),
    "float16 .pt": lambda folder: loop(folder, "SGD", functools.partial(save_as, torch.float16, ".pt"), RULED),
    "float16 .safetensors": lambda folder: loop(folder, "SGD", functools.partial(save_as, torch.float16, ".safetensors"), RULED),
    "float64 .pt": lambda folder: loop(folder, "SGD", functools.partial(save_as, torch.float64, ".pt"), RULED),
    "float32 .npz": lambda folder: loop(folder, "SGD", functools.partial(save_as, torch.float32, ".npz"), RULED),
    "float16 .npz": lambda folder: loop(folder, "SGD", functools.partial(save_as, torch.float16, ".npz"), RULED),
}


def accelerate_run(folder: Path, accumulated=1, scheduler=functools.partial(lr_scheduler.ExponentialLR, gamma=0.5), each="epoch", **options):
    """Accelerate's save_state: model.safetensors, optimizer.bin, scheduler.bin. Each update takes the gradients of `accumulated` batches."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    # Another run of this process may have had another precision.
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulated, **options)
    model, (inputs, target) = Net(), images()
    watch = Watch(model)
    plain = watch.of(torch.optim.AdamW(model.parameters(), lr=0.02))
    schedule = scheduler(plain)
    rows = torch.utils.data.TensorDataset(inputs["image"][:TRAIN], target[:TRAIN])
    loader = torch.utils.data.DataLoader(rows, BATCH // accumulated, shuffle=True)
    wrapped, optimizer, loader, schedule = accelerator.prepare(model, plain, loader, schedule)
    # `prepare` gives the model's own `forward` another precision.
    run = Run(Net(), inputs, target, [], [], [])
    for epoch in range(3):
        wrapped.train()
        start = len(watch.updates)
        for image, label in loader:
            with accelerator.accumulate(wrapped):
                accelerator.backward(F.cross_entropy(wrapped(image), label))
                optimizer.step()
                if each == "batch":
                    schedule.step()
                optimizer.zero_grad()
        if each == "epoch":
            schedule.step()
        assert len(watch.updates) == start + TRAIN // BATCH
        name = f"state-{epoch + 1}"
        accelerator.save_state(str(folder / name))
        run.files.append(name)
        run.states.append(copy(load_file(folder / name / "model.safetensors")))
        run.rates.append(watch.between(start, len(watch.updates)))
        run.factors.append(watch.factors(plain, formulas.adam))
    return run


def lightning_run(folder: Path, kind="Adam"):
    """Lightning's Trainer with its ModelCheckpoint; the head has a rate of its own, and a schedule is stepped after each epoch."""
    import lightning
    from lightning.pytorch.callbacks import ModelCheckpoint

    # Its dependency speaks of a module that newer interpreters lack.
    warnings.filterwarnings("ignore", module="lightning")
    inputs, target = images()
    sizes = {"AdamW": formulas.adam, "RMSprop": formulas.rmsprop}.get(kind)
    factors = []

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = Net()
            self.watch = Watch(self.net)

        def training_step(self, batch, _):
            return F.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            optimizer = self.watch.of(getattr(torch.optim, kind)(groups(self.net)))
            return {"optimizer": optimizer, "lr_scheduler": lr_scheduler.ExponentialLR(optimizer, 0.5)}

        def on_train_epoch_end(self):
            if sizes:
                factors.append(self.watch.factors(self.optimizers().optimizer, sizes))

    module = Module()
    rows = torch.utils.data.TensorDataset(inputs["image"][:TRAIN], target[:TRAIN])
    saving = ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1)
    with contextlib.redirect_stderr(None):
        lightning.Trainer(
            max_epochs=3, accelerator="cpu", callbacks=[saving], logger=False, enable_progress_bar=False, enable_model_summary=False,
            default_root_dir=folder,
        ).fit(module, torch.utils.data.DataLoader(rows, BATCH, shuffle=True))  # fmt: skip
    run = Run(module.net, inputs, target, [], [], [], factors)
    each = TRAIN // BATCH
    for epoch in range(3):
        file = f"epoch={epoch}.ckpt"
        saved = torch.load(folder / file, weights_only=False)["state_dict"]
        run.files.append(file)
        run.states.append({name.removeprefix("net."): value for name, value in saved.items()})
        run.rates.append(module.watch.between(each * epoch, each * (epoch + 1)))
    return run


def trainer_run(folder: Path, dtype=torch.float32, shard=None, **options):
    """The Hugging Face Trainer on a BERT with random weights; `shard` is the size from which the weights are split."""
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    config = BertConfig(
        vocab_size=16, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, max_position_embeddings=8, num_labels=CLASSES
    )
    model = BertForSequenceClassification(config).to(dtype)
    if shard:
        # The Trainer has no argument for it, and the default is gigabytes.
        model.save_pretrained = functools.partial(model.save_pretrained, max_shard_size=shard)
    inputs = {"input_ids": torch.randint(1, 16, (N, 6)), "attention_mask": torch.ones(N, 6, dtype=torch.long)}
    inputs["attention_mask"][::3, 4:] = 0
    target = torch.randint(0, CLASSES, (N,))
    watch = Watch(model)
    factors = []

    class Watched(Trainer):
        def create_optimizer(self, *arguments):
            made = super().create_optimizer(*arguments)
            watch.of(self.optimizer)
            return made

        def _save_checkpoint(self, *arguments, **more):
            super()._save_checkpoint(*arguments, **more)
            if dtype == torch.float32:
                optimizer = getattr(self.optimizer, "optimizer", self.optimizer)
                factors.append(watch.factors(optimizer, formulas.adam))

    rows = [{name: value[row] for name, value in (inputs | {"labels": target}).items()} for row in range(TRAIN)]
    settings = dict(
        num_train_epochs=3, per_device_train_batch_size=BATCH, learning_rate=5e-3, save_strategy="epoch", logging_steps=1, weight_decay=0.01,
        report_to=[], use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    with contextlib.redirect_stdout(None):
        Watched(model, TrainingArguments(str(folder), **settings | options), train_dataset=rows).train()
    # Mixed precision leaves its casts in the trained model's `forward`.
    run = Run(BertForSequenceClassification(config), inputs, target, [], [], [], factors)
    each = TRAIN // BATCH
    for epoch in range(3):
        file = f"checkpoint-{each * (epoch + 1)}"
        state = {}
        parts = sorted((folder / file).glob("model*.safetensors"))
        assert (len(parts) > 1) == bool(shard), parts
        for part in parts:
            state |= load_file(part)
        run.files.append(file)
        run.states.append({name: value.double() if value.is_floating_point() else value for name, value in state.items()})
        run.rates.append(watch.between(each * epoch, each * (epoch + 1)))
    return run


TRAINERS = {
    "Accelerate save_state folder, ExponentialLR": accelerate_run,
    "Accelerate save_state folder, mixed precision (bf16), two batches for each update, LinearLR": functools.partial(
        accelerate_run, accumulated=2, scheduler=functools.partial(lr_scheduler.LinearLR, start_factor=1, end_factor=0.1, total_iters=12), each="batch",
        mixed_precision="bf16",
    ),
    "Lightning .ckpt, groups of different rates, ExponentialLR": functools.partial(lightning_run, kind="AdamW"),
    "Hugging Face Trainer folder, linear schedule": trainer_run,
    "Hugging Face Trainer folder, cosine schedule with warm-up": functools.partial(trainer_run, lr_scheduler_type="cosine", warmup_steps=2),
    "Hugging Face Trainer folder, sharded safetensors": functools.partial(trainer_run, shard="2KB"),
    "Hugging Face Trainer folder, mixed precision (bf16), two batches for each update": functools.partial(
        trainer_run, bf16=True, gradient_accumulation_steps=2, per_device_train_batch_size=BATCH // 2
    ),
    "Hugging Face Trainer folder, bfloat16": functools.partial(trainer_run, dtype=torch.bfloat16, optim="sgd"),
}
