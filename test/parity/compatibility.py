"""What the suite found to work, and what it found to be refused: the contents of docs/compatibility.md.

A test records cells through the fixture `record_compatibility`. A difference is written as a bound (one of BOUNDS), so that the document does
not change with the last digit. A bound that the document has stays as long as it holds.
"""

import re
from dataclasses import dataclass

from samples import ROOT

DOCUMENT = ROOT / "docs" / "compatibility.md"
# A new bound leaves room for sums in another order.
HEADROOM = 1.5
BOUNDS = (1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4)
# Order of the chapters; others follow by name.
FRAMEWORKS = ("PyTorch", "Operator sets of ONNX", "Checkpoints of PyTorch", "Keras 3", "Keras 2", "Preconditioned scores of Keras", "TensorFlow.js")
# Of a model that the tool itself refuses to write.
NOT_EXPORTED = "not exported"
# What the rows of a chapter are, where not models.
ROWS = {"Operator sets of ONNX": "operator set", "Checkpoints of PyTorch": "checkpoint", "Preconditioned scores of Keras": "optimizer"}
HEAD = """# Compatibility

Made by the parity suite (`npm run test:parity -- --update-compatibility`), which fails where this document is not what it finds. Every
model is trained or made by the tool in question and scored by the command line.

A number is a bound on the largest difference of scores and self-influence from the framework's own gradients, computed one example at a time, relative
to the largest score of each query. An empty cell was not tried; where a cell says "not exported", the tool itself refuses to write the model. What is refused is listed with the message. [Operators](operators.md) lists
what happens to each operator of the ONNX standard.

Quantised weights of TensorFlow.js are decoded as its own reader does it, and scored as they are then: what the rounding took from the trained weights is
lost. The operator set is the one that the file names, as an exporter of PyTorch wrote it.
"""


@dataclass(frozen=True, order=True)
class Place:
    """One cell: a model family in a format (which says who wrote it, where that matters) of a framework."""

    framework: str
    format: str
    family: str


class Compatibility:
    """The cells of one run of the suite."""

    def __init__(self):
        self.differences: dict[Place, float] = {}
        self.refusals: dict[Place, str] = {}
        self.unwritten: set[Place] = set()

    def passed(self, place, difference):
        assert place not in self.refusals, f"{place} was refused before"
        self.differences[place] = max(self.differences.get(place, 0.0), float(difference))

    def refused(self, place, message):
        assert place not in self.differences, f"{place} passed before"
        text = " ".join(message.split()).removeprefix("tracin: ")
        assert self.refusals.setdefault(place, text) == text, f"{place} was refused with another message before"

    def not_exported(self, place):
        assert place not in self.differences and place not in self.refusals, f"{place} was tried before"
        self.unwritten.add(place)

    def cells(self, committed, tight=False):
        """The text of each cell. Bounds of `committed` that still hold stay, unless `tight`."""
        found = self.refusals | dict.fromkeys(self.unwritten, NOT_EXPORTED)
        for place, difference in self.differences.items():
            before = committed.get(place, "")
            keep = not tight and re.fullmatch(r"≤ \de-\d", before) and difference <= float(before[2:])
            found[place] = before if keep else bound(difference * (HEADROOM if tight else 1))
        return found


def bound(difference):
    return next((f"≤ {limit:.0e}".replace("e-0", "e-") for limit in BOUNDS if difference <= limit), f"{difference:.1e}")


def render(cells):
    """The document of these cells."""
    chapters = sorted({place.framework for place in cells}, key=lambda name: (name not in FRAMEWORKS, (*FRAMEWORKS, name).index(name), name))
    text = [HEAD]
    for framework in chapters:
        text.append(f"## {framework}\n")
        passed = {place: cell for place, cell in cells.items() if place.framework == framework and (cell.startswith("≤") or cell == NOT_EXPORTED)}
        refused = {place: cell for place, cell in cells.items() if place.framework == framework and place not in passed}
        if passed:
            formats = sorted({place.format for place in passed})
            rows = [[ROWS.get(framework, "model"), *formats]]
            for family in sorted({place.family for place in passed}, key=naturally):
                rows.append([family, *(passed.get(Place(framework, each, family), "") for each in formats)])
            text.append(table(rows))
        if refused:
            rows = [[place.family, place.format, cell] for place, cell in sorted(refused.items())]
            text.append(table([["refused", "format", "message"], *rows]))
    return "\n".join(text)


def parse(document):
    """The cells of a rendered document."""
    cells, framework, head = {}, "", []
    for line in document.splitlines():
        if line.startswith("## "):
            framework = line[3:]
        elif not line.startswith("|"):
            head = []
        elif not head:
            head = columns(line)
        elif not line.startswith("|---"):
            first, *rest = columns(line)
            if head[0] == "refused":
                cells[Place(framework, rest[0], first)] = rest[1]
            else:
                cells |= {Place(framework, name, first): cell for name, cell in zip(head[1:], rest, strict=True) if cell}
    return cells


def naturally(name):
    """Numbers in the order of their values."""
    return int(name) if name.isdecimal() else 0, name


def table(rows):
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:], ""])


def columns(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
