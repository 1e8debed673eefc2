"""Every method that PEFT and Lorikeet both have, on tiny models of several families.

A case is a method's settings for a family; `methods.py` takes each both ways.
"""

from dataclasses import dataclass, field

import cases_bert
import cases_decoders
import cases_gpt2
import cases_t5
import torch
from peft import (
    IA3Config,
    LNTuningConfig,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    VeraConfig,
)
from record import texts
from transformers import (
    BertForSequenceClassification,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTForImageClassification,
)

# ---- families ----


@dataclass
class Family:
    """A tiny model, a batch for it, and what its modules are called."""

    model: object
    inputs: object
    task: str
    attention: list
    linear: list
    embedding: str
    norms: list
    saved: list
    layer: str  # a path of the first layer, for patterns
    extra: dict = field(default_factory=dict)


def llama(**changes):
    sizes = cases_decoders.SIZES | changes
    return cases_decoders.eager(LlamaForCausalLM(LlamaConfig(**sizes)))


def vit():
    return ViTForImageClassification(
        ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=48,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            image_size=12,
            patch_size=4,
            num_labels=3,
        )
    )


def pictures():
    g = torch.Generator().manual_seed(4)
    pixels = torch.randn(3, 3, 12, 12, generator=g)
    return {"pixel_values": pixels, "labels": torch.tensor([2, 0, 1])}


LLAMA = dict(
    inputs=texts,
    task="CAUSAL_LM",
    attention=["q_proj", "v_proj"],
    linear=["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"],
    embedding="embed_tokens",
    norms=["input_layernorm", "post_attention_layernorm", "norm"],
    saved=["post_attention_layernorm"],
    layer=r"layers\.0\.self_attn\.q_proj",
)

FAMILIES = {
    "bert": Family(
        model=lambda: BertForSequenceClassification(cases_bert.config()),
        inputs=lambda: texts(labels="class", types=True),
        task="SEQ_CLS",
        attention=["query", "value"],
        linear=["query", "value", "intermediate.dense", "output.dense"],
        embedding="word_embeddings",
        norms=["LayerNorm"],
        saved=["embeddings.LayerNorm", "pooler"],
        layer=r"layer\.0\.attention\.self\.query",
    ),
    "llama": Family(model=lambda: llama(tie_word_embeddings=False), **LLAMA),
    "llama-tied": Family(model=llama, **LLAMA),
    "gpt2": Family(
        model=lambda: GPT2LMHeadModel(cases_gpt2.config()),
        inputs=texts,
        task="CAUSAL_LM",
        attention=["c_attn"],
        linear=["c_attn", "c_proj", "c_fc"],
        embedding="wte",
        norms=["ln_1", "ln_2", "ln_f"],
        saved=["ln_f"],
        layer=r"h\.0\.attn\.c_attn",
    ),
    "t5": Family(
        model=lambda: T5ForConditionalGeneration(cases_t5.config(T5Config)),
        inputs=cases_t5.batch,
        task=None,  # PEFT 0.21 cannot wrap transformers 5's with one
        attention=["q", "v"],
        linear=["q", "v", "o", "wi", "wo"],
        embedding="shared",
        norms=["layer_norm", "final_layer_norm"],
        saved=["final_layer_norm"],
        layer=r"encoder\.block\.0\.layer\.0\.SelfAttention\.q",
    ),
    "vit": Family(
        model=vit,
        inputs=pictures,
        task=None,
        attention=["q_proj", "v_proj"],
        linear=["q_proj", "v_proj", "o_proj", "fc1", "fc2"],
        embedding="",
        norms=["layernorm_before", "layernorm_after"],
        saved=["layernorm_before"],
        layer=r"layers\.0\.attention\.q_proj",
        extra={"modules_to_save": ["classifier"]},
    ),
}

ALL = ["bert", "llama", "gpt2", "t5", "vit"]
LINEAR = ["bert", "llama", "t5", "vit"]  # no Conv1D, which PEFT's class refuses
TEXT = ["bert", "llama", "gpt2"]


# ---- methods ----


@dataclass
class Case:
    """A method's settings.

    method: its row in the README's table.
    settings: what makes PEFT's configuration for a family.
    convert: PEFT saves it as an ordinary adapter of the unchanged base, and
        without modules saved whole: such a folder has no classifier.
    theirs: PEFT can write it so that the folder says all.
    """

    method: str
    name: str
    settings: object
    families: list
    convert: bool = False
    theirs: bool = True
    merges: bool = True


def of(kind, family, **settings):
    """A configuration on the family's attention unless it says more."""
    defaults = {"task_type": family.task, "target_modules": family.attention}
    return kind(**defaults | family.extra | settings)


def lora(**settings):
    return lambda f: of(LoraConfig, f, r=4, lora_alpha=6, **settings)


def lora_on(place, **settings):
    """LoRA on what a family calls so: linear, attention, [embedding]."""
    return lambda f: of(
        LoraConfig,
        f,
        r=4,
        lora_alpha=6,
        target_modules=place(f),
        **settings,
    )


def linear(f):
    return f.linear


def embedding(f):
    return [f.embedding, f.attention[0]]


def patterns(f):
    return of(
        LoraConfig,
        f,
        r=4,
        lora_alpha=6,
        target_modules=f.linear,
        rank_pattern={f.linear[-1]: 2, f.layer: 3},
        alpha_pattern={f.attention[0]: 9},
        exclude_modules=[f.layer.replace("\\", "").replace(".0.", ".1.", 1)],
    )


def regex(f):
    names = "|".join(name.replace(".", r"\.") for name in f.linear)
    return of(
        LoraConfig, f, r=4, lora_alpha=6, target_modules=rf".*\.0\..*({names})"
    )


def saved(f):
    extra = f.extra.get("modules_to_save", [])
    return of(
        LoraConfig, f, r=4, lora_alpha=6, modules_to_save=extra + f.saved
    )


def tokens(f):
    return of(
        LoraConfig,
        f,
        r=4,
        lora_alpha=6,
        trainable_token_indices={f.embedding: [17, 5, 60, 33]},
    )


def ia3(f):
    return of(
        IA3Config,
        f,
        target_modules=f.linear,
        feedforward_modules=[f.linear[-1]],
    )


def plain(kind, **settings):
    return lambda f: of(kind, f, **settings)


def norms(f):
    return of(LNTuningConfig, f, target_modules=f.norms)


def virtual(kind, **settings):
    return lambda f: kind(task_type=f.task, num_virtual_tokens=5, **settings)


CASES = [
    Case("LoRA", "linear", lora_on(linear), ALL),
    Case("LoRA", "all-linear", lora(target_modules="all-linear"), TEXT),
    Case("LoRA", "regex", regex, ALL),
    Case("LoRA", "gaussian", lora(init_lora_weights="gaussian"), ALL),
    Case("LoRA", "patterns", patterns, ALL),
    Case("LoRA", "layers", lora(layers_to_transform=[1]), ALL),
    Case("LoRA", "bias-all", lora(bias="all"), ["bert", "gpt2", "vit"]),
    Case(
        "LoRA", "bias-lora-only", lora(bias="lora_only"), ["bert", "gpt2", "vit"]
    ),
    Case("LoRA", "modules-to-save", saved, ALL),
    Case("LoRA", "embedding", lora_on(embedding), TEXT + ["llama-tied"]),
    Case("LoRA", "orthogonal", lora(init_lora_weights="orthogonal"), ALL),
    Case("Trained tokens", "tokens", tokens, TEXT + ["llama-tied"]),
    Case("rsLoRA", "linear", lora_on(linear, use_rslora=True), ALL),
    Case("DoRA", "linear", lora_on(linear, use_dora=True), ALL),
    Case(
        "DoRA",
        "embedding",
        lora_on(embedding, use_dora=True),
        TEXT + ["llama-tied"],
    ),
    Case("DoRA", "rslora", lora(use_dora=True, use_rslora=True), ALL),
    Case(
        "LoRA with a bias", "linear", lora(lora_bias=True), ["bert", "gpt2", "vit"]
    ),
    # PEFT 0.21 fails on Conv1D.
    Case("OLoRA", "linear", lora(init_lora_weights="olora"), LINEAR),
    Case(
        "OLoRA",
        "converted",
        lora(init_lora_weights="olora"),
        ["llama", "t5"],
        convert=True,
    ),
    Case("PiSSA", "linear", lora(init_lora_weights="pissa"), ALL),
    Case(
        "PiSSA",
        "converted",
        lora(init_lora_weights="pissa"),
        ["llama", "gpt2"],
        convert=True,
    ),
    Case(
        "PiSSA",
        "niter",
        lora(init_lora_weights="pissa_niter_4"),
        ["llama", "gpt2", "t5"],
        convert=True,
    ),
    Case(  # unconverted, it lacks the random start that it is a difference from
        "PiSSA",
        "niter",
        lora(init_lora_weights="pissa_niter_4"),
        ["bert", "vit"],
        theirs=False,
    ),
    Case("IA3", "linear", ia3, ALL),
    Case(
        "IA3",
        "attention",
        plain(IA3Config, feedforward_modules=[]),
        ["bert", "llama"],
    ),
    Case("VeRA", "linear", plain(VeraConfig, r=8), ALL),
    Case(
        "VeRA",
        "projection-from-seed",
        plain(
            VeraConfig, r=8, save_projection=False, projection_prng_key=11
        ),
        ["bert", "llama"],
    ),
    Case("LoHa", "linear", plain(LoHaConfig, r=4, alpha=6), LINEAR),
    Case("LoKr", "linear", plain(LoKrConfig, r=2, alpha=6), LINEAR),
    Case(
        "LoKr",
        "both",
        plain(LoKrConfig, r=1, alpha=6, decompose_both=True),
        ["bert", "llama"],
    ),
    Case(
        "LoKr",
        "factor",
        plain(LoKrConfig, r=3, alpha=6, decompose_factor=2),
        ["bert", "llama"],
    ),
    Case("OFT", "linear", plain(OFTConfig, oft_block_size=8), LINEAR),
    Case(
        "OFT",
        "blocks",
        plain(OFTConfig, r=2, oft_block_size=0),
        ["bert", "llama"],
    ),
    Case(
        "OFT",
        "shared",
        plain(OFTConfig, oft_block_size=8, block_share=True),
        ["bert", "llama"],
    ),
    Case(
        "OFT",
        "constrained",
        plain(OFTConfig, oft_block_size=8, coft=True, eps=0.5),
        ["bert", "llama"],
    ),
    Case(
        "OFT",
        "exact-inverse",
        plain(OFTConfig, oft_block_size=8, use_cayley_neumann=False),
        ["bert", "llama"],
    ),
    Case("LayerNorm tuning", "norms", norms, ALL),
    Case(
        "Prompt tuning",
        "random",
        virtual(PromptTuningConfig),
        TEXT,
        merges=False,
    ),
    Case(
        "P-tuning",
        "mlp",
        virtual(PromptEncoderConfig, encoder_hidden_size=24),
        TEXT,
        merges=False,
    ),
    Case(
        "P-tuning",
        "lstm",
        virtual(
            PromptEncoderConfig,
            encoder_hidden_size=24,
            encoder_reparameterization_type="LSTM",
        ),
        ["bert", "llama"],
        merges=False,
    ),
    Case(
        "Prefix tuning", "plain", virtual(PrefixTuningConfig), TEXT, merges=False
    ),
    Case(
        "Prefix tuning",
        "projected",
        virtual(
            PrefixTuningConfig, prefix_projection=True, encoder_hidden_size=24
        ),
        ["bert", "llama"],
        merges=False,
    ),
]
