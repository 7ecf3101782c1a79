"""Goldens for learning rates: real schedulers of torch.optim.lr_scheduler, with the rate of every update.

    python test/golden/schedulers.py

Writes test/unit/golden/schedulers/NAME/step-N.pt, and expected.json with the rates of both parameter groups at each
update up to a file, as the optimizer really used them.
"""

import json
import shutil
from pathlib import Path

import torch
from torch import nn
from torch.optim import lr_scheduler as S

OUT = Path(__file__).resolve().parents[1] / "unit" / "golden" / "schedulers"
SAVED = (3, 7, 12)
# What ReduceLROnPlateau sees: the fourth step lowers the rate with a patience of 1.
METRICS = (1.0, 0.9, 0.95, 0.95, 0.5, 0.4, 0.45, 0.45, 0.45, 0.3, 0.35, 0.2)

SCHEDULERS = {
    "one-cycle": lambda o: S.OneCycleLR(o, [0.1, 0.4], total_steps=14),
    "one-cycle-linear": lambda o: S.OneCycleLR(o, [0.1, 0.4], total_steps=20, pct_start=0.22, anneal_strategy="linear", div_factor=5.0),
    "one-cycle-three-phases": lambda o: S.OneCycleLR(o, 0.2, epochs=3, steps_per_epoch=5, three_phase=True, final_div_factor=50.0),
    "cyclic": lambda o: S.CyclicLR(o, [0.01, 0.02], [0.1, 0.3], step_size_up=2, step_size_down=3),
    "cyclic-halved": lambda o: S.CyclicLR(o, 0.01, 0.1, step_size_up=2, mode="triangular2"),
    "cyclic-exponential": lambda o: S.CyclicLR(o, 0.01, 0.1, step_size_up=3, mode="exp_range", gamma=0.9),
    "step": lambda o: S.StepLR(o, 2, gamma=0.5),
    "milestones": lambda o: S.MultiStepLR(o, [2, 5, 5, 9], gamma=0.5),
    "exponential": lambda o: S.ExponentialLR(o, 0.8),
    "linear": lambda o: S.LinearLR(o, 0.2, 0.9, total_iters=8),
    "constant": lambda o: S.ConstantLR(o, 0.25, total_iters=5),
    "polynomial": lambda o: S.PolynomialLR(o, total_iters=14, power=1.7),
    "cosine": lambda o: S.CosineAnnealingLR(o, 9, eta_min=0.01),
    "restarts": lambda o: S.CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=0.005),
    "sequential": lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, total_iters=4), S.CosineAnnealingLR(o, 9)], [4]),
    "own-function": lambda o: S.LambdaLR(o, lambda step: 1 / (1 + step)),
    "chained": lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.5, total_iters=3), S.ExponentialLR(o, 0.9)]),
    "plateau": lambda o: S.ReduceLROnPlateau(o, factor=0.5, patience=1),
    "plateau-cooldown": lambda o: S.ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=2),
    "plateau-least": lambda o: S.ReduceLROnPlateau(o, factor=0.5, patience=1, min_lr=[0.1, 0.2]),
}


def training(make, folder, saved, before=False):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    groups = [{"params": list(net[0].parameters()), "lr": 0.1}, {"params": list(net[1].parameters()), "lr": 0.3}]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    scheduler = make(optimizer)
    rates, expected = [], {}
    for update in range(1, saved[-1] + 1):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.zero_grad()
        net(torch.ones(1, 2)).sum().backward()
        optimizer.step()

        def save():
            file = folder / f"step-{update:02}.pt"
            state = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "step": update}
            torch.save(state, file)
            expected[str(file.relative_to(OUT))] = {"steps": list(rates)}

        if update in saved and before:
            save()
        scheduler.step(*([METRICS[update - 1]] if isinstance(scheduler, S.ReduceLROnPlateau) else []))
        if update in saved and not before:
            save()
    return expected


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    expected = {}
    for name, make in SCHEDULERS.items():
        (OUT / name).mkdir(parents=True)
        saved = (4, 6, 12) if name.startswith("plateau") else SAVED
        expected |= training(make, OUT / name, saved)
    (OUT / "one-cycle-before").mkdir()
    expected |= training(SCHEDULERS["one-cycle"], OUT / "one-cycle-before", SAVED, before=True)
    (OUT / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
