"""Cases of methods beside the LoRA family."""

import cases_bert
import cases_decoders
from peft import LNTuningConfig
from record import Case, case, texts
from transformers import BertForSequenceClassification, LlamaConfig, LlamaForCausalLM


@case("bert-classify-ln", note="LayerNorm tuning of all norms")
def _():
    return Case(
        BertForSequenceClassification(cases_bert.config()),
        LNTuningConfig(task_type="SEQ_CLS", target_modules=["LayerNorm"]),
        texts(labels="class", types=True))


@case("llama-lm-ln", note="LayerNorm tuning of RMS norms, as PEFT chooses them for the architecture")
def _():
    model = LlamaForCausalLM(LlamaConfig(**cases_decoders.SIZES))
    return Case(cases_decoders.eager(model), LNTuningConfig(task_type="CAUSAL_LM"), texts())
