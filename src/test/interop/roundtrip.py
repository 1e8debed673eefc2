"""Takes adapters both ways between Lorikeet and PEFT; a line a case.

MODEL is a BERT checkpoint; DATA has lines of JSON with "text" and "label". The
environment variable LORIKEET names the launcher, unless it is the project's.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import check_adapter
import check_merged
import interop
import make_adapter
import our_cases

LAUNCHER = os.environ.get(
    "LORIKEET", str(Path(__file__).resolve().parents[3] / "lorikeet")
)
ROWS = 100  # texts that are compared
TRAIN_ROWS = 64


def lorikeet(command, *flags, **paths):
    """Runs the launcher; a path's keyword is its flag."""
    arguments = [f"--{flag}={path}" for flag, path in paths.items()]
    run = subprocess.run(
        [LAUNCHER, command, *arguments, *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        lines = (run.stderr or run.stdout or "failed").strip().splitlines()
        raise interop.Disagreement(f"lorikeet {command}: {lines[-1]}")


# ---- PEFT's adapters in Lorikeet ----


def theirs(folder, case, data):
    """Lorikeet answers with an adapter that PEFT wrote."""
    answers = folder / case / "ours.jsonl"
    lorikeet(
        "predict",
        model=folder / "base",
        adapter=folder / case,
        data=data,
        output=answers,
    )
    return interop.compare(
        interop.read_answers(answers),
        interop.read_answers(folder / case / "answers.jsonl"),
    )


# ---- Lorikeet's adapters in PEFT and transformers ----


def ours(folder, case, model, rows):
    """PEFT answers with an adapter that Lorikeet trained."""
    train(folder, case, model, rows)
    return check_adapter.check(
        model,
        folder / "adapter",
        folder / "answers.jsonl",
        folder / "data.jsonl",
    )


def train(folder, case, model, rows):
    """Trains for a few steps, and answers all rows."""
    flags, row_of = our_cases.CASES[case]
    interop.write_jsonl(folder / "data.jsonl", map(row_of, rows))
    interop.write_jsonl(
        folder / "train.jsonl", map(row_of, rows[:TRAIN_ROWS])
    )
    lorikeet(
        "train",
        "--lr=3e-3",
        "--batch-size=16",
        *flags,
        model=model,
        data=folder / "train.jsonl",
        output=folder / "adapter",
    )
    lorikeet(
        "predict",
        *[flag for flag in flags if flag.startswith("--text-pair")],
        model=model,
        adapter=folder / "adapter",
        data=folder / "data.jsonl",
        output=folder / "answers.jsonl",
    )


def merged(folder, model):
    """transformers answers with what Lorikeet merged."""
    lorikeet(
        "merge",
        model=model,
        adapter=folder / "adapter",
        output=folder / "merged",
    )
    return check_merged.check(
        folder / "merged", folder / "answers.jsonl", folder / "data.jsonl"
    )


# ---- all cases ----


class Report:
    """Prints a line a case and remembers those that failed."""

    def __init__(self):
        self.failed = []

    def run(self, way, case, check, *arguments):
        try:
            difference = check(*arguments)
            passes, text = difference.passes(), str(difference)
        except Exception as problem:  # one broken case must not end the rest
            passes, text = False, f"{type(problem).__name__}: {problem}"
        mark = "ok  " if passes else "FAIL"
        print(f"{mark} {way:<17} {case:<16} {text}", flush=True)
        if not passes:
            self.failed.append(f"{way} {case}")


def main(model, data, cases):
    model = Path(model).resolve()
    rows = interop.read_jsonl(data)[:ROWS]
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = folder / "data.jsonl"
        interop.write_jsonl(small, rows)
        made = chosen(make_adapter.CASES, cases)
        make_adapter.make_all(model, folder, small, made)
        for case in made:
            report.run("PEFT -> Lorikeet", case, theirs, folder, case, small)
    for case in chosen(our_cases.CASES, cases):
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            report.run("Lorikeet -> PEFT", case, ours, work, case, model, rows)
            report.run("merged", case, merged, work, model)
    sys.exit(f"failed: {', '.join(report.failed)}" if report.failed else 0)


def chosen(cases, names):
    return [case for case in cases if not names or case in names]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("data", metavar="DATA")
    parser.add_argument(
        "cases", metavar="CASE", nargs="*", help="unless given, all"
    )
    main(**vars(parser.parse_args()))
