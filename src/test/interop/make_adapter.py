"""Writes adapters with PEFT, and what PEFT answers with them.

For each case OUTPUT/CASE holds the adapter, and answers.jsonl: its logits for
DATA's texts, in the form of `lorikeet predict`. OUTPUT/base is MODEL with all
of an encoder's weights: where MODEL has no pooler, a random one.
"""

import argparse
from pathlib import Path

import interop
import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import AutoModel, AutoModelForSequenceClassification

SEED = 1
NOISE = 0.05  # moves logits by tenths, far above the tolerance

CASES = {
    "defaults": {},
    "all-linear": {"target_modules": "all-linear"},
    "regex": {"target_modules": r".*\.layer\.[0-2]\..*(key|output\.dense)"},
    "rslora-patterns": {
        "target_modules": ["query", "key", "dense"],
        "exclude_modules": ["pooler.dense"],
        "use_rslora": True,
        "rank_pattern": {"query": 4, r"layer\.1\.output\.dense": 2},
        "alpha_pattern": {"key": 32, "0.intermediate.dense": 3},
    },
    "bias-lora-only": {"bias": "lora_only"},
    "bias-all": {"target_modules": "all-linear", "bias": "all"},
    "modules-to-save": {
        "target_modules": "all-linear",
        "modules_to_save": ["classifier", "pooler", "embeddings.LayerNorm"],
    },
    "layers": {
        "target_modules": ["query", "output.dense"],
        "layers_to_transform": [1, 3],
        "layers_pattern": "layer",
    },
    "dora": {"target_modules": "all-linear", "use_dora": True},
    "embedding": {"target_modules": ["word_embeddings", "query"]},
    "embedding-dora": {
        "target_modules": ["word_embeddings", "query"],
        "use_dora": True,
    },
    "lora-bias": {
        "target_modules": ["query", "output.dense"],
        "lora_bias": True,
    },
    "tokens": {
        "target_modules": ["query"],
        "trainable_token_indices": [2054, 101, 2003],
    },
    "pissa": {"target_modules": ["query"], "init_lora_weights": "pissa"},
    "olora": {"target_modules": ["query"], "init_lora_weights": "olora"},
}


def write_base(model, output):
    """MODEL's encoder as transformers writes it, the pooler never missing."""
    torch.manual_seed(SEED)
    AutoModel.from_pretrained(model).save_pretrained(output)
    interop.open_tokenizer(model).save_pretrained(output)


def make(base, settings, labels):
    """An adapted classifier, none of its trainable tensors as it started."""
    torch.manual_seed(SEED)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=labels
    )
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS, r=8, lora_alpha=16, **settings
    )
    model = get_peft_model(model, config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter), alpha=NOISE)
    return model


def write(model, base, output, rows):
    model.save_pretrained(output)
    answers = interop.answer(model, interop.open_tokenizer(base), rows, 512)
    interop.write_jsonl(
        output / "answers.jsonl",
        [{"logits": answer.values} for answer in answers],
    )


def make_all(model, output, data, cases=tuple(CASES)):
    output = Path(output)
    rows = interop.read_jsonl(data)
    labels = len({row["label"] for row in rows})
    base = output / "base"
    write_base(model, base)
    for case in cases:
        adapted = make(base, CASES[case], labels)
        write(adapted, base, output / case, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("output", metavar="OUTPUT")
    parser.add_argument("--data", required=True, metavar="DATA")
    make_all(**vars(parser.parse_args()))
