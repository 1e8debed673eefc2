"""ModernBERT's cases: rows longer than the local window, padded."""

from peft import LoraConfig
from record import Case, case, texts
from transformers import (
    ModernBertConfig, ModernBertForMaskedLM, ModernBertForSequenceClassification, ModernBertForTokenClassification)


def config(**changes):
    settings = dict(
        vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32, initializer_range=0.15,
        max_position_embeddings=64, local_attention=8, global_attn_every_n_layers=2, num_labels=3, pad_token_id=0,
        bos_token_id=1, cls_token_id=1, eos_token_id=2, sep_token_id=2)
    return ModernBertConfig(**{**settings, **changes})


@case("modernbert-tag-lora", note="token classification; local layers first; biases everywhere")
def _():
    types = ["sliding_attention", "full_attention"]
    return Case(
        ModernBertForTokenClassification(config(
            layer_types=types, norm_bias=True, attention_bias=True, mlp_bias=True, classifier_bias=True,
            hidden_activation="silu", classifier_activation="relu")),
        LoraConfig(task_type="TOKEN_CLS", r=2, lora_alpha=4, target_modules=["Wqkv", "dense"]),
        texts(length=20, labels="token", classes=3))


@case("modernbert-mlm-lora", note="masked LM with the keys of older configurations")
def _():
    return Case(
        ModernBertForMaskedLM(config(rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 500.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 20.0}})),
        LoraConfig(r=2, lora_alpha=4, target_modules=["Wi"]),
        texts(length=14, labels="mask"),
        config={
            "rope_parameters": None, "layer_types": None, "global_attn_every_n_layers": 2,
            "global_rope_theta": 500.0, "local_rope_theta": 20.0, "position_embedding_type": "absolute"})


@case("modernbert-mean-lora", note="sequence classification of the mean of all tokens")
def _():
    return Case(
        ModernBertForSequenceClassification(config(classifier_pooling="mean")),
        LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=4, target_modules=["Wqkv", "head.dense"]),
        texts(length=20, labels="class", classes=3))
