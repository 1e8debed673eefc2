"""Records training/src/test/resources/dev/lorikeet/training/schedules.json for ScheduleTest.

    python record_schedules.py > ../../../training/src/test/resources/dev/lorikeet/training/schedules.json

The learning rate at every step, from 1e-2, of transformers 5.18's schedules and torch 2.13's OneCycleLR; and
of torch's ReduceLROnPlateau after every value of a metric.
"""

import json
import sys

import torch
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from transformers import get_scheduler

LR, STEPS = 1e-2, 40
# name, warm-up steps, our settings, transformers' where they differ
CASES = [
    ("linear", 0, {}, None),
    ("linear", 7, {}, None),
    ("cosine", 7, {}, None),
    ("cosine", 5, {"num_cycles": 1.5}, None),
    ("cosine_with_restarts", 4, {"num_cycles": 3}, None),
    ("cosine_with_min_lr", 7, {"min_lr_ratio": 0.2}, {"min_lr_rate": 0.2}),
    ("polynomial", 7, {}, None),
    ("polynomial", 0, {"power": 2.0, "lr_end": 1e-4}, None),
    ("constant", 0, {}, None),
    ("constant_with_warmup", 7, {}, None),
    ("inverse_sqrt", 7, {}, None),
    ("inverse_sqrt", 0, {}, None),
    ("inverse_sqrt", 3, {"timescale": 20}, None),
    ("warmup_stable_decay", 6, {"num_decay_steps": 12, "min_lr_ratio": 0.1}, None),
    ("warmup_stable_decay", 0, {"num_decay_steps": 9}, None),
]


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)


def rates(sgd, schedule):
    result = []
    for _ in range(STEPS):
        result.append(sgd.param_groups[0]["lr"])
        sgd.step()
        schedule.step()
    return result


def one_cycle(**settings):
    sgd = optimizer()
    schedule = OneCycleLR(sgd, max_lr=LR, total_steps=STEPS, cycle_momentum=False, **settings)
    return rates(sgd, schedule)


def transformers(name, warmup, settings):
    sgd = optimizer()
    return rates(sgd, get_scheduler(name, sgd, warmup, STEPS, settings or None))


def plateau(mode, values, **settings):
    sgd = optimizer()
    schedule = ReduceLROnPlateau(sgd, mode=mode, eps=0, **settings)
    result = []
    for value in values:
        schedule.step(value)
        result.append(sgd.param_groups[0]["lr"])
    return {"mode": mode, "settings": settings, "values": values, "rates": result}


VALUES = [0.5, 0.6, 0.6, 0.61, 0.59, 0.6, 0.6, 0.62, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.7]
LOSSES = [2.0, 1.5, 1.49, 1.49, 1.6, 1.4, 1.5, 1.5, 1.5, 1.5, 1.5, 0.9, 0.95, 0.9, 0.9]
json.dump(
    {
        "recorded_with": f"torch {torch.__version__}, transformers get_scheduler",
        "lr": LR,
        "steps": STEPS,
        "cases": [
            {"schedule": name, "warmup": warmup, "settings": ours,
             "rates": transformers(name, warmup, ours if theirs is None else theirs)}
            for name, warmup, ours, theirs in CASES
        ],
        "one_cycle": [
            {"settings": settings, "rates": one_cycle(**settings)}
            for settings in ({}, {"pct_start": 0.25, "div_factor": 10.0, "final_div_factor": 100.0})
        ],
        "plateau": [
            plateau("max", VALUES, factor=0.5, patience=1, threshold=1e-4),
            plateau("max", VALUES, factor=0.1, patience=2, threshold=0.05),
            plateau("min", LOSSES, factor=0.5, patience=0, threshold=0.01),
            plateau("min", LOSSES, factor=0.3, patience=2, threshold=1e-4),
        ],
    },
    sys.stdout,
)
