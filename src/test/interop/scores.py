"""Records what scikit-learn and seqeval score for ScoresReferenceTest.

    python scores.py        writes training/src/test/resources/scores.json

Reports by class and confusion matrices by scikit-learn 1.9.1, entities by seqeval 1.2.2 (which needs no installation: its
source on PYTHONPATH will do), calibration errors by the formula of Guo et al. 2017 in numpy. Inputs come from a seed.
"""

import json
import os
import random
import warnings

import numpy as np
from seqeval.metrics import classification_report as entity_report
from seqeval.scheme import BILOU, IOB2, IOBES
from sklearn.metrics import classification_report, confusion_matrix, f1_score

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "..", "..", "..", "training", "src", "test", "resources", "scores.json")
NAMES = ["ant", "bee", "cat", "dog", "elk", "fox"]


def expected_calibration_error(confidences, right, bins):
    edges = np.linspace(0, 1, bins + 1)
    which = np.clip(np.digitize(confidences, edges, right=True) - 1, 0, bins - 1)
    return float(sum((which == b).mean() * abs(right[which == b].mean() - confidences[which == b].mean())
                     for b in range(bins) if (which == b).any()))


def classes(rng):
    """Class 4 is never predicted, 5 never occurs."""
    labels = rng.integers(0, 5, 120)
    predictions = np.where(rng.random(120) < 0.6, np.minimum(labels, 3), rng.integers(0, 4, 120))
    confidences = rng.random(120).astype(np.float32)
    confidences[:3] = [0, 1, 0.2]
    present = sorted(set(labels.tolist()) | set(predictions.tolist()))
    return {"labels": labels.tolist(), "predictions": predictions.tolist(), "confidences": confidences.tolist(),
            "present": [NAMES[i] for i in present], "confusion": confusion_matrix(labels, predictions).tolist(),
            "report": classification_report(labels, predictions, labels=present, target_names=[NAMES[i] for i in present],
                                            output_dict=True, zero_division=0),
            "micro_f1": f1_score(labels, predictions, average="micro"),
            "ece": {str(bins): expected_calibration_error(confidences.astype(float), labels == predictions, bins)
                    for bins in (10, 15)}}


def label_sets(rng):
    """Label 4 never holds and is never predicted."""
    targets = (rng.random((60, 5)) < 0.35).astype(int)
    predictions = np.where(rng.random((60, 5)) < 0.75, targets, 1 - targets)
    targets[:, 4] = predictions[:, 4] = 0
    return {"targets": targets.flatten().tolist(), "predictions": predictions.flatten().tolist(),
            "report": classification_report(targets, predictions, target_names=NAMES[:5], output_dict=True, zero_division=0),
            "accuracy": float((targets == predictions).all(axis=1).mean())}


def spelt(draw, prefixes):
    """Texts of random tags, many of them no sound spelling of any entity."""
    tags = ["O"] + [f"{prefix}-{kind}" for prefix in prefixes for kind in ("PER", "LOC", "ORG-X")]
    labels = [[draw.choice(tags) for _ in range(draw.randrange(1, 12))] for _ in range(60)]
    predictions = [[tag if draw.random() < 0.8 else draw.choice(tags) for tag in text] for text in labels]
    return labels, predictions


def entities():
    draw = random.Random(7)
    cases = []
    for prefixes, scheme in (("BI", None), ("BI", IOB2), ("BIES", None), ("BIES", IOBES), ("BILU", None), ("BILU", BILOU),
                             ("I", None), ("IE", None)):
        labels, predictions = spelt(draw, prefixes)
        strict = {} if scheme is None else {"mode": "strict", "scheme": scheme}
        report = entity_report(labels, predictions, output_dict=True, zero_division=0, **strict)
        cases.append({"scheme": scheme and scheme.__name__, "labels": [" ".join(text) for text in labels],
                      "predictions": [" ".join(text) for text in predictions], "report": report})
    return cases


def plain(value):
    return value.item() if isinstance(value, np.generic) else value.tolist()


def main():
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(5)
    found = {"names": NAMES, "classes": classes(rng), "label_sets": label_sets(rng), "entities": entities()}
    with open(FILE, "w") as file:
        json.dump(found, file, indent=0, default=plain)
        file.write("\n")


main()
