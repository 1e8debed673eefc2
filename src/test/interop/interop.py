"""What the checks share: open a model in PEFT, answer texts, compare."""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()

# Two float32 implementations of six layers sum in other orders and differ by
# some 1e-6 in a logit; an alpha of 16.01 instead of 16 makes 4e-3.
TOLERANCE = 1e-4

BATCH = 32
MODELS = {
    "SEQ_CLS": AutoModelForSequenceClassification,
    "TOKEN_CLS": AutoModelForTokenClassification,
    None: AutoModelForMaskedLM,  # PEFT has no task type for masked LMs
}


class Disagreement(Exception):
    """Ours and theirs differ in more than numbers."""


@dataclass
class Answer:
    """One text's answer.

    values: its logits, row by row; for a masked LM the word's probability.
    labels: the best class of each row; for a masked LM the word itself.
    """

    values: list
    labels: list


def read_jsonl(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write_jsonl(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


# ---- opening ----


def open_adapter(base, folder):
    """The base with our adapter, in PEFT; every tensor must have arrived."""
    saved = load_file(Path(folder) / "adapter_model.safetensors")
    task = read_json(Path(folder) / "adapter_config.json")["task_type"]
    must_be_trained(saved)
    head = saved.get("base_model.model.classifier.weight")
    options = {} if head is None else {"num_labels": head.shape[0]}
    model = MODELS[task].from_pretrained(base, **options)
    model = PeftModel.from_pretrained(model, folder).eval()
    must_hold(model, saved)
    return model


def must_be_trained(saved):
    """An adapter whose B is zero changes nothing, so nothing could differ."""
    idle = [n for n, t in saved.items() if "lora_B" in n and t.numel() and not t.any()]
    if idle:
        raise Disagreement(f"{idle[0]} is zero: was the adapter trained?")


def must_hold(model, saved):
    """PEFT passes over tensors that it finds no place for; we do not."""
    held = model.state_dict() | get_peft_model_state_dict(model)
    lost = [
        name
        for name, tensor in saved.items()
        if name not in held or not torch.equal(held[name], tensor)
    ]
    if lost:
        raise Disagreement(
            f"PEFT did not take over {len(lost)} tensors, first {lost[0]}"
        )


def open_tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder)


def max_length(folder):
    """How long the run cut its texts."""
    record = Path(folder) / "lorikeet.json"
    return read_json(record)["max_length"] if record.exists() else 512


# ---- answering ----


@torch.no_grad()
def answer(model, tokenizer, rows, length):
    """The answers of a transformers or PEFT model to the rows' texts."""
    answers = []
    for start in range(0, len(rows), BATCH):
        batch = encode(tokenizer, rows[start:start + BATCH], length)
        logits = model(**batch).logits
        for i, mask in enumerate(batch["attention_mask"].bool()):
            row = logits[i:i + 1] if logits.dim() == 2 else logits[i][mask]
            if is_a(model, "ForMaskedLM"):
                ids = batch["input_ids"][i][mask]
                answers.append(answer_mask(row, ids, tokenizer))
            else:
                labels = row.argmax(-1).tolist()
                answers.append(Answer(row.flatten().tolist(), labels))
    return answers


def encode(tokenizer, rows, length):
    texts = [row["text"] for row in rows]
    pairs = [row["text_pair"] for row in rows if "text_pair" in row]
    return tokenizer(
        texts,
        pairs or None,
        is_split_into_words=isinstance(texts[0], list),
        truncation=True,
        max_length=length,
        padding=True,
        return_tensors="pt",
    )


def is_a(model, kind):
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    return type(base).__name__.endswith(kind)


def answer_mask(logits, ids, tokenizer):
    first = (ids == tokenizer.mask_token_id).nonzero()[0, 0]
    score, word = logits[first].softmax(-1).max(-1)
    return Answer([score.item()], tokenizer.convert_ids_to_tokens([word]))


def read_answers(path, width=0):
    """The answers in a file of `lorikeet predict`.

    width: the classes where logits are one row a token; 0 for one row a text.
    """
    answers = []
    for row in read_jsonl(path):
        logits = row["logits"]
        if logits:
            rows = torch.tensor(logits).reshape(-1, width or len(logits))
            answers.append(Answer(logits, rows.argmax(-1).tolist()))
        else:
            answers.append(Answer([row["score"]], [row["label"]]))
    return answers


# ---- comparing ----


@dataclass
class Difference:
    """The largest difference of two values, and how many labels differ."""

    largest: float
    changed: int
    texts: int

    def passes(self):
        return self.largest <= TOLERANCE and self.changed == 0

    def __str__(self):
        return (
            f"{self.texts} texts, largest difference {self.largest:.1e}, "
            f"{self.changed} changed labels"
        )


def compare(ours, theirs):
    if len(ours) != len(theirs):
        raise Disagreement(f"{len(ours)} answers for {len(theirs)} texts")
    differences = [0.0]
    for i, (a, b) in enumerate(zip(ours, theirs)):
        if len(a.values) != len(b.values):
            raise Disagreement(
                f"text {i}: {len(a.values)} values of ours, "
                f"{len(b.values)} of theirs: other tokens?"
            )
        values = torch.tensor(a.values) - torch.tensor(b.values)
        differences.append(values.abs().max().item())
    largest = torch.tensor(differences).max().item()  # NaN where one is
    changed = sum(a.labels != b.labels for a, b in zip(ours, theirs))
    return Difference(largest, changed, len(ours))


def token_width(model):
    """Classes of a token classifier; 0 for other models."""
    tokens = is_a(model, "ForTokenClassification")
    return model.config.num_labels if tokens else 0


def main(check, description, *names):
    """Runs a check on paths from the command line; status 1 if it fails."""
    parser = argparse.ArgumentParser(description=description)
    for name in names:
        parser.add_argument(name, metavar=name.upper())
    try:
        difference = check(**vars(parser.parse_args()))
    except Disagreement as problem:
        sys.exit(str(problem))
    print(difference)
    sys.exit(0 if difference.passes() else 1)
