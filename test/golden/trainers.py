"""Writes the golden checkpoints of test/unit/golden/trainers with the real trainers: transformers, accelerate, lightning, peft.

    pip install -r test/parity/requirements.txt peft
    python test/golden/trainers.py

`expected.json` holds for each folder or file the tensors (shape, and the sum of all values in double precision), step and
epoch, and, where a trainer ran, the rate that each update really used (`steps`), recorded from the optimizer itself.
"""

import json
import shutil
import tempfile
import warnings
from pathlib import Path

import accelerate
import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from torch import nn
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainingArguments,
)

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
OUT = Path(__file__).resolve().parents[1] / "unit" / "golden" / "trainers"
shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)
expected = {}


def describe(tensors):
    return {name: {"shape": list(t.shape), "sum": t.double().sum().item()} for name, t in tensors.items()}


def record(name, tensors, **more):
    expected[name] = {"tensors": describe(tensors), **more}


def watch(optimizer, rates):
    """Notes the rates of all groups at each update."""
    optimizer.register_step_pre_hook(lambda *_: rates.append([float(group["lr"]) for group in optimizer.param_groups]))


def bert():
    torch.manual_seed(1)
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=16, hidden_size=4, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=6, max_position_embeddings=8, num_labels=3,
        )
    )


class Watched(Trainer):
    rates = []

    def create_optimizer(self, *arguments):
        made = super().create_optimizer(*arguments)
        self.rates.clear()
        watch(self.optimizer, self.rates)
        return made


torch.manual_seed(0)
texts = [
    {"input_ids": torch.randint(1, 16, (6,)), "attention_mask": torch.ones(6, dtype=torch.long), "labels": torch.tensor(i % 3)}
    for i in range(24)
]


def trainer(name, keep, **options):
    """A run of the Trainer with a checkpoint every `save_steps`; only what is read is kept."""
    with tempfile.TemporaryDirectory() as folder:
        settings = dict(
            num_train_epochs=3, per_device_train_batch_size=4, learning_rate=5e-3, save_steps=6, logging_steps=2,
            report_to=[], use_cpu=True, disable_tqdm=True,
        )
        run = Watched(bert(), TrainingArguments(folder, **settings | options), train_dataset=texts)
        run.train()
        for step in keep:
            files = Path(folder) / f"checkpoint-{step}"
            target = OUT / name / files.name
            target.mkdir(parents=True)
            for file in ("model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json", "training_args.bin"):
                shutil.copyfile(files / file, target / file)
            record(
                f"{name}/{files.name}", load_file(files / "model.safetensors"),
                step=step, epoch=step / 6, steps=run.rates[:step],
                parameters=[name for name, _ in run.model.named_parameters()],
            )


trainer("hf-linear", [6, 12], warmup_steps=2, weight_decay=0.01)
# Few logs: the schedule itself tells the rates.
trainer("hf-cosine", [6, 18], lr_scheduler_type="cosine", warmup_steps=0.1, logging_steps=500)
# A schedule whose formula is not known here: what was logged tells them.
trainer("hf-logged", [12], lr_scheduler_type="polynomial", logging_steps=1)
# The state is of no interest there.
for name, drop in (("hf-cosine", ["optimizer.pt"]), ("hf-logged", ["optimizer.pt", "scheduler.pt"])):
    for folder in (OUT / name).iterdir():
        for file in drop:
            (folder / file).unlink()

# trainer.save_model: weights and arguments, but no rate.
with tempfile.TemporaryDirectory() as folder:
    Trainer(bert(), TrainingArguments(folder, report_to=[], use_cpu=True)).save_model(folder)
    (OUT / "hf-saved").mkdir()
    for file in ("model.safetensors", "training_args.bin"):
        shutil.copyfile(Path(folder) / file, OUT / "hf-saved" / file)
    record("hf-saved", load_file(Path(folder) / "model.safetensors"))

# Sharded, in both formats.
state = {name: tensor.clone() for name, tensor in bert().state_dict().items()}
bert().save_pretrained(OUT / "sharded", max_shard_size="1KB")
(OUT / "sharded" / "config.json").unlink()
record("sharded", state)
accelerate.Accelerator(cpu=True).save_model(bert(), str(OUT / "sharded-bin"), max_shard_size="1KB", safe_serialization=False)
record("sharded-bin", state)

# GPT-2: the output layer is the embedding table, stored once.
torch.manual_seed(2)
gpt = GPT2LMHeadModel(GPT2Config(vocab_size=8, n_positions=4, n_embd=4, n_layer=1, n_head=1))
gpt.save_pretrained(OUT / "tied")
for file in (OUT / "tied").glob("*.json"):
    file.unlink()
record("tied", load_file(OUT / "tied" / "model.safetensors"))

# A LoRA adapter.
lora = get_peft_model(bert(), LoraConfig(r=1, target_modules=["query", "value"], modules_to_save=["classifier"]))
lora.save_pretrained(OUT / "adapter")
(OUT / "adapter" / "README.md").unlink(missing_ok=True)
record("adapter", load_file(OUT / "adapter" / "adapter_model.safetensors"), inModel=[name for name, _ in lora.named_parameters()])


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


# Accelerate.
accelerator = accelerate.Accelerator(cpu=True)
net = network()
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
scheduler = lr_scheduler.StepLR(optimizer, 2, gamma=0.5)
rates = []
watch(optimizer, rates)
net, optimizer, scheduler = accelerator.prepare(net, optimizer, scheduler)
for _ in range(5):
    optimizer.zero_grad()
    accelerator.backward(net(torch.randn(4, 4)).square().mean())
    optimizer.step()
    scheduler.step()
accelerator.save_state(str(OUT / "accelerate"))
record("accelerate", net.state_dict(), steps=rates)
for file in (OUT / "accelerate").glob("*.pkl"):
    file.unlink()


# Lightning, with the schedule stepped by epochs and by updates.
class Module(lightning.LightningModule):
    def __init__(self, interval):
        super().__init__()
        self.model = network()
        self.interval = interval
        self.rates = []

    def training_step(self, batch, _):
        return self.model(batch[0]).square().mean()

    def configure_optimizers(self):
        groups = [{"params": self.model[0].parameters()}, {"params": self.model[2].parameters(), "lr": 0.1}]
        optimizer = torch.optim.AdamW(groups, lr=0.01)
        watch(optimizer, self.rates)
        schedule = (
            lr_scheduler.ExponentialLR(optimizer, 0.5)
            if self.interval == "epoch"
            else lr_scheduler.SequentialLR(
                optimizer,
                [lr_scheduler.LinearLR(optimizer, 0.5, total_iters=4), lr_scheduler.CosineAnnealingLR(optimizer, 8)],
                milestones=[4],
            )
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": self.interval}}


data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(12, 4)), batch_size=3)
for interval in ("epoch", "step"):
    module = Module(interval)
    with tempfile.TemporaryDirectory() as folder:
        saving = ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1)
        lightning.Trainer(
            max_epochs=3, accelerator="cpu", callbacks=[saving], logger=False, enable_progress_bar=False, enable_model_summary=False,
        ).fit(module, data)
        for epoch in range(3):
            file = f"lightning-{interval}/epoch={epoch}.ckpt"
            (OUT / file).parent.mkdir(exist_ok=True)
            shutil.copyfile(Path(folder) / f"epoch={epoch}.ckpt", OUT / file)
            saved = torch.load(OUT / file, weights_only=False)["state_dict"]
            record(file, saved, step=4 * (epoch + 1), epoch=epoch, steps=module.rates[: 4 * (epoch + 1)])

# A plain loop that keeps an average of the weights beside them.
net = network()
average = AveragedModel(net)
net[0].weight.data.add_(1)
average.update_parameters(net)
torch.save({"ema": average.state_dict(), "net": net.state_dict()}, OUT / "average.pt")
record("average.pt", net.state_dict())

(OUT / "expected.json").write_text(json.dumps(expected) + "\n")
