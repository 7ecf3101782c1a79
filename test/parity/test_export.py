"""The script of TracIn: Export PyTorch Model, run as a person runs it."""

import export


def test_exports_and_compares(tmp_path):
    export.make(tmp_path)
    assert sorted(path.name for path in (tmp_path / "cnn").iterdir()) == [
        "epoch-1.pt",
        "epoch-2.pt",
        "fresh.onnx",
        "model.onnx",
    ]
