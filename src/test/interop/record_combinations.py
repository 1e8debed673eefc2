"""Records what PEFT makes of several adapters: add_weighted_adapter, every type that draws nothing.

    python record_combinations.py GOLDEN/llama-lm-lora GOLDEN/gpt2-lm-lora OUTPUT

Adapters are written as PEFT saves them, and beside them expected.safetensors: the update B A that PEFT ends up
with at each layer, as CASE/PATH, [out, in] (of an embedding [dim, vocab]), and CASE/logits. cases.json says
which adapters, weights and settings a case has. Recorded with transformers 5.18.0, PEFT 0.21.0, PyTorch 2.13.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

IDS = torch.tensor([[5, 61, 7, 9], [80, 33, 2, 4]])
LLAMA = {
    "one": dict(r=4, lora_alpha=8, target_modules=["layers.0.self_attn.q_proj", "mlp.down_proj"]),
    "two": dict(r=4, lora_alpha=3, target_modules=["layers.0.self_attn.q_proj", "layers.1.mlp.down_proj"]),
    "three": dict(r=4, lora_alpha=5, target_modules=["layers.0.self_attn.q_proj"], use_rslora=True),
    "wide": dict(r=6, lora_alpha=6, target_modules=["q_proj"], rank_pattern={"layers.1.self_attn.q_proj": 2},
                 alpha_pattern={"layers.0.self_attn.q_proj": 9}),
    "words": dict(r=4, lora_alpha=8, target_modules=["embed_tokens", "layers.0.self_attn.q_proj"]),
    "words2": dict(r=4, lora_alpha=2, target_modules=["embed_tokens"]),
}
GPT2 = {
    "conv": dict(r=4, lora_alpha=8, target_modules=["h.0.attn.c_attn"], fan_in_fan_out=True),
    "conv2": dict(r=4, lora_alpha=2, target_modules=["h.0.attn.c_attn"], fan_in_fan_out=True),
}
THREE = (["one", "two", "three"], [0.7, -0.4, 1.1])
MIXED = (["one", "wide"], [0.6, 0.9])
WORDS = (["words", "words2"], [0.5, 1.5])
CASES = {
    "linear": (*THREE, {}),
    "linear-words": (*WORDS, {"combination_type": "linear"}),
    "cat": (*MIXED, {}),
    "cat-words": (*WORDS, {"combination_type": "cat"}),
    "svd": (*MIXED, {}),
    "svd-rank": (*MIXED, {"combination_type": "svd", "svd_rank": 3}),
    "svd-words": (*WORDS, {"combination_type": "svd"}),
    "ties": (*THREE, {"density": 0.5}),
    "ties-frequency": (*THREE, {"combination_type": "ties", "density": 0.6, "majority_sign_method": "frequency"}),
    "magnitude_prune": (*THREE, {"density": 0.3}),
    "ties_svd": (*MIXED, {"density": 0.5}),
    "ties_svd-words": (*WORDS, {"combination_type": "ties_svd", "density": 0.4, "svd_rank": 2}),
    "magnitude_prune_svd": (*MIXED, {"density": 0.4, "svd_rank": 5}),
    "svd-conv": (["conv", "conv2"], [1.0, -0.5], {"combination_type": "svd"}),
    "ties_svd-conv": (["conv", "conv2"], [1.0, 0.5], {"combination_type": "ties_svd", "density": 0.5}),
    "linear-conv": (["conv", "conv2"], [1.0, -0.5], {"combination_type": "linear"}),
}


def make(base, adapters, seed):
    """The base with each adapter, none of them at its initial values."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    peft = None
    for name, settings in adapters.items():
        config = LoraConfig(task_type="CAUSAL_LM", **settings)
        peft = PeftModel(model, config, name) if peft is None else peft
        if name not in peft.peft_config:
            peft.add_adapter(name, config)
    with torch.no_grad():
        for name, parameter in peft.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.3)
    return peft.eval()


def factors(layer, name):
    if name in layer.lora_A:
        return layer.lora_A[name].weight, layer.lora_B[name].weight
    return layer.lora_embedding_A[name], layer.lora_embedding_B[name]


@torch.no_grad()
def record(peft, case, expected):
    adapters, weights, settings = CASES[case]
    kind = settings.get("combination_type", case)
    peft.add_weighted_adapter(adapters, weights, case, **{"combination_type": kind, **settings})
    peft.set_adapter(case)
    for path, layer in peft.base_model.model.named_modules():
        if hasattr(layer, "lora_A") and case in {**layer.lora_A, **layer.lora_embedding_A}:
            a, b = factors(layer, case)
            expected[f"{case}/{path}"] = layer.scaling[case] * b @ a
    expected[f"{case}/logits"] = peft(input_ids=IDS).logits
    return {"base": "gpt2-lm-lora" if "conv" in case else "llama-lm-lora", "adapters": adapters,
            "weights": weights, "settings": {"combination_type": kind, **settings}}


def main(llama, gpt2, output):
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    expected, cases = {}, {}
    for base, adapters in ((llama, LLAMA), (gpt2, GPT2)):
        peft = make(base, adapters, 11)
        peft.save_pretrained(output, selected_adapters=list(adapters))
        for case in CASES:
            if CASES[case][0][0] in adapters:
                cases[case] = record(peft, case, expected)
    for name in (*LLAMA, *GPT2):
        (output / name / "README.md").unlink(missing_ok=True)
    (output / "README.md").unlink(missing_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in expected.items()}, output / "expected.safetensors")
    (output / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
