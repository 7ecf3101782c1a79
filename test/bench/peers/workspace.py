"""What both peers share: the bench workspace, its two models, and the search for the best threads and batch."""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()

    def forward(self, x):
        return self.fc3(self.relu2(self.fc2(self.relu1(self.fc1(x)))))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc = nn.Linear(1568, 10)
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()

    def forward(self, x):
        x = self.pool1(self.relu1(self.conv1(x)))
        return self.fc(self.flatten(self.pool2(self.relu2(self.conv2(x)))))


class Workspace:
    """Data, checkpoints and rates of a bench folder; see README.md for the files."""

    def __init__(self, folder, architecture, limit=None):
        self.architecture = architecture
        shape = (-1, 784) if architecture == "mlp" else (-1, 1, 28, 28)

        def tensor(name):
            return torch.from_numpy(np.load(folder / f"{name}.npy"))

        self.train_x = tensor("train_x")[:limit].reshape(shape)
        self.train_y = tensor("train_y")[:limit]
        self.query_x = tensor("query_x").reshape(shape)
        self.query_y = tensor("query_y")
        files = sorted(folder.glob("checkpoint-*.safetensors"), key=lambda file: int(file.stem.split("-")[1]))
        self.states = [load_file(file) for file in files]
        self.rates = json.loads((folder / "bench.json").read_text())["learningRates"]
        if len(self.rates) != len(files):
            raise SystemExit(f"{folder / 'bench.json'}: {len(self.rates)} learning rates for {len(files)} checkpoints")

    def model(self):
        return (Mlp() if self.architecture == "mlp" else Cnn()).eval()


def peak_memory():
    """Largest resident size of this process so far, in bytes (Linux counts in kB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def numbers(text):
    return [int(part) for part in text.split(",")]


def main(peer, script, batches, prepare):
    """Command line of a peer.

    `prepare(workspace, batch)` returns `score()`, which gives the scores [queries, training examples], and `self_influence()`,
    which gives [training examples] or None when `score()` gave a pair of both. Each setting runs in a process of its own: warm-up on a few examples, then once with the
    clock running. Prints one JSON object, that of the fastest setting.
    """
    parser = argparse.ArgumentParser(prog=script.name)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--arch", choices=["mlp", "cnn"], required=True)
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--batches", type=numbers, default=batches)
    parser.add_argument("--limit", type=int, help="use the first training examples only")
    parser.add_argument("--out", type=Path, help="folder for the arrays; the workspace unless told")
    parser.add_argument("--one", action="store_true", help="measure the first setting in this process")
    parser.add_argument("--cold", action="store_true", help="no warm-up")
    options = parser.parse_args()
    out = options.out or options.workspace
    if options.one:
        print(json.dumps(measure(peer, options, out, prepare)))
        return
    runs = []
    for threads in options.threads:
        for batch in options.batches:
            command = [sys.executable, str(script), str(options.workspace), "--one", "--arch", options.arch]
            command += ["--threads", str(threads), "--batches", str(batch), "--out", str(out)]
            command += ["--limit", str(options.limit)] if options.limit else []
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{peer} {options.arch}: {threads} threads, batch {batch}: {runs[-1]['seconds']:.2f} s", file=sys.stderr)
    best = min(runs, key=lambda run: run["seconds"])
    settings = [{key: run[key] for key in ("threads", "batch", "seconds", "peakMemoryBytes")} for run in runs]
    print(json.dumps(best | {"wholeSeconds": whole_process(options, script, best, out), "runs": settings}))


def whole_process(options, script, best, out):
    """Seconds of a process that computes once at the best setting, without a warm-up: imports, reading and computing.

    The shortest of three where that takes seconds at most, else one.
    """
    command = [sys.executable, str(script), str(options.workspace), "--one", "--cold", "--arch", options.arch]
    command += ["--threads", str(best["threads"]), "--batches", str(best["batch"]), "--out", str(out)]
    command += ["--limit", str(options.limit)] if options.limit else []
    taken = []
    for _ in range(3 if best["seconds"] < 2 else 1):
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        taken.append(time.perf_counter() - start)
    return min(taken)


def measure(peer, options, out, prepare):
    threads, batch = options.threads[0], options.batches[0]
    torch.set_num_threads(threads)
    if not options.cold:
        warm_up, _ = prepare(Workspace(options.workspace, options.arch, limit=min(batch, 64)), batch)
        warm_up()
    workspace = Workspace(options.workspace, options.arch, options.limit)
    score, self_influence = prepare(workspace, batch)
    start = time.perf_counter()
    result = score()
    between = time.perf_counter()
    if self_influence is None:
        scores, own = result
    else:
        scores, own = result, self_influence()
    end = time.perf_counter()
    parts = {} if self_influence is None else {"scoreSeconds": between - start, "selfSeconds": end - between}
    out.mkdir(parents=True, exist_ok=True)
    scores_file, self_file = out / f"{peer}-scores.npy", out / f"{peer}-self.npy"
    np.save(scores_file, scores.numpy().astype(np.float32))
    np.save(self_file, own.numpy().astype(np.float32))
    return {
        "peer": peer,
        "architecture": options.arch,
        "seconds": end - start,
        **parts,
        "peakMemoryBytes": peak_memory(),
        "threads": threads,
        "batch": batch,
        "examples": len(workspace.train_y),
        "checkpoints": len(workspace.states),
        "queries": len(workspace.query_y),
        "scoresFile": str(scores_file),
        "selfFile": str(self_file),
        "torch": torch.__version__,
    }
