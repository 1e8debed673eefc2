"""Records training/src/test/resources/dev/lorikeet/training/optimizers.json for OptimizerTest.

    python record_optimizers.py > ../../../training/src/test/resources/dev/lorikeet/training/optimizers.json

Five steps of each optimizer on a matrix, a vector and a matrix whose gradient is transposed, with a
learning rate that changes: torch 2.13's optimizers, transformers 5.18's Adafactor, and Lion written out
from its paper (arXiv:2302.06675, algorithm 2), in float64.
"""

import json
import sys

import torch
from transformers import Adafactor

SHAPES = [[3, 5], [7], [4, 3]]
RATES = [0.02, 0.05, 0.0, 0.03, 0.01]
DECAY = 0.1


class Lion(torch.optim.Optimizer):
    def __init__(self, groups, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(groups, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].get("m", torch.zeros_like(p))
                c = beta1 * m + (1 - beta1) * p.grad
                p -= group["lr"] * (c.sign() + group["weight_decay"] * p)
                self.state[p]["m"] = beta2 * m + (1 - beta2) * p.grad


def adafactor(groups, **settings):
    return Adafactor(groups, relative_step=False, **{"scale_parameter": False, **settings})


optim = torch.optim
CASES = [
    # name, settings of ours, constructor, its settings
    ("adamw", {}, optim.AdamW, {}),
    ("adamw", {"beta1": 0.8, "beta2": 0.9, "eps": 1e-3}, optim.AdamW, {"betas": (0.8, 0.9), "eps": 1e-3}),
    ("adam", {}, optim.Adam, {}),
    ("sgd", {}, optim.SGD, {}),
    ("sgd", {"momentum": 0.9}, optim.SGD, {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "dampening": 0.3}, optim.SGD, {"momentum": 0.9, "dampening": 0.3}),
    ("sgd", {"momentum": 0.9, "nesterov": True}, optim.SGD, {"momentum": 0.9, "nesterov": True}),
    ("rmsprop", {}, optim.RMSprop, {}),
    ("rmsprop", {"alpha": 0.8, "eps": 1e-4, "momentum": 0.7, "centered": True}, optim.RMSprop,
     {"alpha": 0.8, "eps": 1e-4, "momentum": 0.7, "centered": True}),
    ("adagrad", {}, optim.Adagrad, {}),
    ("adafactor", {}, adafactor, {}),
    ("adafactor", {"beta1": 0.9, "scale_parameter": True, "decay_rate": -0.7, "clip_threshold": 0.5}, adafactor,
     {"beta1": 0.9, "scale_parameter": True, "decay_rate": -0.7, "clip_threshold": 0.5}),
    ("lion", {}, Lion, {}),
]


def numbers(tensors):
    return [t.detach().flatten().tolist() for t in tensors]


def run(start, gradients, make, settings):
    parameters = [torch.nn.Parameter(p.clone()) for p in start]
    matrices = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = make(groups, lr=RATES[0], **settings)
    steps = []
    for rate, grads in zip(RATES, gradients):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for p, g in zip(parameters, grads):
            p.grad = g.clone()
        optimizer.step()
        steps.append(numbers(parameters))
    return steps


torch.manual_seed(5)
start = [torch.randn(s).double() for s in SHAPES]
gradients = [[torch.randn(s).double() for s in SHAPES] for _ in RATES]
json.dump(
    {
        "recorded_with": f"torch {torch.__version__}, transformers Adafactor, float64",
        "shapes": SHAPES,
        "rates": RATES,
        "weight_decay": DECAY,
        "start": numbers(start),
        "gradients": [numbers(g) for g in gradients],
        "cases": [
            {"optimizer": name, "settings": ours, "steps": run(start, gradients, make, theirs)}
            for name, ours, make, theirs in CASES
        ],
    },
    sys.stdout,
)
