"""Golden files for the dataset readers and encoders.

Writes test/unit/golden/datasets: images with what Pillow reads, converts and resizes; tokenizer.json files
with what Python's tokenizers gives; NumPy arrays in all variants; CSV files with what Python's csv reads;
columns standardised by scikit-learn. Needs numpy, pillow, tokenizers and scikit-learn:

    python test/golden/dataset_files.py
"""

import base64
import csv
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.preprocessing import StandardScaler
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = Path(__file__).resolve().parents[1] / "unit" / "golden" / "datasets"
rng = np.random.default_rng(20)


def base64_of(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


# PNG ------------------------------------------------------------------------------------------------------

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_rows(samples, depth):
    """Lines of a [height, width, channels] array of samples, filtered by each of the five types in turn."""
    lines = []
    pixel = max(1, depth * samples.shape[2] // 8)
    above = None
    for number, row in enumerate(samples):
        flat = row.reshape(-1)
        if depth == 16:
            data = flat.astype(">u2").tobytes()
        elif depth == 8:
            data = flat.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(value), f"0{depth}b") for value in flat)
            bits += "0" * (-len(bits) % 8)
            data = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        above = above or bytes(len(data))
        lines.append(bytes([number % 5]) + filtered(number % 5, data, above, pixel))
        above = data
    return b"".join(lines)


def filtered(kind, data, above, pixel):
    def paeth(a, b, c):
        return min((a, b, c), key=lambda value: abs(a + b - c - value))

    left = bytes(pixel) + data
    corner = bytes(pixel) + above
    guess = {
        0: lambda a, b, c: 0,
        1: lambda a, b, c: a,
        2: lambda a, b, c: b,
        3: lambda a, b, c: (a + b) // 2,
        4: paeth,
    }[kind]
    return bytes((x - guess(a, b, c)) & 255 for x, a, b, c in zip(data, left, above, corner))


def write_png(path, samples, depth, colour, interlaced=False, extra=()):
    height, width, _ = samples.shape
    if interlaced:
        parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        data = b"".join(pack_rows(part, depth) for part in parts if part.size)
    else:
        data = pack_rows(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    body = b"".join(chunk(kind, content) for kind, content in extra)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )


def smooth(height, width, channels):
    """A picture rather than noise, so that JPEG keeps it well."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / (5 + c) + y / (7 - c) + c) for c in range(channels)]
    return np.clip(np.stack(waves, -1), 0, 255).astype(np.uint8)


def image_goldens():
    folder = OUT / "images"
    folder.mkdir(parents=True, exist_ok=True)
    h, w = 11, 13
    noise = lambda channels, top: rng.integers(0, top, (h, w, channels))
    palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    for depth in (1, 2, 4, 8, 16):
        write_png(folder / f"grey{depth}.png", noise(1, 2**depth), depth, 0)
    for depth in (1, 2, 4, 8):
        extra = [(b"PLTE", palette[: 2**depth].tobytes())]
        write_png(folder / f"palette{depth}.png", noise(1, 2**depth), depth, 3, extra=extra)
    transparent = [(b"PLTE", palette[:16].tobytes()), (b"tRNS", bytes(range(0, 160, 16)))]
    write_png(folder / "palette-alpha.png", noise(1, 16), 8, 3, extra=transparent)
    for name, colour, channels in (("rgb", 2, 3), ("grey-alpha", 4, 2), ("rgba", 6, 4)):
        for depth in (8, 16):
            write_png(folder / f"{name}{depth}.png", noise(channels, 2**depth), depth, colour)
            write_png(folder / f"{name}{depth}-interlaced.png", noise(channels, 2**depth), depth, colour, True)
    write_png(folder / "grey8-interlaced.png", noise(1, 256), 8, 0, True)
    write_png(folder / "grey4-interlaced.png", noise(1, 16), 4, 0, True)
    write_png(folder / "palette1-interlaced.png", noise(1, 2), 1, 3, True, [(b"PLTE", palette[:2].tobytes())])
    Image.fromarray(smooth(24, 40, 3)).save(folder / "filtered.png", optimize=True)
    for name, options in (
        ("444", {"subsampling": 0}),
        ("420", {"subsampling": 2}),
        ("progressive", {"subsampling": 0, "progressive": True}),
    ):
        Image.fromarray(smooth(24, 40, 3)).save(folder / f"{name}.jpg", quality=92, **options)
    Image.fromarray(smooth(24, 40, 1)[:, :, 0]).save(folder / "grey.jpg", quality=92)
    Image.fromarray(smooth(8, 8, 4), mode="CMYK").save(folder / "cmyk.jpg")

    goldens = []
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            image.load()
            golden = {"file": path.name, "mode": image.mode, "width": image.width, "height": image.height}
            if image.mode == "CMYK":
                goldens.append(golden)
                continue
            if image.mode.startswith("I"):
                # Pillow clips 16-bit grey at 255, which leaves nearly all of it white; the high byte is meant.
                grey = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
                golden["L"], golden["RGB"] = base64_of(grey), base64_of(grey.convert("RGB"))
            else:
                # Alpha is dropped before grey, as the encoder does; both orders give the same in Pillow.
                golden["L"], golden["RGB"] = base64_of(image.convert("L")), base64_of(image.convert("RGB"))
            goldens.append(golden)
    (OUT / "images.json").write_text(json.dumps(goldens, indent=1))

    resizes = []
    for height, width, new_height, new_width, mode in (
        (28, 28, 32, 32, "L"),
        (28, 28, 14, 14, "L"),
        (32, 32, 28, 28, "RGB"),
        (40, 30, 7, 11, "RGB"),
        (5, 9, 23, 31, "RGB"),
        (17, 64, 17, 9, "L"),
        (64, 17, 9, 17, "L"),
        (1, 1, 4, 4, "RGB"),
        (60, 60, 1, 1, "L"),
        # Pillow 13 takes columns first when the height shrinks more than the width.
        (24, 17, 11, 15, "RGB"),
        (18, 18, 16, 31, "L"),
        (24, 12, 13, 6, "L"),
    ):
        shape = (height, width) if mode == "L" else (height, width, 3)
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        image = Image.fromarray(pixels)
        resized = image.resize((new_width, new_height), Image.Resampling.BILINEAR)
        rows_first = image.resize((new_width, height), Image.Resampling.BILINEAR)
        rows_first = rows_first.resize((new_width, new_height), Image.Resampling.BILINEAR)
        resizes.append(
            {
                "height": height,
                "width": width,
                "newHeight": new_height,
                "newWidth": new_width,
                "channels": len(mode),
                "pixels": base64_of(pixels),
                "resized": base64_of(resized),
                "rowsFirst": base64_of(rows_first),
            }
        )
    (OUT / "resizes.json").write_text(json.dumps(resizes, indent=1))


# Tokenizers -----------------------------------------------------------------------------------------------

CORPUS = [
    "The quick brown fox jumps over the lazy dog.",
    "Free money!!! Click here to claim your prize, winner.",
    "Dear colleagues, the meeting moves to Tuesday at 10:30.",
    "Who would have thought that it isn't raining today?",
    "Naïve café façade: déjà vu über alles, smörgåsbord.",
    "1,234.56 dollars and 99% off -- only until 2024-12-31",
] * 4
TEXTS = [
    "",
    " ",
    "The quick brown fox",
    "free MONEY for the winner, isn't it?",
    "  leading and   double  spaces ",
    "new\nlines\tand tabs\r\n",
    "Naïve café 10:30 — “quotes” … €5",
    "unknown 漢字 and 🙂 emoji",
    "x_y naïve\u200bword Ωfaçade ½ ﬁ İё e\u0301 हिन्दी 👩\u200d👩\u200d👧",
    "a [SEP] in the text <pad> and </s>",
    "supercalifragilistic prize prize prize prize prize prize prize prize meeting",
]


def tokenizer_goldens():
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=330,
            special_tokens=["<s>", "<pad>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    bpe.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    plain = Tokenizer.from_str(bpe.to_str())
    plain.post_processor = processors.ByteLevel(trim_offsets=False)
    plain.enable_truncation(12, direction="left")
    plain.enable_padding(direction="left", pad_id=1, pad_token="<pad>", length=12)

    wordpiece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    wordpiece.normalizer = normalizers.BertNormalizer(lowercase=True)
    wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    wordpiece.train_from_iterator(
        CORPUS,
        trainers.WordPieceTrainer(
            vocab_size=200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], show_progress=False
        ),
    )
    wordpiece.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    bert = Tokenizer.from_str(wordpiece.to_str())
    bert.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))

    unigram = Tokenizer(models.Unigram())
    unigram.normalizer = normalizers.NFKC()
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.train_from_iterator(
        CORPUS,
        trainers.UnigramTrainer(
            vocab_size=150, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
        ),
    )
    unigram.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])

    wordlevel = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    wordlevel.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    wordlevel.pre_tokenizer = pre_tokenizers.Whitespace()
    wordlevel.train_from_iterator(
        CORPUS, trainers.WordLevelTrainer(special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    )

    fallback = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    fallback.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    fallback.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=420,
            special_tokens=["<unk>", "<s>", "</s>", "<pad>"] + [f"<0x{byte:02X}>" for byte in range(256)],
            show_progress=False,
        ),
    )
    fallback.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])

    regex = Tokenizer(models.BPE())
    regex.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
                "isolated",
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    regex.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=330,
            special_tokens=["<|endoftext|>", "<|pad|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    regex.post_processor = processors.ByteLevel(trim_offsets=True)

    goldens = []
    for name, tokenizer, pad in (
        ("wordlevel", wordlevel, 0),
        ("bpe-fallback", fallback, 3),
        ("bpe-regex", regex, 1),
        ("bpe", bpe, 1),
        ("bpe-left", plain, 1),
        ("wordpiece", wordpiece, 0),
        ("bert", bert, 0),
        ("unigram", unigram, 0),
    ):
        folder = OUT / "tokenizers"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(tokenizer.to_str(pretty=False))
        left = "left" if name.endswith("left") else "right"
        for length in (3, 12, 64):
            used = Tokenizer.from_str(tokenizer.to_str())
            used.enable_truncation(length, direction=left)
            used.enable_padding(direction=left, pad_id=pad, pad_token=used.id_to_token(pad), length=length)
            rows = [used.encode(text) for text in TEXTS]
            goldens.append(
                {
                    "tokenizer": name,
                    "length": length,
                    "ids": [row.ids for row in rows],
                    "mask": [row.attention_mask for row in rows],
                }
            )
    (OUT / "tokenizers.json").write_text(json.dumps({"texts": TEXTS, "goldens": goldens}))


# NumPy ----------------------------------------------------------------------------------------------------


def npy_goldens():
    folder = OUT / "npy"
    folder.mkdir(parents=True, exist_ok=True)
    goldens = []
    values = np.array([[[-3, 0.5], [2, 7], [0, 1]], [[9, -1], [4, 4.25], [-8, 6]]] * 2)
    kinds = ["|b1", "|i1", "|u1"] + [
        f"{order}{kind}" for order in "<>" for kind in ("i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8")
    ]
    for kind in kinds:
        for order in "CF":
            source = np.abs(values) if "u" in kind else values
            array = np.array(source.astype(np.dtype(kind)), order=order)
            name = f"{'big' if kind[0] == '>' else 'little'}-{kind[1:]}-{order}.npy"
            version = (1, 0) if order == "C" else (2, 0)
            with open(folder / name, "wb") as file:
                np.lib.format.write_array(file, array, version=version)
            goldens.append({"file": name, "shape": array.shape, "values": array.astype(float).ravel().tolist()})
    with open(folder / "version3.npy", "wb") as file:
        np.lib.format.write_array(file, np.arange(4.0), version=(3, 0))
    goldens.append({"file": "version3.npy", "shape": (4,), "values": [0, 1, 2, 3]})
    (OUT / "npy.json").write_text(json.dumps(goldens))
    np.save(folder / "objects.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    np.save(folder / "structured.npy", np.zeros(3, dtype=[("a", "<f4"), ("b", "<i4")]))
    np.save(folder / "complex.npy", np.zeros(3, dtype=np.complex64))
    np.save(folder / "scalar.npy", np.float32(3))


# CSV ------------------------------------------------------------------------------------------------------


def csv_goldens():
    texts = [
        "a,b\n1,2\n3,4\n",
        "a,b\r\n1,2\r\n3,4",
        "a,b\r1,2\r3,4\r",
        'a,b\n"x\ny",2\n"p\r\nq","r\rs"\n',
        'a,b\n"say ""hi""",","\n"",""""\n',
        'a,b\n5" disk,it\'s "fine"\n 1 , 2 \n',
        "a,b\n,\n x,\ty\n",
        'a\n"\n\n"\n"end"',
        "a;b\n1;2,5\n",
        'a\tb\n1\t"2\t3"\n',
        "naïve,漢字\nü,🙂\n",
        'a,b\r\n"line\r\n\r\nline",x\r\n\r\n\r\ny,z\r\n',
    ]
    goldens = []
    for text in texts:
        delimiter = next(mark for mark in ";\t," if mark in text.splitlines()[0] or mark == ",")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
        goldens.append({"text": text, "delimiter": delimiter, "rows": rows})
    (OUT / "csv.json").write_text(json.dumps(goldens, indent=1))


def standardise_golden():
    columns = np.stack(
        [rng.normal(5, 3, 50), np.full(50, 0.1), rng.normal(1e6, 1e-3, 50), rng.integers(0, 2, 50)], -1
    )
    scaler = StandardScaler().fit(columns)
    golden = {
        "rows": columns.tolist(),
        "mean": scaler.mean_.tolist(),
        "std": scaler.scale_.tolist(),
        "encoded": scaler.transform(columns).astype(np.float32).astype(float).ravel().tolist(),
    }
    (OUT / "standardise.json").write_text(json.dumps(golden))


OUT.mkdir(parents=True, exist_ok=True)
image_goldens()
tokenizer_goldens()
npy_goldens()
csv_goldens()
standardise_golden()
