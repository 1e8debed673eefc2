"""BERT's cases."""

from peft import LoraConfig
from record import Case, case, texts
from transformers import BertConfig, BertForTokenClassification


def config(**changes):
    return BertConfig(
        vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
        max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=3,
        **changes)


@case("bert-tag-lora", note="token classification with relu")
def _():
    return Case(
        BertForTokenClassification(config(hidden_act="relu")),
        LoraConfig(task_type="TOKEN_CLS", r=4, lora_alpha=8, target_modules=["query", "value", "dense"]),
        texts(labels="token", classes=3, types=True))
