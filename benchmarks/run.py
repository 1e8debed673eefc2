"""Trains the same models with Lorikeet and its peer, alternately.

Prints medians and ratios as Markdown. The peer, transformers' Trainer with
PEFT, runs in the interpreter that runs this file.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import arithmetic
import measuring
import report
from rows import JOBS, OURS_BF16, chosen

HERE = Path(__file__).resolve().parent


def measure(job, workload, contenders, options):
    """A list of results for each contender, one a round."""
    results = {name: [] for name in contenders}
    for seed in range(1, options.rounds + 1):
        for name in contenders:
            result = measuring.measured(
                JOBS[job].command(name, workload, seed, options)
            )
            result["step_seconds"] = result["train_seconds"] / result["steps"]
            result["load"] = os.getloadavg()[0]
            results[name].append(result)
            say(f"{job}, round {seed}, {name}: {json.dumps(result)}")
        must_be_the_same_job(job, results)
    return results


def must_be_the_same_job(job, results):
    for key in ("trainable_parameters", "tokens", "steps"):
        values = {name: runs[-1][key] for name, runs in results.items()}
        if len(set(values.values())) > 1:
            sys.exit(f"{job}: not the same {key}: {values}")


def say(line):
    print(line, file=sys.stderr, flush=True)


def has_bfloat16():
    """Whether Linux tells of instructions for it."""
    try:
        words = Path("/proc/cpuinfo").read_text("utf-8").split()
    except OSError:
        return False
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(words))


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="ROW",
        help="rows whose names begin so",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--glosses", type=int, default=16000)
    parser.add_argument("--process-glosses", type=int, default=500)
    parser.add_argument("--probe-glosses", type=int, default=4000)
    parser.add_argument("--long-texts", type=int, default=96)
    parser.add_argument("--documents", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=HERE / "target")
    return parser.parse_args()


def main(options):
    rows = chosen(options.only)
    if not has_bfloat16():
        say("this processor has no bfloat16: its row is left out")
        rows = [row for row in rows if row.ours != OURS_BF16]
    options.work.mkdir(parents=True, exist_ok=True)
    jobs = list(dict.fromkeys(row.job for row in rows))
    workloads = {job: JOBS[job].workload(options) for job in jobs}
    options.load = os.getloadavg()
    if options.load[0] > 0.5:
        say(f"the machine is busy (load {options.load[0]:.1f}): times mislead")
    plan = report.Plan(options, arithmetic.peak(options.threads), workloads)

    results = {}
    for job in jobs:
        contenders = dict.fromkeys(
            name for row in rows if row.job == job for name in row.contenders()
        )
        results[job] = measure(job, workloads[job], contenders, options)
        (options.work / "results.json").write_text(json.dumps(results, indent=1))
        say(report.details(job, results[job], plan))

    print(plan.circumstances(results), end="\n\n")
    print(report.goals(rows, results, plan))
    for job in jobs:
        print("\n" + report.details(job, results[job], plan))


if __name__ == "__main__":
    main(options())
