"""Cases of AdaLoRA: three recorded steps are its whole schedule."""

import cases_bert
import cases_gpt2
from peft import AdaLoraConfig
from record import Case, case, texts
from transformers import BertForSequenceClassification, GPT2LMHeadModel


def classify(pruned=False, **settings):
    return Case(
        BertForSequenceClassification(cases_bert.config()),
        AdaLoraConfig(task_type="SEQ_CLS", lora_alpha=6, total_step=3, **settings),
        texts(labels="class", types=True),
        pruned=pruned)


@case("bert-classify-adalora", note="AdaLoRA: nothing, then the cubic budget, then the target")
def _():
    return classify(init_r=6, target_r=3, tfinal=1, target_modules=["query", "intermediate.dense"])


@case("bert-classify-adalora-final", note="AdaLoRA: the last allocation, then a step with its pattern")
def _():
    return classify(
        init_r=4, target_r=2, tfinal=2, beta1=0.6, beta2=0.7, orth_reg_weight=0.1, target_modules=["value"])


@case("bert-classify-adalora-pruned", note="AdaLoRA as it is saved after training: with a rank_pattern")
def _():
    return classify(pruned=True, init_r=5, target_r=2, tfinal=1, target_modules=["query", "output.dense"])


@case("gpt2-lm-adalora", note="AdaLoRA on Conv1D, by PEFT's default targets")
def _():
    return Case(
        GPT2LMHeadModel(cases_gpt2.config()),
        AdaLoraConfig(task_type="CAUSAL_LM", init_r=4, target_r=2, tfinal=1, lora_alpha=5, total_step=3),
        texts())
