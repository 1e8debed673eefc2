"""Records what torch computes for RegularizationReferenceTest.

    python regularization.py        writes training/src/test/resources/regularization.json

Losses and their gradients by torch.nn.functional.cross_entropy with weight, label_smoothing and ignored labels;
averages of weights by torch.optim.swa_utils; the scales of torch.amp.GradScaler. Recorded with PyTorch 2.13.
"""

import json
import os

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "..", "..", "..", "training", "src", "test", "resources", "regularization.json")


def losses():
    g = torch.Generator().manual_seed(3)
    logits = torch.randn(7, 3, generator=g) * 2
    labels = torch.tensor([0, 2, -100, 1, 2, -100, 2])
    weights = torch.tensor([0.5, 2.0, 1.25])
    cases = []
    for weight in (None, weights):
        for smoothing in (0.0, 0.1, 0.4):
            x = logits.clone().requires_grad_()
            loss = torch.nn.functional.cross_entropy(x, labels, weight=weight, label_smoothing=smoothing)
            loss.backward()
            cases.append({"weighted": weight is not None, "smoothing": smoothing, "mean": loss.item(),
                          "gradient": x.grad.flatten().tolist()})
    return {"logits": logits.flatten().tolist(), "labels": labels.tolist(), "weights": weights.tolist(), "cases": cases}


def averages():
    g = torch.Generator().manual_seed(4)
    path = torch.randn(6, 5, generator=g)
    found = {}
    for name, rule in (("ema", get_ema_multi_avg_fn(0.9)), ("swa", get_swa_multi_avg_fn())):
        model = torch.nn.Linear(5, 1, bias=False)
        averaged = AveragedModel(model, multi_avg_fn=rule)
        found[name] = []
        for weights in path:
            model.weight.data.copy_(weights)
            averaged.update_parameters(model)
            found[name].append(averaged.module.weight.flatten().tolist())
    return {"path": path.tolist(), **found}


def scales():
    """The scale after each of some steps, some of them with infinite gradients."""
    scaler = torch.amp.GradScaler("cpu", enabled=True)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.0)
    found = []
    steps = 9000
    bad = [s for s in range(1, steps + 1) if s in (1, 2, 700, 4100, 4101, 4102)]
    for step in range(1, steps + 1):
        parameter.grad = None
        scaler.scale((parameter * 1.0).sum()).backward()
        if step in bad:
            parameter.grad.fill_(float("inf"))
        scaler.step(optimizer)
        scaler.update()
        if step in bad or step % 100 == 0 or (step - 700) % 2000 in (0, 1) or (step - 4102) % 2000 in (0, 1):
            found.append([step, scaler.get_scale()])
    return {"bad": bad, "scales": found, "steps": steps}


with open(FILE, "w") as file:
    json.dump({"losses": losses(), "averages": averages(), "scaler": scales()}, file)
    file.write("\n")
