"""T5's cases."""

import torch
from peft import LoraConfig
from record import Case, case, texts
from transformers import MT5Config, MT5ForConditionalGeneration, T5Config, T5ForConditionalGeneration


def config(kind, **changes):
    return kind(
        vocab_size=96, d_model=16, d_kv=6, d_ff=24, num_layers=3, num_decoder_layers=2, num_heads=2,
        relative_attention_num_buckets=8, relative_attention_max_distance=16, dropout_rate=0.0,
        decoder_start_token_id=0, **changes)


def batch():
    """Texts of twelve tokens, answers of six, both padded."""
    g = torch.Generator().manual_seed(3)
    labels = torch.randint(5, 96, (3, 6), generator=g)
    labels[1, 4:] = -100
    labels[2, 3:] = -100
    return texts(labels="none") | {"labels": labels}


def adapter(targets):
    # without task_type: PEFT 0.21 cannot wrap encoder-decoders of transformers 5.18 with one
    return LoraConfig(r=4, lora_alpha=8, target_modules=targets)


def with_own_head(model):
    """Version 1.1 as published: transformers 5 draws tied weights only, but opens others."""
    model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight) * 0.3)
    return model


@case("t5-v10-seq2seq", note="version 1.0: relu, tied embeddings, scaled decoder outputs")
def _():
    model = T5ForConditionalGeneration(config(T5Config, feed_forward_proj="relu"))
    return Case(model, adapter(["q", "v", "wi", "wo"]), batch(), generate=True)


@case("t5-v11-seq2seq", note="version 1.1 as published: a head of its own, gated gelu, nothing scaled")
def _():
    model = T5ForConditionalGeneration(
        config(T5Config, feed_forward_proj="gated-gelu", tie_word_embeddings=False))
    return Case(
        with_own_head(model), adapter(["k", "o", "wi_0", "wi_1"]), batch(), generate=True,
        config={"tie_word_embeddings": False, "scale_decoder_outputs": None})


@case("mt5-seq2seq", note="mT5 never scales; two heads' width is not the model's")
def _():
    model = MT5ForConditionalGeneration(config(MT5Config, tie_word_embeddings=False))
    return Case(with_own_head(model), adapter(["q", "v"]), batch())
