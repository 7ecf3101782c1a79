"""The command line against float64 PyTorch autograd: every parameter, one example at a time, all training examples."""

import numpy as np

from agreement import assert_close, assert_same_top


def cell(record_compatibility, sample):
    return record_compatibility("PyTorch", sample.format, sample.family)


def test_scores(sample, cli, expected, record_compatibility):
    scores = expected[0].sum(0)
    found = cli.scores(sample)
    cell(record_compatibility, sample).passed(assert_close(found, scores, "scores"))
    assert_same_top(found, scores, "scores")


def test_scores_of_each_checkpoint(sample, cli, expected):
    parts = cli.scores(sample, "--per-checkpoint")
    assert parts.shape == expected[0].shape
    whole = np.abs(expected[0].sum(0)).max(-1, keepdims=True)
    # Against each query's largest score: a query that one checkpoint is sure of has only tiny parts there.
    assert (np.abs(parts - expected[0]) / whole).max() <= 2e-5
    assert_close(parts.sum(0, dtype=np.float32), cli.scores(sample).astype(np.float64), "sum over checkpoints")


def test_self_influence(sample, cli, expected, record_compatibility):
    own = expected[1].sum(0)
    found = cli.self_influence(sample)
    cell(record_compatibility, sample).passed(assert_close(found, own, "self-influence"))
    assert_same_top(found[None], own[None], "self-influence")
    # It ranks suspects, so small values count too: each within 1e-3 of itself.
    visible = own > 1e-6 * own.max()
    assert (np.abs(found - own)[visible] / own[visible]).max() <= 1e-3


def test_self_influence_of_each_checkpoint(sample, cli, expected):
    assert_close(cli.self_influence(sample, "--per-checkpoint"), expected[1], "self-influence of each checkpoint")
