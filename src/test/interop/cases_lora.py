"""Cases of the LoRA family, on BERT."""

import cases_bert
from peft import LoraConfig
from record import Case, case, texts
from transformers import BertForSequenceClassification


def classify(**settings):
    return Case(
        BertForSequenceClassification(cases_bert.config()),
        LoraConfig(task_type="SEQ_CLS", **settings),
        texts(labels="class", types=True))


@case("bert-classify-dora", note="DoRA with rsLoRA on several layers")
def _():
    return classify(
        r=3, lora_alpha=5, use_dora=True, use_rslora=True,
        target_modules=["query", "value", "intermediate.dense", "pooler.dense"])


@case("bert-classify-embedding", note="LoRA on embeddings, with another rank and alpha for the positions")
def _():
    return classify(
        r=4, lora_alpha=6, target_modules=["word_embeddings", "position_embeddings", "query"],
        rank_pattern={"position_embeddings": 2}, alpha_pattern={"position_embeddings": 5})


@case("bert-classify-embedding-dora", note="DoRA on the word embeddings")
def _():
    return classify(r=4, lora_alpha=2, use_dora=True, target_modules=["word_embeddings", "key"])


@case("bert-classify-lora-bias", note="B has a bias; the biases of the adapted layers are trained too")
def _():
    return classify(
        r=4, lora_alpha=6, lora_bias=True, bias="lora_only", target_modules=["query", "output.dense"])


@case("bert-classify-olora", note="OLoRA, saved without a conversion: the base must be changed anew")
def _():
    return classify(
        r=3, lora_alpha=6, init_lora_weights="olora", target_modules=["query", "intermediate.dense"])


@case("bert-classify-pissa", note="PiSSA, saved without a conversion: the base must be changed anew")
def _():
    return classify(
        r=3, lora_alpha=6, init_lora_weights="pissa", target_modules=["query", "intermediate.dense"])


@case("bert-classify-tokens", note="some tokens' embeddings are trained beside LoRA")
def _():
    return classify(r=4, lora_alpha=6, target_modules=["value"], trainable_token_indices=[17, 5, 60, 33])
