"""Records reference cases for GoldenParityTest with transformers and PEFT.

A case is a tiny randomly initialised checkpoint, an adapter whose weights are not at their initial
values, and what the peer computes with them: see README.md beside this file for the tensors' names.

    python record.py [NAME ...]        writes ../resources/golden/NAME for each case of cases_*.py

A case is a function decorated with @case; it returns Case(model, peft_config, inputs):

    from record import Case, case, texts

    @case("roberta-tag-lora", note="positions start after the padding index")
    def _():
        config = RobertaConfig(vocab_size=96, hidden_size=32, ...)
        return Case(RobertaForTokenClassification(config), LoraConfig(...), texts(labels="token", classes=3))

Recorded with transformers 5.18.0, PEFT 0.21.0 and PyTorch 2.13 on the CPU, float32, dropout off.
"""

import glob
import importlib
import json
import os
import shutil
import sys
from dataclasses import dataclass, field

import torch
from peft import PeftModel, get_peft_model
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "resources", "golden")
CASES = {}
LR, FAST_LR, DECAY, EPS, STEPS = 1e-3, 4e-3, 0.01, 1e-8, 3
FAST = ["lora_B", "modules_to_save"]


@dataclass
class Case:
    model: torch.nn.Module
    peft_config: object
    inputs: dict
    generate: bool = False
    config: dict = field(default_factory=dict)  # written over config.json: older spellings of keys
    pruned: bool = False  # AdaLoRA: three steps that take ranks away come first, and what was saved is read again


def case(name, note, seed=0):
    def register(build):
        CASES[name] = (build, note, seed)
        return build

    return register


def texts(rows=3, length=12, vocab=96, labels="lm", classes=3, left=False, seed=1, pad=0, types=False):
    """A padded batch of random tokens, with labels: lm, token, mask, class, number or several."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, vocab, (rows, length), generator=g)
    mask = torch.ones(rows, length, dtype=torch.long)
    for row in range(1, rows):
        hidden = slice(0, 2 * row) if left else slice(length - 2 * row, length)
        mask[row, hidden] = 0
        ids[row, hidden] = pad
    batch = {"input_ids": ids, "attention_mask": mask}
    if types:
        batch["token_type_ids"] = (torch.arange(length) >= length // 2).long().repeat(rows, 1)
    if labels == "lm":
        batch["labels"] = ids.masked_fill(mask == 0, -100)
    elif labels == "token":
        tags = torch.randint(0, classes, (rows, length), generator=g)
        batch["labels"] = tags.masked_fill(mask == 0, -100)
    elif labels == "mask":
        chosen = torch.rand(rows, length, generator=g) < 0.4
        batch["labels"] = ids.masked_fill(~chosen | (mask == 0), -100)
    elif labels == "class":
        batch["labels"] = torch.arange(rows) % classes
    elif labels == "number":
        batch["labels"] = torch.randn(rows, generator=g)
    elif labels == "several":
        batch["labels"] = (torch.rand(rows, classes, generator=g) < 0.5).float()
    return batch


def is_trained(name):
    return any(part in name for part in FAST)


def forward(model, inputs, prefix, expected):
    output = model(**inputs)
    expected[f"{prefix}.logits"] = output.logits
    expected[f"{prefix}.loss"] = output.loss.reshape(1)
    return output.loss


def record(name):
    build, note, seed = CASES[name]
    torch.manual_seed(seed)
    recorded = build()
    inputs = recorded.inputs
    base = recorded.model.eval()
    unsettle(parameter for parameter in base.parameters() if parameter.dim() == 1)
    folder = os.path.join(GOLDEN, name)
    shutil.rmtree(folder, ignore_errors=True)
    base.save_pretrained(folder)
    discard(folder, "generation_config.json")
    if recorded.config:
        overwrite_config(folder, recorded.config)
    before = {key: value.detach().clone() for key, value in base.state_dict().items()}

    expected = {f"inputs.{key}": value for key, value in inputs.items()}
    with torch.no_grad():
        forward(base, inputs, "base", expected)
    model = get_peft_model(base, recorded.peft_config).eval()
    unsettle(parameter for parameter in model.parameters() if parameter.requires_grad)
    allocates = hasattr(model.base_model, "update_and_allocate") and not recorded.pruned
    if recorded.pruned:
        steps(model, trained(model), inputs, {}, True)
    model.save_pretrained(os.path.join(folder, "adapter"))
    if recorded.pruned:
        model = PeftModel.from_pretrained(
            model.unload(), os.path.join(folder, "adapter"), is_trainable=True).eval()
    discard(folder, "adapter", "README.md")
    point_at_base(folder)

    loss = forward(model, inputs, "adapted", expected)
    trainable = trained(model)
    for key, gradient in zip(trainable, torch.autograd.grad(loss, list(trainable.values()))):
        expected[f"grad.{key}"] = gradient
    merge(model, inputs, before, expected)
    case_json = {
        "name": name,
        "model_class": type(base).__name__,
        "model_type": base.config.model_type,
        "note": note,
        "atol_logits": 2e-5,
        "atol_grad": 2e-5,
        "rtol_grad": 1e-3,
        "trainable_parameters": sum(p.numel() for p in trainable.values()),
        "total_parameters": sum(
            p.numel() for n, p in model.named_parameters() if ".ranknum." not in n),
        "allocates": allocates,
        "optimizer": {
            "name": "AdamW", "lr": LR, "fast_lr": FAST_LR, "fast_if_name_contains": FAST,
            "weight_decay": DECAY, "no_decay_if": "one-dimensional", "betas": [0.9, 0.999],
            "eps": EPS, "steps": STEPS},
        "losses": steps(model, trainable, inputs, expected, allocates),
    }
    if not allocates:
        del case_json["allocates"]
    if recorded.generate:
        prompt = inputs["input_ids"][:1, :6]
        expected["generate.prompt"] = prompt
        expected["generate.greedy"] = model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=12, do_sample=False)
    with open(os.path.join(folder, "case.json"), "w") as out:
        json.dump(case_json, out, indent=1)
        out.write("\n")
    tensors = {key: value.detach().clone().contiguous() for key, value in expected.items()}
    save_file(tensors, os.path.join(folder, "expected.safetensors"))
    for weights in ("model.safetensors", "expected.safetensors"):
        os.chmod(os.path.join(folder, weights), 0o644)
    print(name, case_json["losses"])


def unsettle(parameters):
    """Moves parameters away from initial values that would hide mistakes: zeros and ones."""
    for parameter in parameters:
        parameter.data.add_(torch.randn_like(parameter) * 0.05)


def discard(*path):
    if os.path.exists(os.path.join(*path)):
        os.remove(os.path.join(*path))


def merge(model, inputs, before, expected):
    """What merging changes, on a copy of the model: by names in memory."""
    if not hasattr(model.base_model, "merge_and_unload"):
        return
    import copy

    merged = copy.deepcopy(model).merge_and_unload().eval()
    with torch.no_grad():
        expected["merged.logits"] = merged(**inputs).logits
    for key, value in merged.state_dict().items():
        if key in before and not torch.equal(value, before[key]):
            expected[f"merged.{key}"] = value


def trained(model):
    return {key: value for key, value in model.named_parameters() if value.requires_grad}


def steps(model, trainable, inputs, expected, allocates):
    groups = [
        {
            "params": [parameter],
            "lr": FAST_LR if is_trained(name) else LR,
            "weight_decay": DECAY if parameter.dim() > 1 else 0.0,
        }
        for name, parameter in trainable.items()
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=EPS)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = model(**inputs).loss
        loss.backward()
        optimizer.step()
        if allocates:
            model.base_model.update_and_allocate(step)
        losses.append(loss.item())
    for key, parameter in trainable.items():
        expected[f"step3.{key}"] = parameter.data
    return losses


def overwrite_config(folder, changes):
    path = os.path.join(folder, "config.json")
    config = json.load(open(path))
    for key, value in changes.items():
        if value is None:
            config.pop(key, None)
        else:
            config[key] = value
    with open(path, "w") as out:
        json.dump(config, out, indent=2, sort_keys=True)
        out.write("\n")


def point_at_base(folder):
    path = os.path.join(folder, "adapter", "adapter_config.json")
    config = json.load(open(path))
    config["base_model_name_or_path"] = ".."
    with open(path, "w") as out:
        json.dump(config, out, indent=2, sort_keys=True)


if __name__ == "__main__":
    sys.modules["record"] = sys.modules["__main__"]
    sys.path.insert(0, HERE)
    for file in sorted(glob.glob(os.path.join(HERE, "cases_*.py"))):
        importlib.import_module(os.path.basename(file)[:-3])
    for name in sys.argv[1:] or sorted(CASES):
        record(name)
