"""Writes the golden NumPy archives of test/unit/golden/npz with numpy itself.

    python test/golden/npz.py

`expected.json` lists the arrays of each archive: shape, element type and values (floating types as float32).
"""

import json
import pathlib

import numpy

folder = pathlib.Path(__file__).parent.parent / "unit" / "golden" / "npz"
folder.mkdir(parents=True, exist_ok=True)
generator = numpy.random.default_rng(7)
expected = {}


def record(name, save, arrays):
    save(folder / name, **arrays)
    expected[name] = {
        key: {
            "dtype": str(array.dtype.newbyteorder("=")),
            "shape": list(array.shape),
            "values": (array.astype("f4") if array.dtype.kind == "f" else array).reshape(-1).tolist(),
        }
        for key, array in arrays.items()
    }


weights = {
    "dense/kernel": generator.normal(size=(4, 3)).astype("f4"),
    "dense/bias": generator.normal(size=3).astype("f8"),
    "half": generator.normal(size=(2, 2, 3)).astype("f2"),
    "fortran": numpy.asfortranarray(generator.normal(size=(2, 3, 4)).astype("f4")),
    "big": generator.normal(size=(3, 2)).astype(">f4"),
    "mask": numpy.array([True, False, True]),
    "steps": numpy.arange(5, dtype="i8"),
    "empty": numpy.zeros((0, 3), "f4"),
    "learning_rate": numpy.array(0.125, "f8"),
    "step": numpy.array(40, "i8"),
}
record("stored.npz", numpy.savez, weights)
record("deflated.npz", numpy.savez_compressed, weights)
numpy.savez(folder / "objects.npz", pickled=numpy.array([{"a": 1}], dtype=object))

count = 7
data = {
    "x": generator.integers(0, 256, (count, 5, 4)).astype("u1"),
    "tokens": generator.integers(0, 9, (count, 6)).astype("i4"),
    "y": generator.integers(0, 3, count).astype("i8"),
}
record("data.npz", numpy.savez_compressed, data)
(folder / "expected.json").write_text(json.dumps(expected) + "\n")
