"""docs/compatibility.md is what the suite finds. These tests run last."""

import pytest
from compatibility import DOCUMENT, Compatibility, Place, parse, render


def test_document(compatibility, whole_suite, pytestconfig):
    committed = parse(DOCUMENT.read_text()) if DOCUMENT.exists() else {}
    update = pytestconfig.getoption("update_compatibility")
    found = compatibility.cells(committed, tight=update)
    if update:
        # A part of the suite updates its own cells.
        DOCUMENT.write_text(render(found if whole_suite else committed | found))
    elif whole_suite:
        assert DOCUMENT.read_text() == render(found)
    elif not found:
        pytest.skip("no test that records anything ran")
    else:
        assert {place: committed.get(place) for place in found} == found


def test_reads_what_it_writes():
    found = Compatibility()
    found.passed(Place("PyTorch", "ONNX", "a|b"), 3e-7)
    found.passed(Place("PyTorch", "ONNX", "a|b"), 4e-6)
    found.passed(Place("PyTorch", "other", "c"), 2e-5)
    found.refused(Place("Keras 3", ".keras", "Lambda"), "tracin: it | is\n  code")
    cells = found.cells({})
    assert sorted(cells.values()) == ["it | is code", "≤ 2e-5", "≤ 5e-6"]
    assert parse(render(cells)) == cells


def test_keeps_a_bound_that_holds():
    place = Place("PyTorch", "ONNX", "MLP")
    found = Compatibility()
    found.passed(place, 3e-7)
    assert found.cells({place: "≤ 2e-6"})[place] == "≤ 2e-6"
    assert found.cells({place: "≤ 2e-6"}, tight=True)[place] == "≤ 1e-6"
    found.passed(place, 3e-6)
    assert found.cells({place: "≤ 2e-6"})[place] == "≤ 5e-6"
