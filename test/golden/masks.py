"""Masks as people save them, with the numbers that Pillow reads from them and its nearest-neighbour resize.

    python test/golden/masks.py

Writes test/unit/golden/datasets/masks/: PNG files and masks.json, which holds for each file its numbers and, for some sizes
[height, width], the numbers after Image.resize(..., Resampling.NEAREST).
"""

import json
import pathlib
import shutil

import numpy as np
from PIL import Image

folder = pathlib.Path(__file__).parent.parent / "unit" / "golden" / "datasets" / "masks"
sizes = [[5, 7], [3, 3], [10, 14], [8, 5], [1, 1], [17, 6]]


def main():
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    classes = random.integers(0, 21, (5, 7))
    palette = Image.fromarray(classes.astype(np.uint8), "P")
    palette.putpalette([int(value) for value in random.integers(0, 256, 63)])
    few = random.integers(0, 4, (5, 7))
    small = Image.fromarray(few.astype(np.uint8), "P")
    small.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    bits = random.integers(0, 2, (5, 7))
    wide = random.integers(0, 1000, (5, 7))
    grey = np.where(random.random((5, 7)) < 0.2, 255, classes)
    images = {
        "palette": (palette, classes, {}),
        "palette-2-bits": (small, few, {"bits": 2}),
        "grey": (Image.fromarray(grey.astype(np.uint8)), grey, {}),
        "grey-1-bit": (Image.fromarray(bits.astype(bool)), bits, {}),
        "grey-16-bits": (Image.fromarray(wide.astype(np.uint16)), wide, {}),
        "grey-alpha": (Image.fromarray(np.stack([grey, 255 - grey], 2).astype(np.uint8), "LA"), grey, {}),
        "grey-as-colour": (Image.fromarray(np.stack([grey] * 3, 2).astype(np.uint8)), grey, {}),
    }
    found = {}
    for name, (image, numbers, options) in images.items():
        image.save(folder / f"{name}.png", **options)
        plain = Image.fromarray(numbers.astype(np.uint16))
        resized = [
            {"size": size, "numbers": np.asarray(plain.resize(size[::-1], Image.Resampling.NEAREST)).ravel().tolist()}
            for size in sizes
        ]
        found[name] = {"size": [5, 7], "numbers": numbers.ravel().tolist(), "resized": resized}
    Image.fromarray(random.integers(0, 256, (5, 7, 3)).astype(np.uint8)).save(folder / "colour.png")
    # Sizes whose steps do not add up exactly.
    lines = {}
    for old in (3, 7, 10, 49, 100, 333):
        line = Image.fromarray(np.arange(old, dtype=np.uint16)[None])
        for new in (1, 2, 3, 5, 7, 10, 30, 49, 70, 98, 99, 101, 224, 500):
            lines[f"{old} {new}"] = np.asarray(line.resize((new, 1), Image.Resampling.NEAREST)).ravel().tolist()
    text = json.dumps({"masks": found, "lines": lines}, separators=(",", ":"))
    (folder / "masks.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
