"""Records what transformers leaves of a distribution: the reference of TokenSamplerTest.

    python sampling.py > ../../../models/src/test/resources/sampling.json

Recorded with transformers 5.18.0 and PyTorch 2.13.
"""

import json

import torch
from transformers.generation.logits_process import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

torch.manual_seed(0)
SEEN = [3, 7, 11, 3]
CASES = [
    dict(temperature=1.0),
    dict(temperature=0.7),
    dict(temperature=1.5, repetition_penalty=1.3),
    dict(temperature=1.0, top_k=5),
    dict(temperature=1.0, top_k=1),
    dict(temperature=1.0, top_k=100),
    dict(temperature=1.0, top_p=0.9),
    dict(temperature=1.0, top_p=0.3),
    dict(temperature=1.0, top_p=0.01),
    dict(temperature=0.8, top_k=20, top_p=0.8, repetition_penalty=1.1),
    dict(temperature=2.0, top_p=0.95, repetition_penalty=0.8),
]


def probabilities(logits, temperature, top_k=0, top_p=1.0, repetition_penalty=1.0):
    steps = LogitsProcessorList()
    if repetition_penalty != 1:
        steps.append(RepetitionPenaltyLogitsProcessor(repetition_penalty))
    if temperature != 1:
        steps.append(TemperatureLogitsWarper(temperature))
    if top_k:
        steps.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        steps.append(TopPLogitsWarper(top_p))
    return steps(torch.tensor([SEEN]), logits[None].clone())[0].softmax(-1)


cases = []
for settings in CASES:
    logits = torch.randn(60) * 3
    expected = probabilities(logits, **settings)
    cases.append({**settings, "seen": SEEN, "logits": logits.tolist(), "probabilities": expected.tolist()})
print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
