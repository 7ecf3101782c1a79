"""Writes HDF5 files that must be refused, or read with care, to test/unit/golden/hdf5.

    python test/golden/hdf5_hostile.py
"""

import gzip
import pathlib

import h5py
import numpy

folder = pathlib.Path(__file__).parent.parent / "unit" / "golden" / "hdf5"
folder.mkdir(parents=True, exist_ok=True)
weights = numpy.arange(6, dtype="f4").reshape(2, 3)


def create(name, libver="earliest"):
    file = h5py.File(folder / name, "w", libver=libver)
    file["layers/dense/vars/0"] = weights
    return file


with create("soft-link.h5") as file:
    file["layers/dense/vars/1"] = h5py.SoftLink("/layers/dense/vars/0")
with create("dangling-link.h5") as file:
    file["layers/dense/vars/1"] = h5py.SoftLink("/nowhere")
with create("external-link.h5") as file:
    file["layers/dense/vars/1"] = h5py.ExternalLink("/etc/hostname", "/x")
with create("cycle.h5") as file:
    file["layers/dense/again"] = file["layers"]
with create("twice.h5") as file:
    file["layers/other"] = file["layers/dense"]
with create("external-storage.h5") as file:
    file.create_dataset("layers/dense/vars/1", (4,), "u1", external=[("/etc/hostname", 0, 4)])
with create("virtual.h5", "latest") as file:
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (2, 3))
    file.create_virtual_dataset("layers/dense/vars/1", layout)
# Never written, so that the file stays small: 4 TB of zeros.
with create("huge.h5") as file:
    file.create_dataset("layers/dense/vars/1", (2**20, 2**20), "f4", chunks=(1024, 1024))
with create("types.h5") as file:
    file["layers/dense/vars/1"] = numpy.array([b"text", b"more"])
    file["layers/dense/vars/2"] = numpy.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")])
    file["layers/dense/vars/3"] = h5py.Empty("f4")
    file["layers/dense/vars/4"] = numpy.array([1 + 2j])
    file.attrs["odd"] = numpy.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")])
    file.attrs["nothing"] = h5py.Empty("f4")
    file.attrs["reference"] = file["layers"].ref
with create("lzf.h5") as file:
    file.create_dataset("layers/dense/vars/1", data=numpy.zeros(100, "f4"), compression="lzf")
# What other tools and options write: chunks, filters, big-endian, new object headers, many attributes.
with create("filters.h5", "latest") as file:
    values = numpy.arange(700, dtype=">f8").reshape(7, 100) / 3
    file.create_dataset("big", data=values, chunks=(3, 30), compression="gzip", shuffle=True, fletcher32=True)
    file.create_dataset("half", data=values.astype("f2"), chunks=(2, 100), compression="gzip")
    file["flags"] = numpy.array([True, False])
    for index in range(40):
        file.attrs[f"attribute {index}"] = index
    file.attrs["long"] = "é" * 70000
    file.attrs["names"] = ["α", "", "c"]
    file.attrs["fixed"] = numpy.array([b"ab", b"cde"])
# An archive bomb: 64 MB of zeros, packed.
with create("bomb.h5", "latest") as file:
    file.create_dataset("layers/dense/vars/1", data=numpy.zeros((16, 2**20), "f4"), chunks=(1, 2**20), compression=9)
for path in folder.iterdir():
    if path.name in ("filters.h5", "bomb.h5"):
        with gzip.GzipFile(f"{path}.gz", "wb", mtime=0) as packed:
            packed.write(path.read_bytes())
        path.unlink()
print({path.name: path.stat().st_size for path in sorted(folder.iterdir())})
