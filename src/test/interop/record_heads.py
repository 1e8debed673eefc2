"""Records classifiers' adapters as PEFT leaves them, for PeftHeadsTest and FamilyFactsTest.

    python record_heads.py        writes ../resources/cases/peft-heads and ../resources/interop/peft-defaults.json

Each case of peft-heads is a tiny base, without a head or with one of three labels, and a LoRA adapter of a classifier
of five that PEFT saved, with no file of Lorikeet's beside it; expected.safetensors has the logits that PEFT answers when
it opens both again. peft-defaults.json holds PEFT's default targets: by method, by model_type.
Recorded with transformers 5.18.0, PEFT 0.21.0, PyTorch 2.13 on the CPU in float32.
"""

import json
import os
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import constants
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig, AutoModel, AutoModelForSequenceClassification, ElectraConfig, GPT2Config, LlamaConfig, RobertaConfig)

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
LABELS = 5
OTHER_HEADS = {"electra", "llama"}
ENCODER = dict(
    vocab_size=96, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
    max_position_embeddings=24, type_vocab_size=1, initializer_range=0.3)
BASES = {
    "roberta": RobertaConfig(**ENCODER, pad_token_id=1),
    "electra": ElectraConfig(**ENCODER, embedding_size=8, pad_token_id=0),
    "llama": LlamaConfig(
        vocab_size=96, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=24, pad_token_id=0, initializer_range=0.3),
    "gpt2": GPT2Config(
        vocab_size=96, n_embd=16, n_layer=1, n_head=2, n_positions=24, pad_token_id=0, bos_token_id=2, eos_token_id=2,
        initializer_range=0.3),
}
IDS = torch.tensor([[2, 17, 33, 5, 40, 3], [2, 8, 21, 46, 30, 3]])


def unsettle(parameters):
    """Moves parameters away from initial values that would hide mistakes: zeros and ones."""
    for parameter in parameters:
        parameter.data.add_(torch.randn_like(parameter) * 0.1)


def classifier(base):
    """The base with a head for the adapter's labels, drawn anew."""
    return AutoModelForSequenceClassification.from_pretrained(base, num_labels=LABELS, ignore_mismatched_sizes=True)


def record(name, config, output):
    torch.manual_seed(3)
    base = output / name
    if name in OTHER_HEADS:
        config.num_labels = 3
        published = AutoModelForSequenceClassification.from_config(config)
    else:
        published = AutoModel.from_config(config)
    unsettle(parameter for parameter in published.parameters() if parameter.dim() == 1)
    published.save_pretrained(base)
    adapter = base / "adapter"
    fresh = classifier(base)
    tuned = get_peft_model(fresh, LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=8))
    unsettle(parameter for parameter in tuned.parameters() if parameter.requires_grad)
    tuned.save_pretrained(adapter)

    peft = PeftModel.from_pretrained(classifier(base), adapter).eval()
    with torch.no_grad():
        logits = peft(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits
    save_file({"input_ids": IDS, "logits": logits.contiguous()}, base / "expected.safetensors")
    (adapter / "README.md").unlink()
    settings = json.loads((adapter / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = ".."
    (adapter / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    for weights in base.rglob("*.safetensors"):
        os.chmod(weights, 0o644)
    print(name, AutoConfig.from_pretrained(base).id2label, logits.shape)


def defaults():
    tables = {
        "LORA": "LORA", "LOHA": "LOHA", "LOKR": "LOKR", "OFT": "OFT", "VERA": "VERA", "ADALORA": "ADALORA",
        "IA3": "IA3", "LN_TUNING": "LNTUNING"}
    found = {
        method: getattr(constants, f"TRANSFORMERS_MODELS_TO_{table}_TARGET_MODULES_MAPPING")
        for method, table in tables.items()}
    found["IA3 feedforward"] = constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING
    return found


def main():
    output = RESOURCES / "cases" / "peft-heads"
    shutil.rmtree(output, ignore_errors=True)
    for name, config in BASES.items():
        record(name, config, output)
    (RESOURCES / "interop" / "peft-defaults.json").write_text(json.dumps(defaults(), indent=1) + "\n")


if __name__ == "__main__":
    main()
