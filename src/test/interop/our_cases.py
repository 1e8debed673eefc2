"""The adapters that Lorikeet trains for the check, and on what data."""


def classes(row):
    return row


def pairs(row):
    """A short and a long text: where both are too long, releases of the
    tokenizers library differ in which of the two keeps the odd token."""
    first = " ".join(row["text"].split()[:2])
    return {"text": first, "text_pair": row["text"], "label": row["label"]}


def several_labels(row):
    return {"text": row["text"], "label": [row["label"], size(row["text"])]}


def numbers(row):
    return {"text": row["text"], "label": len(row["text"]) / 100}


def words(row):
    split = row["text"].split()
    return {"text": split, "label": [size(word) for word in split]}


def masks(row):
    """The middle word hidden."""
    split = row["text"].split()
    split[len(split) // 2] = "[MASK]"
    return {"text": " ".join(split)}


def size(text):
    return "short" if len(text) < 6 else "long" if len(text) < 40 else "longer"


LAYERS = [
    "--target-modules=query,output.dense",
    "--set=adapter.layers_to_transform=[1, 3]",
]
PATTERNS = [
    r"--set=adapter.rank_pattern={query: 4, layer\.1\.output\.dense: 2}",
    "--set=adapter.alpha_pattern={key: 32, 0.intermediate.dense: 3}",
]
REGEX = [r"--target-modules=.*\.layer\.[0-2]\..*(key|output\.dense)"]
EVA = [
    "--set=adapter.init_lora_weights=eva",
    "--set=adapter.eva_config.tau=0.9",
    "--rank=4",
]
ADALORA = [
    "--method=adalora",
    "--set=adapter.init_r=4",
    "--set=adapter.target_r=2",
    "--set=adapter.tfinal=2",
    "--epochs=2",
]
SEVERAL = ["--problem-type=multi_label_classification"]

# Flags of `lorikeet train`, and what is made of each row of DATA.
CASES = {
    "query-value": (["--target-modules=query,value"], classes),
    "all-linear": (["--target-modules=all-linear"], classes),
    "regex": (REGEX, classes),
    "dropout": (["--dropout=0.1"], classes),
    "rslora": (["--use-rslora"], classes),
    "patterns": (PATTERNS, classes),
    "bias-lora-only": (["--bias=lora_only"], classes),
    "bias-all": (["--bias=all"], classes),
    "modules-to-save": (["--modules-to-save=embeddings.LayerNorm"], classes),
    "layers": (LAYERS, classes),
    "dora": (["--set=adapter.use_dora=true"], classes),
    "embedding": (["--target-modules=word_embeddings,query"], classes),
    "lora-bias": (["--set=adapter.lora_bias=true"], classes),
    "tokens": (["--set=adapter.trainable_token_indices=[2054, 101]"], classes),
    "pissa": (["--set=adapter.init_lora_weights=pissa_niter_4"], classes),
    "olora": (["--set=adapter.init_lora_weights=olora"], classes),
    "gaussian": (["--set=adapter.init_lora_weights=gaussian"], classes),
    "pissa-exact": (["--set=adapter.init_lora_weights=pissa"], classes),
    "loftq": (["--set=adapter.init_lora_weights=loftq"], classes),
    "eva": (EVA, classes),
    "adalora": (ADALORA, classes),
    "orthogonal": (["--set=adapter.init_lora_weights=orthogonal"], classes),
    "pairs": (["--text-pair=text_pair", "--max-length=16"], pairs),
    "multi-label": (SEVERAL, several_labels),
    "regression": (["--problem-type=regression"], numbers),
    "tokens": (["--task=token-classification"], words),
    "masked-lm": (["--task=masked-lm", "--epochs=10"], masks),
}
