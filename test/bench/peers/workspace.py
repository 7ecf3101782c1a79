"""What the peers share: the bench workspace, and the search for the best threads and batch."""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from models import MODELS
from safetensors.torch import load_file


class Workspace:
    """Data, checkpoints and rates of a bench folder; see README.md for the files."""

    def __init__(self, folder, architecture, limit=None):
        self.architecture = architecture
        # Bytes that a peer keeps in memory for further questions.
        self.kept = 0
        self.kind = MODELS[architecture]

        def tensor(name):
            return torch.from_numpy(np.load(folder / f"{name}.npy"))

        shape = getattr(self.kind, "shape", None)

        def inputs(name):
            return tensor(name) if shape is None else tensor(name).reshape(-1, *shape)

        self.train_x = inputs("train_x")[:limit]
        self.train_y = tensor("train_y")[:limit]
        self.query_x = inputs("query_x")
        self.query_y = tensor("query_y")
        files = sorted(folder.glob("checkpoint-*.safetensors"), key=lambda file: int(file.stem.split("-")[1]))
        self.states = [load_file(file) for file in files]
        self.rates = json.loads((folder / "bench.json").read_text())["learningRates"]
        if len(self.rates) != len(files):
            raise SystemExit(f"{folder / 'bench.json'}: {len(self.rates)} learning rates for {len(files)} checkpoints")

    def model(self):
        return self.kind().eval()


def peak_memory():
    """Largest resident size of this process so far, in bytes (Linux counts in kB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def written():
    """Bytes that this process has written to files so far (Linux; 0 elsewhere)."""
    counters = Path("/proc/self/io")
    return int(counters.read_text().split("wchar:")[1].split()[0]) if counters.exists() else 0


def numbers(text):
    return [int(part) for part in text.split(",")]


def main(peer, script, batches, prepare):
    """Command line of a peer.

    `batches(architecture)` gives the batch sizes that are tried. `prepare(workspace, batch)` returns `score()`, which gives the scores
    [queries, training examples], and `self_influence()`, which gives [training examples], or is None where `score()` gave a pair of both, or where
    the peer has none. Each setting runs in a process of its own: warm-up on a few examples, then once with the clock running. Prints one JSON
    object: that of the fastest setting, or `error` where none came to an end. With `--self-influence` it takes the place of the scores, as those of one query.
    """
    parser = argparse.ArgumentParser(prog=script.name)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--arch", choices=list(MODELS), required=True)
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--batches", type=numbers)
    parser.add_argument("--self-influence", action="store_true", help="self-influence alone, no scores")
    parser.add_argument("--limit", type=int, help="use the first training examples only")
    parser.add_argument("--seconds", type=float, help="give a setting up after that long")
    parser.add_argument("--out", type=Path, help="folder for the arrays; the workspace unless told")
    parser.add_argument("--one", action="store_true", help="measure the first setting in this process")
    parser.add_argument("--cold", action="store_true", help="no warm-up")
    options = parser.parse_args()
    options.batches = options.batches or batches(options.arch)
    out = options.out or options.workspace
    if options.one:
        print(json.dumps(measure(peer, options, out, prepare)))
        return
    runs, error = [], None
    for threads in options.threads:
        for batch in options.batches:
            setting = f"{peer} {options.arch}: {threads} threads, batch {batch}"
            try:
                done = subprocess.run(command_of(options, script, out, threads, batch), capture_output=True, text=True, timeout=options.seconds)
            except subprocess.TimeoutExpired:
                error = f"not done after {options.seconds:.0f} s" + (f" with {options.limit} examples" if options.limit else "")
            else:
                if done.returncode == 0:
                    runs.append(json.loads(done.stdout.splitlines()[-1]))
                    print(f"{setting}: {runs[-1]['seconds']:.2f} s", file=sys.stderr)
                    continue
                error = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
            print(f"{setting}: {error}", file=sys.stderr)
    if not runs:
        print(json.dumps({"peer": peer, "error": error}))
        return
    best = min(runs, key=lambda run: run["seconds"])
    settings = [{key: run[key] for key in ("threads", "batch", "seconds", "peakMemoryBytes")} for run in runs]
    print(json.dumps(best | {"wholeSeconds": whole_process(options, script, best, out), "runs": settings}))


def command_of(options, script, out, threads, batch):
    command = [sys.executable, str(script), str(options.workspace), "--one", "--arch", options.arch]
    command += ["--threads", str(threads), "--batches", str(batch), "--out", str(out)]
    command += ["--self-influence"] if options.self_influence else []
    return command + (["--limit", str(options.limit)] if options.limit else [])


def whole_process(options, script, best, out):
    """Seconds of a process that computes once at the best setting, without a warm-up: imports, reading and computing.

    The shortest of three where that takes seconds at most, else one.
    """
    command = [*command_of(options, script, out, best["threads"], best["batch"]), "--cold"]
    taken = []
    for _ in range(3 if best["seconds"] < 2 else 1):
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        taken.append(time.perf_counter() - start)
    return min(taken)


def measure(peer, options, out, prepare):
    threads, batch = options.threads[0], options.batches[0]
    torch.set_num_threads(threads)
    if not options.cold:
        # A quarter of the work is enough where the work is small because it is slow.
        few = min(batch, 64, max(2, (options.limit or 256) // 4))
        score, self_influence = prepare(Workspace(options.workspace, options.arch, limit=few), batch)
        (self_influence if options.self_influence else score)()
    workspace = Workspace(options.workspace, options.arch, options.limit)
    score, self_influence = prepare(workspace, batch)
    before, start = written(), time.perf_counter()
    scores, between, own = None if options.self_influence else score(), time.perf_counter(), None
    if isinstance(scores, tuple):
        scores, own = scores
    elif self_influence is not None:
        own = self_influence()
    end, disk = time.perf_counter(), written() - before
    if scores is None:
        scores = own[None]
    out.mkdir(parents=True, exist_ok=True)
    scores_file = out / f"{peer}-scores.npy"
    np.save(scores_file, np.ascontiguousarray(scores.numpy(), np.float32))
    if own is not None:
        np.save(out / f"{peer}-self.npy", own.numpy().astype(np.float32))
    return {
        "peer": peer,
        "architecture": options.arch,
        "seconds": end - start,
        "scoreSeconds": between - start,
        "selfInfluence": own is not None,
        "peakMemoryBytes": peak_memory(),
        "diskBytes": disk,
        "keptBytes": workspace.kept,
        "threads": threads,
        "batch": batch,
        "examples": len(workspace.train_y),
        "checkpoints": len(workspace.states),
        "queries": len(workspace.query_y),
        "scoresFile": str(scores_file),
        "torch": torch.__version__,
    }
