"""DeBERTa's cases: rows longer than the distances with a bucket of their own, padded."""

from peft import LoraConfig
from record import Case, case, texts
from transformers import (
    DebertaV2Config, DebertaV2ForMaskedLM, DebertaV2ForSequenceClassification, DebertaV2ForTokenClassification)


def config(**changes):
    settings = dict(
        vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32,
        max_position_embeddings=24, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=3,
        initializer_range=0.15, relative_attention=True, pos_att_type=["p2c", "c2p"], share_att_key=True,
        norm_rel_ebd="layer_norm", position_buckets=8, position_biased_input=False)
    return DebertaV2Config(**{**settings, **changes})


@case("debertav3-tag-lora", note="token classification; rows longer than the buckets and the positions")
def _():
    return Case(
        DebertaV2ForTokenClassification(config()),
        LoraConfig(task_type="TOKEN_CLS", r=2, lora_alpha=4, target_modules=["query_proj", "key_proj"]),
        texts(length=28, labels="token", classes=3))


@case("debertav2-conv-lora", note="masked LM with a convolution, no buckets, narrow embeddings of positions and types")
def _():
    return Case(
        DebertaV2ForMaskedLM(config(
            position_buckets=-1, max_relative_positions=8, norm_rel_ebd="none", pos_att_type="c2p|p2c",
            share_att_key=False, conv_kernel_size=3, conv_groups=2, conv_act="gelu", embedding_size=16,
            position_biased_input=True, type_vocab_size=2)),
        LoraConfig(r=2, lora_alpha=4, target_modules=["pos_key_proj", "embed_proj"]),
        texts(length=12, labels="mask", types=True))


@case("debertav2-plain-lora", note="sequence classification without relative positions; a pooler with tanh")
def _():
    return Case(
        DebertaV2ForSequenceClassification(config(
            relative_attention=False, pos_att_type=["c2p"], position_biased_input=True, pooler_hidden_act="tanh")),
        LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=4, target_modules=["value_proj", "pooler.dense"]),
        texts(length=14, labels="class", classes=3))


@case("debertav3-mlm-lora", note="masked LM with the head of DeBERTa's own code")
def _():
    return Case(
        DebertaV2ForMaskedLM(config(legacy=False, num_hidden_layers=1, pos_att_type=["p2c"])),
        LoraConfig(r=2, lora_alpha=4, target_modules=["query_proj"]),
        texts(length=14, labels="mask"))
