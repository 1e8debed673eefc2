"""Records what PEFT's EVA makes of a tiny BERT and some batches, for EvaTest.

    python record_eva.py        writes lora/src/test/resources/dev/lorikeet/lora/eva.{json,safetensors}

The layers are 32 wide and PEFT follows twice as many directions as it keeps, 16 by rho 2: all there
are, so that its randomised decomposition is exact. Recorded with PEFT 0.21.0 and PyTorch 2.13 on the CPU.
"""

import json
import os

import torch
from peft import EvaConfig, LoraConfig, get_peft_model, initialize_lora_eva_weights
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification

HERE = os.path.dirname(os.path.abspath(__file__))
LORA = os.path.join(HERE, "..", "..", "..", "lora", "src", "test", "resources")
TARGETS = ["query", "key", "value", "attention.output.dense", "intermediate.dense"]
CASES = {
    "redistributed": ({"rho": 2.0, "tau": 0.98}, False),
    "whitened": ({"rho": 2.0, "tau": 0.9, "whiten": True, "adjust_scaling_factors": False}, True),
}


def batches():
    """Ragged rows; every third position has no label."""
    g = torch.Generator().manual_seed(4)
    made = []
    for _ in range(5):
        ids = torch.randint(5, 96, (12, 16), generator=g)
        mask = torch.ones_like(ids)
        for row in range(12):
            mask[row, 16 - row // 2:] = 0
        labels = torch.arange(16).repeat(12, 1) % 3
        made.append({"input_ids": ids, "attention_mask": mask, "labels": labels.masked_fill(labels == 0, -100)})
    return made


def forward(model, inputs):
    return model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])


tensors, cases = {}, {}
for i, batch in enumerate(batches()):
    tensors |= {f"batch{i}.{key}": value for key, value in batch.items()}
for name, (settings, labelled) in CASES.items():
    torch.manual_seed(0)
    base = AutoModelForSequenceClassification.from_pretrained(os.path.join(LORA, "golden", "bert-classify-lora"))
    config = LoraConfig(
        task_type="SEQ_CLS", r=8, lora_alpha=12, target_modules=TARGETS, init_lora_weights="eva",
        eva_config=EvaConfig(use_label_mask=labelled, **settings))
    model = get_peft_model(base, config)
    initialize_lora_eva_weights(model, batches(), forward_fn=forward, show_progress_bar=False)
    for path, module in model.base_model.model.named_modules():
        if hasattr(module, "lora_A"):
            tensors[f"{name}.{path}"] = module.lora_A["default"].weight.detach()
    left = model.peft_config["default"]
    cases[name] = {
        "settings": settings | {"use_label_mask": labelled},
        "rank_pattern": left.rank_pattern,
        "alpha_pattern": left.alpha_pattern,
    }
    print(name, {k: v.shape[0] for k, v in tensors.items() if k.startswith(name)})
folder = os.path.join(LORA, "dev", "lorikeet", "lora")
os.makedirs(folder, exist_ok=True)
save_file({k: v.contiguous() for k, v in tensors.items()}, os.path.join(folder, "eva.safetensors"))
os.chmod(os.path.join(folder, "eva.safetensors"), 0o644)
with open(os.path.join(folder, "eva.json"), "w") as out:
    json.dump(cases, out, indent=1)
    out.write("\n")
