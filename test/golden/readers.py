"""Golden files for Parquet, NPZ and IDX data.

Writes test/unit/golden/readers: Parquet files of pyarrow (several row groups, two files, all kinds of columns, images as Hugging Face
datasets stores them), NumPy archives of numpy.savez and savez_compressed, IDX files by the format's definition, and `expected.json` with
what pyarrow, NumPy and Pillow read back. Needs numpy, pyarrow and pillow:

    python test/golden/readers.py
"""

import base64
import datetime
import decimal
import gzip
import io
import json
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

OUT = Path(__file__).resolve().parents[1] / "unit" / "golden" / "readers"
OUT.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(7)
expected = {}

# Parquet --------------------------------------------------------------------------------------------------

count = 25
table = pa.table(
    {
        "float": pa.array(rng.normal(size=count).astype("f4")),
        "double": rng.normal(size=count),
        "byte": pa.array(range(count), pa.int8()),
        "long": pa.array([i * 10_000_000_000 for i in range(count)], pa.int64()),
        "unsigned": pa.array(range(count), pa.uint32()),
        "flag": [i % 3 == 0 for i in range(count)],
        "text": [None if i == 4 else f"Zeile {i}, größer" for i in range(count)],
        "kind": pa.array([["a", "b", "c"][i % 3] for i in range(count)]).dictionary_encode(),
        "ids": [list(range(i % 5)) for i in range(count)],
        "fixed": pa.array([[i, i + 0.5] for i in range(count)], pa.list_(pa.float32(), 2)),
        "nested": [{"x": i, "tags": [str(i)]} for i in range(count)],
        "price": pa.array([decimal.Decimal(i).scaleb(-2) for i in range(count)], pa.decimal128(9, 2)),
        "day": pa.array([datetime.date(2020, 1, 1 + i) for i in range(count)]),
        "label": [i % 3 for i in range(count)],
    }
)
pq.write_table(table, OUT / "table.parquet", row_group_size=7, compression="zstd")
pq.write_table(table.slice(0, 10), OUT / "part-0.parquet", compression="snappy")
pq.write_table(table.slice(10), OUT / "part-1.parquet", compression="gzip")
pq.write_table(table.drop_columns(["text"]), OUT / "other.parquet")
rows = table.to_pylist()
for row in rows:
    row["price"] = float(row["price"])
    row["day"] = row["day"].isoformat()
expected["table"] = rows


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


pictures = rng.integers(0, 256, (40, 6, 5, 3), np.uint8)
encoded = [png(picture) for picture in pictures]
pq.write_table(
    pa.table(
        {
            "image": [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(encoded)],
            "label": [i % 2 for i in range(40)],
        }
    ),
    OUT / "images.parquet",
    row_group_size=16,
)
pq.write_table(pa.table({"png": encoded, "label": [i % 2 for i in range(40)]}), OUT / "blobs.parquet")
expected["pictures"] = base64.b64encode(pictures.tobytes()).decode()

# As Hugging Face datasets stores labels: their names stand beside the schema.
features = {
    "label": {"names": ["cat", "dog", "owl"], "_type": "ClassLabel"},
    "tags": {"feature": {"names": ["O", "B", "I"], "_type": "ClassLabel"}, "_type": "List"},
    "topics": [{"names": ["art", "law", "sport"], "_type": "ClassLabel"}],
    "text": {"dtype": "string", "_type": "Value"},
}
named = pa.table({"text": [f"t{i}" for i in range(6)], "label": [i % 2 for i in range(6)], "tags": [[i % 3, 0] for i in range(6)], "topics": [[i % 3][: i % 4] for i in range(6)]})
pq.write_table(named.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), OUT / "named.parquet")
# Images that differ in a pixel alone, without a path: the same size in bytes.
alike = [png(np.full((2, 2), value, np.uint8)) for value in (10, 20, 10)]
assert len({len(data) for data in alike}) == 1
pq.write_table(pa.table({"image": [{"bytes": data, "path": None} for data in alike], "label": [0, 1, 1]}), OUT / "alike.parquet")

# NPZ ------------------------------------------------------------------------------------------------------

x_train = rng.integers(0, 256, (9, 6, 5), np.uint8)
y_train = rng.integers(0, 10, 9)
arrays = {
    "x_train": x_train,
    "y_train": y_train,
    "x_test": rng.integers(0, 256, (4, 6, 5), np.uint8),
    "y_test": rng.integers(0, 10, 4),
    "planar": np.asfortranarray(rng.integers(0, 256, (9, 3, 6, 5), np.uint8)),
    "unit": rng.random((9, 8, 8)),
}
np.savez(OUT / "stored.npz", **arrays)
np.savez_compressed(OUT / "packed.npz", **arrays)
expected["npz"] = {name: {"shape": a.shape, "values": a.astype("f4").ravel().tolist()} for name, a in arrays.items()}

# IDX ------------------------------------------------------------------------------------------------------

codes = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array):
    code = codes[array.dtype.str[1:]]
    header = struct.pack(">BBBB", 0, 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


for name, array in {"train-images-idx3-ubyte": x_train, "train-labels-idx1-ubyte": y_train.astype("u1")}.items():
    (OUT / name).write_bytes(idx(array))
    with gzip.GzipFile(OUT / f"{name}.gz", "wb", mtime=0) as file:
        file.write(idx(array))
expected["idx"] = {}
for code in codes:
    array = (rng.normal(size=(3, 2, 2)) * 50).astype(code)
    (OUT / f"{code}.idx").write_bytes(idx(array))
    expected["idx"][code] = array.astype("f4").ravel().tolist()

(OUT / "expected.json").write_text(json.dumps(expected))
