"""Decoders: scalings of rotary embeddings, windows, biases, caps, classifiers, older spellings of config.json.

Weights are drawn wider than usual, so that attention looks at something and a wrong angle shows.
"""

import torch
from peft import LoraConfig
from record import Case, case, texts
from transformers import (
    Gemma2Config, Gemma2ForCausalLM, Gemma2ForSequenceClassification, Gemma3TextConfig,
    Gemma3TextForSequenceClassification, LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification,
    MistralConfig, MistralForSequenceClassification, Olmo2Config, Olmo2ForCausalLM, Olmo2ForSequenceClassification,
    Phi3Config, Phi3ForCausalLM, Phi3ForSequenceClassification, Qwen2Config, Qwen2ForCausalLM,
    Qwen2ForSequenceClassification, Qwen3Config, Qwen3ForSequenceClassification, SmolLM3Config, SmolLM3ForCausalLM,
    SmolLM3ForSequenceClassification)

SIZES = dict(
    vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    intermediate_size=48, max_position_embeddings=64, initializer_range=0.15, num_labels=3, pad_token_id=0,
    bos_token_id=1, eos_token_id=2, tie_word_embeddings=True)


def lora(task, *targets):
    return LoraConfig(task_type=task, r=2, lora_alpha=4, target_modules=list(targets or ("q_proj", "v_proj")))


def eager(model):
    """As the given cases: a token that sees nothing averages all. The peer's faster function gives it nothing
    instead, and leaves out Gemma 2's cap of scores."""
    model.set_attn_implementation("eager")
    return model


def theta(base=10000.0, **scaling):
    return {"rope_theta": base, **scaling}


@case("llama-lm-bias", note="biases in attention and feed-forward, tied embeddings, padding at the left")
def _():
    config = LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True)
    return Case(
        eager(LlamaForCausalLM(config)), lora("CAUSAL_LM", "o_proj", "gate_proj"), texts(left=True), generate=True)


@case("llama-classify-rope-linear", note="linear scaling in the older config style, padding at the left")
def _():
    config = LlamaConfig(**SIZES, rope_parameters=theta(rope_type="linear", factor=3.0))
    older = {"rope_parameters": None, "rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 3.0}}
    return Case(
        eager(LlamaForSequenceClassification(config)), lora("SEQ_CLS"), texts(labels="class", left=True), config=older)


@case("llama-lm-rope-yarn", note="yarn with mscale, its own betas and no truncation")
def _():
    yarn = theta(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=8.0, beta_slow=2.0,
        mscale=1.0, mscale_all_dim=0.5, truncate=False)
    return Case(
        eager(LlamaForCausalLM(LlamaConfig(**SIZES, rope_parameters=yarn))), lora("CAUSAL_LM"), texts(rows=2, length=24))


@case("mistral-classify-window", note="a sliding window of 4 in every layer")
def _():
    config = MistralConfig(**SIZES, sliding_window=4)
    return Case(eager(MistralForSequenceClassification(config)), lora("SEQ_CLS"), texts(labels="class"))


@case("qwen2-classify-rope-dynamic", note="a text longer than max_position_embeddings")
def _():
    config = Qwen2Config(
        **{**SIZES, "max_position_embeddings": 16}, rope_parameters=theta(rope_type="dynamic", factor=2.0))
    return Case(
        eager(Qwen2ForSequenceClassification(config)), lora("SEQ_CLS"), texts(rows=2, length=24, labels="class"))


@case("qwen2-lm-window", note="a sliding window from layer 1 on")
def _():
    config = Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=4, max_window_layers=1)
    older = {"layer_types": None, "sliding_window": 4}
    return Case(eager(Qwen2ForCausalLM(config)), lora("CAUSAL_LM"), texts(), config=older, generate=True)


@case("qwen3-classify-rope-yarn", note="yarn with its defaults, head_dim beyond hidden/heads")
def _():
    yarn = theta(1000000.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=16)
    config = Qwen3Config(**SIZES, head_dim=16, attention_bias=True, rope_parameters=yarn)
    return Case(eager(Qwen3ForSequenceClassification(config)), lora("SEQ_CLS"), texts(labels="class"))


@case("gemma2-lm-caps", note="scores and logits well beyond their caps")
def _():
    config = Gemma2Config(
        **{**SIZES, "initializer_range": 0.4}, head_dim=8, query_pre_attn_scalar=4, sliding_window=4,
        attn_logit_softcapping=1.5, final_logit_softcapping=3.0)
    return Case(eager(Gemma2ForCausalLM(config)), lora("CAUSAL_LM"), texts())


@case("gemma2-classify", note="attention biases, no caps, all layers see everything")
def _():
    config = Gemma2Config(
        **SIZES, head_dim=16, attention_bias=True, attn_logit_softcapping=None, final_logit_softcapping=None,
        layer_types=["full_attention", "full_attention"])
    return Case(
        eager(Gemma2ForSequenceClassification(config)), lora("SEQ_CLS"), texts(labels="class", left=True))


@case("gemma3-classify", note="the older config style: rope_local_base_freq, sliding_window_pattern, rope_scaling")
def _():
    ropes = {
        "full_attention": theta(1000000.0, rope_type="linear", factor=8.0),
        "sliding_attention": theta(5000.0, rope_type="default")}
    config = Gemma3TextConfig(
        **SIZES, head_dim=8, query_pre_attn_scalar=8, sliding_window=4, rope_parameters=ropes,
        layer_types=["sliding_attention", "full_attention"])
    older = {
        "rope_parameters": None, "rope_theta": 1000000.0, "rope_local_base_freq": 5000.0,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window_pattern": 2, "layer_types": None,
        "_sliding_window_pattern": None}
    return Case(eager(Gemma3TextForSequenceClassification(config)), lora("SEQ_CLS"), texts(labels="class"), config=older)


def longrope(**changes):
    g = torch.Generator().manual_seed(7)
    factors = [(1 + 3 * torch.rand(2, generator=g)).tolist() for _ in range(2)]
    return {
        "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "rope_type": "longrope", "short_factor": factors[0],
        "long_factor": factors[1], **changes}


@case("phi3-lm-longrope", note="longer than pretraining's texts; half of each head rotates; the older config style")
def _():
    config = Phi3Config(
        **SIZES, original_max_position_embeddings=16, rope_parameters=longrope())
    older = {
        "rope_parameters": None, "rope_theta": 10000.0, "partial_rotary_factor": 0.5,
        "rope_scaling": {
            "rope_type": "longrope", "short_factor": longrope()["short_factor"],
            "long_factor": longrope()["long_factor"]}}
    return Case(
        eager(Phi3ForCausalLM(config)), lora("CAUSAL_LM", "qkv_proj"), texts(rows=2, length=24), config=older)


@case("phi3-classify-longrope", note="within pretraining's length, with a sliding window")
def _():
    config = Phi3Config(
        **SIZES, original_max_position_embeddings=16, sliding_window=4, rope_parameters=longrope())
    return Case(
        eager(Phi3ForSequenceClassification(config)), lora("SEQ_CLS", "qkv_proj", "gate_up_proj"), texts(labels="class"))


@case("olmo2-lm-lora", note="norms behind each part, of all heads' queries and keys together; grouped queries")
def _():
    config = Olmo2Config(**{**SIZES, "tie_word_embeddings": False}, rms_norm_eps=1e-5)
    targets = ("q_proj", "v_proj", "down_proj")
    return Case(eager(Olmo2ForCausalLM(config)), lora("CAUSAL_LM", *targets), texts(left=True), generate=True)


@case("olmo2-classify-lora", note="biases of attention, linear scaling in the older config style")
def _():
    config = Olmo2Config(**SIZES, attention_bias=True, rope_parameters=theta(500000.0, rope_type="linear", factor=2.0))
    older = {"rope_parameters": None, "rope_theta": 500000.0, "rope_scaling": {"type": "linear", "factor": 2.0}}
    return Case(
        eager(Olmo2ForSequenceClassification(config)), lora("SEQ_CLS", "k_proj", "up_proj"), texts(labels="class"),
        config=older)


@case("smollm3-lm-lora", note="four layers, the last without rotations; tied embeddings, the default theta")
def _():
    config = SmolLM3Config(**{**SIZES, "num_hidden_layers": 4})
    sparse = {"no_rope_layers": None, "layer_types": None, "rope_parameters": None}
    return Case(
        eager(SmolLM3ForCausalLM(config)), lora("CAUSAL_LM"), texts(left=True), generate=True, config=sparse)


@case("smollm3-lm-window", note="a list of layers without rotations, which have a sliding window of 4; biases")
def _():
    config = SmolLM3Config(
        **{**SIZES, "num_hidden_layers": 3, "tie_word_embeddings": False}, no_rope_layers=[0, 1, 0],
        use_sliding_window=True, sliding_window=4, attention_bias=True, mlp_bias=True,
        rope_parameters=theta(5000000.0, rope_type="default"))
    return Case(
        eager(SmolLM3ForCausalLM(config)), lora("CAUSAL_LM", "o_proj", "gate_proj"), texts(), generate=True,
        config={"layer_types": None})


@case("smollm3-classify-lora", note="every second layer without rotations, padding at the left")
def _():
    config = SmolLM3Config(**SIZES, no_rope_layer_interval=2)
    return Case(eager(SmolLM3ForSequenceClassification(config)), lora("SEQ_CLS"), texts(labels="class", left=True))
