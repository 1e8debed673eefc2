"""How much arithmetic a training run needs, and how much the machine can do.

Counted are the products of the real tokens, two operations an element of a
weight: forward, and backward to the inputs of frozen weights; adapters and
heads also to their weights. Padding is waste, and is not counted.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from measuring import output_of
from workloads import LAUNCHER

PRODUCTS = Path(__file__).resolve().parent / "MatrixProducts.java"


@dataclass(frozen=True)
class Peak:
    """The fastest product seen here, in GFLOP/s, by precision and library."""

    float32: dict
    bfloat16: dict

    def of(self, precision):
        return getattr(self, precision)


def peak(threads):
    found = {
        kernel: json.loads(
            output_of(
                [LAUNCHER, "run", str(PRODUCTS), str(threads)],
                LORIKEET_JAVA_OPTIONS=f"-Dlorikeet.matrix_kernel={kernel}",
            ).splitlines()[-1]
        )
        for kernel in ("mkl", "onednn")
    }
    return Peak(
        {"MKL": found["mkl"]["float32"], "oneDNN": found["onednn"]["float32"]},
        {"oneDNN": found["onednn"]["bfloat16"]},
    )


def operations(config, lengths, job):
    """Of a whole run over texts of these lengths."""
    tokens = sum(lengths)
    width = config["hidden_size"]
    attention = sum(4 * length**2 * width for length in lengths)
    if is_causal(config):
        attention /= 2
    shapes = linear_shapes(config)
    weights = config["num_hidden_layers"] * sum(i * o for i, o in shapes)
    forward = 2 * tokens * weights + config["num_hidden_layers"] * attention
    once = 6 * head(config) * len(lengths)
    if job.method == "probe":
        return job.epochs * (forward + once)
    adapter = config["num_hidden_layers"] * job.rank * sum(map(sum, shapes))
    backward = 2 * tokens * weights + config["num_hidden_layers"] * 2 * attention
    words = 4 * tokens * width * config["vocab_size"] if is_causal(config) else 0
    return job.epochs * (forward + backward + 6 * tokens * adapter + words + once)


def linear_shapes(config):
    """In and out of a layer's linear parts."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    if not is_causal(config):
        return [*[(width, width)] * 4, (width, inner), (inner, width)]
    return [*[(width, width)] * 4, *[(width, inner)] * 2, (inner, width)]


def head(config):
    """The pooler of a classifier; its eight classes are too few to count."""
    return 0 if is_causal(config) else config["hidden_size"] ** 2


def is_causal(config):
    return config["model_type"] == "llama"
