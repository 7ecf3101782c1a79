"""The command line against captum's TracInCP: all layers, evaluation mode.

captum runs in double precision here, so that the difference is ours: in float32 its own rounding of p - 1 reaches the
tolerance on queries that the model is sure of.
"""

import numpy as np
import pytest
from captum.influence import TracInCP
from torch import nn
from torch.utils.data import TensorDataset

from agreement import assert_close, assert_same_top
from conftest import QUERIES


def ask_captum(sample, sample_wise):
    model = sample.model()
    train, train_targets = sample.split("train")
    test, test_targets = sample.split("test")

    def load(module, number):
        state, rate = sample.contents[number]
        module.load_state_dict(state)
        return rate

    tracin = TracInCP(
        model,
        TensorDataset(*train, train_targets),
        list(range(len(sample.contents))),
        load,
        loss_fn=nn.CrossEntropyLoss(reduction="sum" if sample_wise else "none"),
        # One gradient at a time goes back through the whole batch: small ones are fastest.
        batch_size=64 if sample_wise else 4,
        sample_wise_grads_per_batch=sample_wise,
    )
    queries = (*(tensor[:QUERIES] for tensor in test), test_targets[:QUERIES])
    scores = tracin.influence(queries).detach().numpy()
    return scores, tracin.self_influence().detach().numpy()


@pytest.fixture(scope="module")
def by_autograd(sample):
    """captum's plain mode: every parameter of the model, batch norm and embeddings too."""
    return ask_captum(sample, sample_wise=False)


@pytest.fixture(scope="module")
def by_sample_wise(sample):
    """captum's fast mode, which leaves out all but Linear and Conv2d: ours is asked for the same layers."""
    return ask_captum(sample, sample_wise=True)


def test_scores(sample, cli, by_autograd):
    found = cli.scores(sample)
    assert_close(found, by_autograd[0], "scores")
    assert_same_top(found, by_autograd[0], "scores")


def test_self_influence(sample, cli, by_autograd):
    found = cli.self_influence(sample)
    assert_close(found, by_autograd[1], "self-influence")
    assert_same_top(found[None], by_autograd[1][None], "self-influence")


def test_scores_of_linear_and_conv_layers(sample, cli, by_sample_wise):
    found = cli.scores(sample, layers=sample.sample_wise)
    assert_close(found, by_sample_wise[0], "scores")
    assert_same_top(found, by_sample_wise[0], "scores")


def test_self_influence_of_linear_and_conv_layers(sample, cli, by_sample_wise):
    found = cli.self_influence(sample, layers=sample.sample_wise)
    assert_close(found, by_sample_wise[1], "self-influence")


def test_batch_norm_counts(sample, cli):
    """The two questions differ where the model has batch norm or an embedding: neither is dropped in silence."""
    everything, some = cli.self_influence(sample), cli.self_influence(sample, layers=sample.sample_wise)
    if sample.name in ("digits-cnn", "spam"):
        assert (everything > some).all()
        assert np.median(everything / some) > 1.001
    else:
        assert np.array_equal(everything, some)
