"""ViT's cases."""

import torch
from peft import LoraConfig
from record import Case, case
from transformers import ViTConfig, ViTForImageClassification


@case("vit-classify-biases", note="one channel, no bias of queries, keys and values; all other biases trained")
def _():
    config = ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, hidden_act="gelu_new",
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, image_size=12, patch_size=4, num_channels=1,
        qkv_bias=False, num_labels=3)
    g = torch.Generator().manual_seed(4)
    inputs = {"pixel_values": torch.randn(3, 1, 12, 12, generator=g), "labels": torch.tensor([2, 0, 1])}
    adapter = LoraConfig(
        r=4, lora_alpha=8, target_modules=["k_proj", "o_proj", "fc2"], bias="all",
        modules_to_save=["classifier"])
    return Case(ViTForImageClassification(config), adapter, inputs)
