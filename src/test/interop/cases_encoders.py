"""Cases of BERT's descendants: the heads and spellings that no other case has."""

from peft import LoraConfig, PrefixTuningConfig, PromptTuningConfig
from record import Case, case, texts
from transformers import (
    CamembertConfig,
    CamembertForMaskedLM,
    CamembertForSequenceClassification,
    CamembertForTokenClassification,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
    ElectraConfig,
    ElectraForMaskedLM,
    ElectraForSequenceClassification,
    ElectraForTokenClassification,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    RobertaForTokenClassification,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
    XLMRobertaForSequenceClassification,
)

BERT_LIKE = dict(
    vocab_size=96, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
    max_position_embeddings=40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
ROBERTA = dict(BERT_LIKE, type_vocab_size=1, layer_norm_eps=1e-5)
ELECTRA = dict(BERT_LIKE, embedding_size=24)
DISTILBERT = dict(
    vocab_size=96, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=40, dropout=0.0,
    attention_dropout=0.0, seq_classif_dropout=0.0)


def lora(targets, **settings):
    return LoraConfig(r=4, lora_alpha=8, target_modules=targets, **settings)


@case("roberta-tag-lora", note="RoBERTa's token head; two types of tokens")
def _():
    return Case(
        RobertaForTokenClassification(RobertaConfig(num_labels=3, **dict(ROBERTA, type_vocab_size=2))),
        lora(["query", "value", "intermediate.dense"], task_type="TOKEN_CLS"),
        texts(labels="token", pad=1, types=True))


@case("roberta-mlm-lora", note="RoBERTa's masked LM; the head's dense layer adapted")
def _():
    return Case(
        RobertaForMaskedLM(RobertaConfig(**ROBERTA)),
        lora(["query", "lm_head.dense"]),
        texts(labels="mask", pad=1))


@case("xlmr-mlm-lora", note="XLM-RoBERTa's masked LM; the head trained whole, padding on the left")
def _():
    return Case(
        XLMRobertaForMaskedLM(XLMRobertaConfig(**dict(ROBERTA, num_hidden_layers=1))),
        lora(["value"], modules_to_save=["lm_head.dense", "lm_head.layer_norm"]),
        texts(labels="mask", pad=1, left=True))


@case("camembert-regress-lora", note="CamemBERT; all linear layers but those of the head")
def _():
    return Case(
        CamembertForSequenceClassification(CamembertConfig(num_labels=1, **dict(ROBERTA, num_hidden_layers=1))),
        lora("all-linear", task_type="SEQ_CLS"),
        texts(labels="number", pad=1))


@case("xlmr-classify-lora", note="XLM-RoBERTa's sequence head")
def _():
    return Case(
        XLMRobertaForSequenceClassification(XLMRobertaConfig(num_labels=3, **dict(ROBERTA, num_hidden_layers=1))),
        lora(["key", "output.dense"], task_type="SEQ_CLS"),
        texts(labels="class", pad=1))


@case("camembert-tag-lora", note="CamemBERT's token head")
def _():
    return Case(
        CamembertForTokenClassification(CamembertConfig(num_labels=3, **dict(ROBERTA, num_hidden_layers=1))),
        lora(["query"], task_type="TOKEN_CLS"),
        texts(labels="token", pad=1))


@case("camembert-mlm-lora", note="CamemBERT's masked LM")
def _():
    return Case(
        CamembertForMaskedLM(CamembertConfig(**dict(ROBERTA, num_hidden_layers=1))),
        lora(["query"]),
        texts(labels="mask", pad=1))


# PEFT 0.21 fails on all-linear here: it adapts pre_classifier, and then would save it whole.
@case("distilbert-classify-lora", note="pre_classifier is saved whole beside the classifier")
def _():
    return Case(
        DistilBertForSequenceClassification(DistilBertConfig(num_labels=3, **DISTILBERT)),
        lora(["k_lin", "lin2"], task_type="SEQ_CLS"),
        texts(labels="class"))


@case("distilbert-tag-lora", note="DistilBERT's token head, with relu")
def _():
    return Case(
        DistilBertForTokenClassification(DistilBertConfig(num_labels=3, activation="relu", **DISTILBERT)),
        lora(["k_lin", "out_lin", "lin2"], task_type="TOKEN_CLS"),
        texts(labels="token"))


@case("distilbert-mlm-lora", note="DistilBERT's masked LM; the head's transform adapted, its norm trained")
def _():
    return Case(
        DistilBertForMaskedLM(DistilBertConfig(**dict(DISTILBERT, n_layers=1))),
        lora(["q_lin", "vocab_transform"], modules_to_save=["vocab_layer_norm"]),
        texts(labels="mask"))


@case("electra-tag-lora", note="ELECTRA's token head; the embeddings' projection adapted")
def _():
    return Case(
        ElectraForTokenClassification(ElectraConfig(num_labels=3, **ELECTRA)),
        lora(["query", "embeddings_project"], task_type="TOKEN_CLS"),
        texts(labels="token", types=True))


@case("electra-mlm-lora", note="ELECTRA's generator: narrow word vectors as output weights; all linear layers")
def _():
    return Case(
        ElectraForMaskedLM(ElectraConfig(**dict(ELECTRA, num_hidden_layers=1))),
        lora("all-linear"),
        texts(labels="mask", types=True))


@case("roberta-classify-prompt", note="soft prompt: places are counted through padding")
def _():
    return Case(
        RobertaForSequenceClassification(RobertaConfig(num_labels=3, **dict(ROBERTA, num_hidden_layers=1))),
        PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=4),
        texts(labels="class", pad=1))


@case("electra-classify-prefix", note="learned keys and values in an encoder")
def _():
    return Case(
        ElectraForSequenceClassification(ElectraConfig(num_labels=3, **ELECTRA)),
        PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=4),
        texts(labels="class", types=True))
