"""What agreement means here."""

import numpy as np

# Ours computes in float32 (24 bits), the others in float64. Sums over some 10^4 products and a few layers leave about 1e-6
# of the largest score; 2e-5 is the project's promise.
TOLERANCE = 2e-5
TOP = 20
# Largest relative difference found for each thing compared; printed at the end.
worst_found: dict[str, float] = {}


def assert_close(found, expected, what):
    """Within the tolerance of each row's largest magnitude; the last axis holds the training examples. Gives the largest difference."""
    assert found.shape == expected.shape, what
    assert found.dtype == np.float32, what
    largest = np.abs(expected).max(-1, keepdims=True)
    assert (largest > 0).all(), what
    difference = np.abs(found - expected) / largest
    worst_found[what] = max(worst_found.get(what, 0), difference.max())
    worst = np.unravel_index(difference.argmax(), difference.shape)
    assert difference.max() <= TOLERANCE, f"{what}: {difference.max():.2e} at {worst}: {found[worst]} for {expected[worst]}"
    return difference.max()


def assert_same_top(found, expected, what):
    """The first 20 proponents and opponents are the same, but for ties within the tolerance."""
    for sign, side in ((-1, "proponents"), (1, "opponents")):
        for row, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
            near = 2 * TOLERANCE * np.abs(theirs).max()
            our_order = np.argsort(sign * ours, kind="stable")[:TOP]
            their_order = np.argsort(sign * theirs, kind="stable")[:TOP]
            gap = np.abs(theirs[our_order] - theirs[their_order]).max()
            assert gap <= near, f"{what}, query {row}, {side}: {our_order} for {their_order}"
