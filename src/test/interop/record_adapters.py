"""Records several adapters of one model in PEFT: the folders, rows of different adapters, sums.

Usage: record_adapters.py ../resources. Versions that recorded what is there: torch 2.13, transformers 5.18, PEFT 0.21.
"""

import pathlib
import sys

import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import save_file
from transformers import BertForSequenceClassification, LlamaForCausalLM

ROWS = ["default", "other", "__base__", "default"]


def batch():
    """Four rows, padded on the right."""
    lengths = [7, 4, 6, 2]
    ids = torch.zeros(4, 7, dtype=torch.int64)
    mask = torch.zeros(4, 7, dtype=torch.int64)
    for row, length in enumerate(lengths):
        for i in range(length):
            ids[row, i] = 5 + (row * 11 + i * 7) % 80
            mask[row, i] = 1
    return {"input_ids": ids, "attention_mask": mask}


def record(model_class, case, other, together, resources):
    golden = resources / "golden" / case
    base = model_class.from_pretrained(golden).eval()
    model = PeftModel.from_pretrained(base, golden / "adapter")
    torch.manual_seed(11)
    model.add_adapter("other", other)
    for name, parameter in model.named_parameters():
        if ".other." in name:
            parameter.data.add_(torch.randn_like(parameter) * 0.2)
    model.eval()
    inputs = batch()
    expected = {**inputs}
    with torch.no_grad():
        expected["mixed"] = model(**inputs, adapter_names=ROWS).logits
        if together:
            model.base_model.set_adapter(["default", "other"])
            expected["sum"] = model(**inputs).logits
            model.set_adapter("default")
    folder = resources / "adapters" / case
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    (folder / "other" / "README.md").unlink(missing_ok=True)
    save_file({k: v.contiguous() for k, v in expected.items()}, folder / "expected.safetensors")


if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1])
    record(
        BertForSequenceClassification,
        "bert-classify-lora",
        LoraConfig(r=3, target_modules=["query", "output.dense"], task_type="SEQ_CLS"),
        False,
        root,
    )
    record(
        LlamaForCausalLM,
        "llama-lm-lora",
        LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM"),
        True,
        root,
    )
