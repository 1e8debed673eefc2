"""What is measured, and what is to come of it.

A job is one training, done by several contenders with the same settings; a row
compares one number of two contenders with a goal.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import workloads
from workloads import LAUNCHER, Workload

PEER = [sys.executable, str(Path(__file__).resolve().parent / "peer.py")]
OURS = [LAUNCHER, "train", "--json"]

LORIKEET = "lorikeet"
DEFAULT = "peer"
GROUPED = "peer, grouped by length"
OURS_BF16 = "lorikeet, bfloat16"
GROUPED_AUTOCAST = "peer, grouped, bfloat16 autocast"
GROUPED_BF16 = "peer, grouped, bfloat16 weights"
CONTENDERS = {
    LORIKEET: [*OURS, "--precision=float32"],
    DEFAULT: [*PEER, "--precision=float32"],
    GROUPED: [*PEER, "--precision=float32", "--group-by-length"],
    OURS_BF16: [*OURS, "--precision=bfloat16"],
    GROUPED_AUTOCAST: [*PEER, "--group-by-length", "--autocast"],
    GROUPED_BF16: [*PEER, "--group-by-length", "--precision=bfloat16"],
}


def precision(contender):
    return "bfloat16" if "bfloat16" in contender else "float32"


# ---- jobs ----


@dataclass(frozen=True)
class Job:
    title: str
    workload: Callable[..., Workload]  # of the arguments of run.py
    batch_size: int
    max_length: int
    task: str = "sequence-classification"
    method: str = "lora"
    epochs: int = 1
    rank: int = 8
    rates: tuple = ("--lr=1e-3",)

    def command(self, contender, workload, seed, options):
        flags = [
            f"--task={self.task}",
            f"--method={self.method}",
            *self.rates,
            *["--schedule=linear", "--warmup-ratio=0.06"],
            *["--weight-decay=0.01", "--max-grad-norm=1.0"],
            f"--epochs={self.epochs}",
            f"--batch-size={self.batch_size}",
            f"--max-length={self.max_length}",
            f"--model={workload.model}",
            f"--data={workload.train}",
            f"--output={options.work / 'output'}",
            f"--threads={options.threads}",
            f"--seed={seed}",
        ]
        if self.method == "lora":
            flags += [f"--rank={self.rank}", "--alpha=16", "--dropout=0"]
            flags += ["--target-modules=all-linear"]
        if workload.held:
            flags += [f"--eval-data={workload.held}"]
        return [*CONTENDERS[contender], *flags, *self.columns(contender)]

    def columns(self, contender):
        """The peer knows no other names."""
        if "peer" in contender:
            return []
        causal = self.task == "causal-lm"
        return ["--text=text", *([] if causal else ["--label=label"])]


LORA_RATES = ("--lr=1e-3", "--lr-group=lora_B=4e-3", "--lr-group=head=2e-3")
JOBS = {
    "minilm": Job(
        "MiniLM, {options.glosses:,} glosses, LoRA r = 8 on all linear layers, "
        "batch 32, at most 64 tokens, one epoch",
        lambda options: workloads.glosses(options.work, options.glosses),
        batch_size=32,
        max_length=64,
        rates=LORA_RATES,
    ),
    "process": Job(
        "the same, {options.process_glosses:,} glosses, nothing evaluated",
        lambda options: workloads.glosses(
            options.work, options.process_glosses, held=False
        ),
        batch_size=32,
        max_length=64,
        rates=LORA_RATES,
    ),
    "bert-base": Job(
        "bert-base's shape, {options.long_texts} texts of 512 tokens, LoRA r = 8 on "
        "all linear layers, batch 8",
        lambda options: workloads.long_texts(options.work, options.long_texts),
        batch_size=8,
        max_length=512,
        rates=LORA_RATES,
    ),
    "probe": Job(
        "MiniLM frozen, its head trained on {options.probe_glosses:,} glosses, "
        "batch 32, at most 64 tokens, five epochs",
        lambda options: workloads.glosses(options.work, options.probe_glosses),
        batch_size=32,
        max_length=64,
        method="probe",
        epochs=5,
        rates=("--lr=2e-3",),
    ),
    "causal-lm": Job(
        "a Llama of 8 layers 512 wide, {options.documents} texts of 20 to 400 tokens, "
        "LoRA r = 8 on all linear layers, batch 8",
        lambda options: workloads.ragged_texts(options.work, options.documents),
        batch_size=8,
        max_length=400,
        task="causal-lm",
    ),
}


# ---- rows ----


@dataclass(frozen=True)
class Row:
    name: str
    job: str
    what: str
    key: str
    theirs: tuple  # the fastest of these
    ours: str = LORIKEET
    at_most: float | None = None
    at_least: float | None = None
    accuracy_within: float | None = None

    def contenders(self):
        return [self.ours, *self.theirs]

    def goal(self):
        if self.at_most is not None:
            return f"at most {self.at_most}"
        return "" if self.at_least is None else f"at least {self.at_least}"

    def is_met(self, ratio):
        if self.at_most is not None:
            return ratio <= self.at_most
        return self.at_least is None or ratio >= self.at_least


TIME = {"what": "training time", "key": "train_seconds"}
SPEED = {"what": "tokens/s", "key": "tokens_per_second"}
ROWS = [
    Row("minilm-default", "minilm", **TIME, theirs=(DEFAULT,), at_most=0.28),
    Row("minilm-grouped", "minilm", **TIME, theirs=(GROUPED,), at_most=0.58),
    Row(
        "minilm-bfloat16",
        "minilm",
        **TIME,
        ours=OURS_BF16,
        theirs=(GROUPED, GROUPED_AUTOCAST, GROUPED_BF16),
        at_most=0.45,
        accuracy_within=0.005,
    ),
    Row(
        "minilm-memory",
        "minilm",
        "peak memory",
        "process_peak_mib",
        theirs=(DEFAULT,),
        at_most=0.5,
    ),
    Row(
        "process",
        "process",
        "whole process",
        "process_seconds",
        theirs=(DEFAULT,),
        at_most=0.35,
    ),
    Row(
        "bert-base",
        "bert-base",
        "time a step",
        "step_seconds",
        theirs=(DEFAULT,),
        at_most=0.95,
    ),
    Row("probe", "probe", **TIME, theirs=(DEFAULT,), at_most=0.1),
    Row("probe-grouped", "probe", **TIME, theirs=(GROUPED,)),
    Row("causal-lm", "causal-lm", **SPEED, theirs=(DEFAULT,), at_least=3.0),
    Row("causal-lm-grouped", "causal-lm", **SPEED, theirs=(GROUPED,)),
]


def chosen(names):
    """The rows whose names begin so; all for none."""
    for name in names:
        if not any(row.name.startswith(name) for row in ROWS):
            known = ", ".join(row.name for row in ROWS)
            sys.exit(f"no row begins with {name}; there are {known}")
    return [
        row
        for row in ROWS
        if not names or any(row.name.startswith(name) for name in names)
    ]
