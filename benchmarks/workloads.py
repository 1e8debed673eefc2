"""Checkpoints and texts, made by Lorikeet where they are missing.

Real weights (all-MiniLM-L6-v2) and real texts (WordNet's glosses) are embedded;
where only the shape matters, weights are random and texts are joined glosses.
"""

import json
import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from measuring import output_of
from tokenizers import Tokenizer

LAUNCHER = os.environ.get(
    "LORIKEET", str(Path(__file__).resolve().parent.parent / "lorikeet")
)
TOPICS = 8
SEED = 1
VOCABULARY = 30522

BERT_BASE = {
    "architectures": ["BertForMaskedLM"],
    "model_type": "bert",
    "vocab_size": VOCABULARY,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
SMALL_LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": VOCABULARY,
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "intermediate_size": 1408,
    "hidden_act": "silu",
    "max_position_embeddings": 1024,
    "initializer_range": 0.02,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "pad_token_id": 0,
    "bos_token_id": 101,
    "eos_token_id": 102,
}


@dataclass(frozen=True)
class Workload:
    model: Path
    train: Path
    held: Path | None = None

    def config(self):
        return json.loads((self.model / "config.json").read_text())

    def lengths(self, max_length):
        """The training texts' lengths in tokens, special ones among them."""
        tokenizer = tokenizer_of(self.model)
        tokenizer.enable_truncation(max_length)
        texts = [row["text"] for row in rows_of(self.train)]
        return [len(e.ids) for e in tokenizer.encode_batch(texts)]


# ---- workloads ----


def glosses(work, count, held=True):
    """MiniLM and so many glosses, as many of each topic."""
    data = wordnet(work, count)
    return Workload(
        minilm(work), data / "train.jsonl", data / "eval.jsonl" if held else None
    )


def long_texts(work, count, tokens=512):
    """A bert-base with random weights, and texts that fill its positions."""
    file = work / f"long-{count}.jsonl"
    if not file.exists():
        draw = random.Random(SEED)
        topics = by_topic(work)
        tokenizer = tokenizer_of(minilm(work))
        labels = [sorted(topics)[i % TOPICS] for i in range(count)]
        write(
            file,
            [
                {"text": joined(topics[label], tokens, draw, tokenizer), "label": label}
                for label in labels
            ],
        )
    return Workload(random_model(work, "bert-base", BERT_BASE), file)


def ragged_texts(work, count, shortest=20, longest=400):
    """A small Llama with random weights, and texts of lengths drawn evenly."""
    file = work / f"ragged-{count}.jsonl"
    if not file.exists():
        draw = random.Random(SEED)
        texts = [text for topic in by_topic(work).values() for text in topic]
        tokenizer = tokenizer_of(minilm(work))
        lengths = [draw.randint(shortest, longest) for _ in range(count)]
        write(file, [{"text": joined(texts, n, draw, tokenizer)} for n in lengths])
    return Workload(random_model(work, "llama", SMALL_LLAMA), file)


# ---- checkpoints ----


def minilm(work):
    folder = work / "minilm"
    if not folder.exists():
        output_of([LAUNCHER, "import", "minilm", f"--output={folder}"])
    return folder


def random_model(work, name, config):
    """Random weights, and MiniLM's tokenizer, which is BERT's."""
    folder, settings = work / name, work / f"{name}.json"
    if not folder.exists():
        settings.write_text(json.dumps(config, indent=1))
        output_of(
            [LAUNCHER, "init", f"--config={settings}", f"--output={folder}"]
        )
        source = minilm(work)
        shutil.copy(source / "tokenizer.json", folder)
        tokenizer = json.loads((source / "tokenizer_config.json").read_text())
        if config["model_type"] == "llama":
            tokenizer["eos_token"] = "[SEP]"  # which ends its texts already
        (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return folder


# ---- texts ----


def wordnet(work, count):
    """A folder with so many training glosses, and 2,000 others."""
    folder = work / f"wordnet-{count}"
    if not folder.exists():
        per_topic = -(-count // TOPICS)
        output_of(
            [LAUNCHER, "import", "wordnet", f"--output={folder}"]
            + [f"--train-per-topic={per_topic}"]
        )
        train = folder / "train.jsonl"
        write(train, rows_of(train)[:count])
    return folder


def by_topic(work):
    topics = {}
    for row in rows_of(wordnet(work, 2000) / "train.jsonl"):
        topics.setdefault(row["label"], []).append(row["text"])
    return topics


def joined(texts, tokens, draw, tokenizer):
    """Drawn texts one after the other, cut behind so many tokens.

    The first and the last token are special and stand for no text.
    """
    parts = []
    while True:
        parts.append(draw.choice(texts))
        encoded = tokenizer.encode("; ".join(parts))
        if len(encoded.ids) >= tokens:
            return "; ".join(parts)[: encoded.offsets[tokens - 2][1]]


def tokenizer_of(model):
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def rows_of(file):
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def write(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
