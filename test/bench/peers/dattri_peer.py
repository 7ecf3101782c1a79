"""Bench peer: TracIn of dattri, scores and self-influence, gradients by torch.func.

    python dattri_peer.py FOLDER --arch mlp

Without the random projection, which its constructor always sets. Queries are one batch; dattri computes their gradients again for each batch of training
examples; on the other hand tensors of more than some 32 MB cost it new pages of memory each time (MLP, 512 examples x 7: 3.0 s with batches of 32, 3.2 s with 64, 11.7 s
with 128, 11.8 s with 256; CNN x 5: 1.4 s with 32, 1.1 s with 64, 1.0 s with 128 and 256, 2.3 s with 512).
"""

import functools
import warnings
from pathlib import Path

import torch
from dattri.algorithm.tracin import TracInAttributor, tqdm
from dattri.task import AttributionTask
from torch.utils.data import DataLoader, TensorDataset
from workspace import main

SMALL = ("mlp", "cnn")


def prepare(workspace, batch):
    model = workspace.model()

    def loss(parameters, data):
        x, y = data
        output = torch.func.functional_call(model, parameters, (x.unsqueeze(0),))
        return torch.nn.functional.cross_entropy(output, y.unsqueeze(0), reduction="sum")

    def load(module, state):
        module.load_state_dict(state, strict=False)
        return module.eval()

    task = AttributionTask(loss, model, workspace.states, checkpoints_load_func=load)
    tracin = TracInAttributor(task, torch.tensor(workspace.rates), normalized_grad=False)
    tracin.projector_kwargs = None
    train = DataLoader(TensorDataset(workspace.train_x, workspace.train_y), batch_size=batch)
    queries = DataLoader(TensorDataset(workspace.query_x, workspace.query_y), batch_size=len(workspace.query_y))
    return lambda: tracin.attribute(train, queries).T, lambda: tracin.self_attribute(train)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    tqdm.__init__ = functools.partialmethod(tqdm.__init__, disable=True)
    main("dattri", Path(__file__).resolve(), lambda name: [32, 64, 128] if name in SMALL else [8, 32], prepare)
