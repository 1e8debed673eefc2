"""GPT-2's cases."""

from peft import LoraConfig
from record import Case, case, texts
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel


def config(**changes):
    return GPT2Config(
        vocab_size=96, n_embd=32, n_layer=2, n_head=4, n_positions=64, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, bos_token_id=1, eos_token_id=2, pad_token_id=0, **changes)


@case("gpt2-classify-lora", note="the last token that is not padding; scores scaled by the layer; n_inner null")
def _():
    return Case(
        GPT2ForSequenceClassification(config(num_labels=3, scale_attn_by_inverse_layer_idx=True)),
        LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=8, fan_in_fan_out=True),
        texts(labels="class", classes=3))


@case("gpt2-lm-untied", note="a head of its own, unscaled scores, relu")
def _():
    return Case(
        GPT2LMHeadModel(config(
            n_inner=48, tie_word_embeddings=False, scale_attn_weights=False, activation_function="relu")),
        LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=["c_fc", "attn.c_proj"]),
        texts(labels="lm"), generate=True)
