"""Writes files of Keras weights that must be refused, or read with care, to test/unit/golden/keras-hostile.

    python test/golden/keras_hostile.py

Each is adam.weights.h5 of test/unit/golden/keras (see keras_files.py) with one thing changed.
"""

import shutil
from pathlib import Path

import h5py
import numpy as np

GOLDEN = Path(__file__).resolve().parents[1] / "unit" / "golden"
OUT = GOLDEN / "keras-hostile"
FIRST = "layers/dense/vars/0"


def missing(file):
    del file["layers/dense_1/vars/1"]


def shape(file):
    values = file[FIRST][()]
    del file[FIRST]
    file[FIRST] = values.T


def surplus(file):
    file["layers/dense_7/vars/0"] = np.zeros((2, 2), "f4")


def text(file):
    del file[FIRST]
    file[FIRST] = np.array([b"a", b"b"])


def huge(file):
    """Never written, so that the file stays small: 4 TB."""
    del file[FIRST]
    file.create_dataset(FIRST, (2**20, 2**20), "f4", chunks=(1024, 1024))


def cycle(file):
    file["layers/dense/again"] = file["layers"]


def soft_link(file):
    del file[FIRST]
    file[FIRST] = h5py.SoftLink("/layers/dense_1/vars/0")


def external_link(file):
    del file[FIRST]
    file[FIRST] = h5py.ExternalLink("/etc/hostname", "/x")


def external_storage(file):
    del file[FIRST]
    file.create_dataset(FIRST, (4, 3), "u1", external=[("/etc/hostname", 0, 12)])


def virtual(file):
    del file[FIRST]
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4, 3))
    file.create_virtual_dataset(FIRST, layout)


def counters(file):
    """The optimizer's counter and rate are no numbers that can be."""
    file["optimizer/vars/0"][...] = -(2**60)
    file["optimizer/vars/1"][...] = np.nan


def slots(file):
    """A slot that belongs to no parameter."""
    del file["optimizer/vars/2"]
    file["optimizer/vars/2"] = np.zeros((7, 7), "f4")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    for change in (missing, shape, surplus, text, huge, cycle, soft_link, external_link, external_storage, virtual, counters, slots):
        path = OUT / f"{change.__name__.replace('_', '-')}.weights.h5"
        with h5py.File(GOLDEN / "keras" / "adam.weights.h5") as source, h5py.File(path, "w", libver="v110" if change is virtual else "earliest") as file:
            for name in source:
                source.copy(name, file)
            file.attrs.update(source.attrs)
            change(file)


if __name__ == "__main__":
    main()
