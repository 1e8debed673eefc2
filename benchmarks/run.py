"""Trains the same classifier with Lorikeet and its peer, alternately.

Prints medians and ratios as a table. The peer, transformers' Trainer with
PEFT, runs in the interpreter that runs this file.
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAUNCHER = os.environ.get("LORIKEET", str(HERE.parent / "lorikeet"))
PEER = [sys.executable, str(HERE / "peer.py")]
OURS = [
    *[LAUNCHER, "train", "--json", "--precision=float32"],
    *["--task=sequence-classification", "--text=text", "--label=label"],
    *["--method=lora", "--rank=8", "--alpha=16", "--dropout=0"],
    *["--target-modules=all-linear", "--lr=1e-3"],
    *["--lr-group=lora_B=4e-3", "--lr-group=head=2e-3"],
    *["--schedule=linear", "--warmup-ratio=0.06", "--weight-decay=0.01"],
    *["--max-grad-norm=1.0"],
]
CONTENDERS = {
    "lorikeet": OURS,
    "peer": PEER,
    "peer, grouped by length": [*PEER, "--group-by-length"],
}
COLUMNS = {
    "train_seconds": ("training, s", "{:.1f}"),
    "tokens_per_second": ("tokens/s", "{:,.0f}"),
    "peak_rss_mib": ("peak memory, MiB", "{:,.0f}"),
    "process_seconds": ("whole process, s", "{:.1f}"),
    "eval_accuracy": ("accuracy", "{:.4f}"),
}


# ---- measuring ----


def output_of(command):
    """What a command prints; its progress is shown only where it fails."""
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"{shlex.join(map(str, command))}\n{run.stderr}")
    return run.stdout.strip()


def prepare(work, per_topic):
    """The checkpoint and the data, made where they are missing."""
    model, data = work / "minilm", work / f"wordnet-{per_topic}"
    if not model.exists():
        output_of([LAUNCHER, "import", "minilm", f"--output={model}"])
    if not data.exists():
        output_of(
            [
                *[LAUNCHER, "import", "wordnet", f"--output={data}"],
                f"--train-per-topic={per_topic}",
            ]
        )
    return model, data


def measure(command, model, data, seed, options):
    start = time.perf_counter()
    printed = output_of(
        [
            *command,
            f"--model={model}",
            f"--data={data / 'train.jsonl'}",
            f"--eval-data={data / 'eval.jsonl'}",
            f"--output={options.work / 'adapter'}",
            f"--epochs={options.epochs}",
            f"--batch-size={options.batch_size}",
            f"--max-length={options.max_length}",
            f"--threads={options.threads}",
            f"--seed={seed}",
        ]
    )
    seconds = time.perf_counter() - start
    return json.loads(printed.splitlines()[-1]) | {"process_seconds": seconds}


def measure_all(options):
    """A list of results for each contender, one a round."""
    model, data = prepare(options.work, options.train_per_topic)
    results = {name: [] for name in CONTENDERS}
    for seed in range(1, options.rounds + 1):
        for name, command in CONTENDERS.items():
            result = measure(command, model, data, seed, options)
            results[name].append(result)
            say(f"round {seed}, {name}: {json.dumps(result)}")
        must_be_the_same_job(results)
    return results


def must_be_the_same_job(results):
    for key in ("trainable_parameters", "tokens"):
        values = {name: runs[-1][key] for name, runs in results.items()}
        if len(set(values.values())) > 1:
            sys.exit(f"not the same job: {key} {values}")


# ---- telling ----


def say(line):
    print(line, file=sys.stderr, flush=True)


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def table(results):
    ours = results["lorikeet"]
    rows = [["", *(title for title, _ in COLUMNS.values())]]
    for name, runs in results.items():
        cells = [
            cell.format(median(runs, key))
            for key, (_, cell) in COLUMNS.items()
        ]
        rows.append([name, *cells])
    for name, runs in results.items():
        if runs is not ours:
            rows.append([f"lorikeet / {name}", *ratios(ours, runs)])
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows
    )


def ratios(ours, theirs):
    """Accuracies are told apart by their difference, all else by ratios."""
    return [
        f"{median(ours, key) - median(theirs, key):+.4f}"
        if key == "eval_accuracy"
        else f"{median(ours, key) / median(theirs, key):.2f}"
        for key in COLUMNS
    ]


def circumstances(options):
    packages = ("torch", "transformers", "peft")
    lorikeet = output_of([LAUNCHER, "--version"])
    load = ", ".join(f"{average:.1f}" for average in options.load)
    return "\n".join(
        [
            f"medians of {options.rounds} rounds; {options.train_per_topic} "
            f"glosses of each of eight topics; {options.threads} threads",
            f"machine: {processor()}, {os.cpu_count()} CPUs, "
            f"{platform.system()} {platform.release()}, load {load} before, "
            f"OMP_WAIT_POLICY {os.environ.get('OMP_WAIT_POLICY', 'not set')}",
            f"lorikeet: {', '.join(lorikeet.splitlines())}",
            f"peer: Python {platform.python_version()}, "
            + ", ".join(f"{name} {version(name)}" for name in packages),
            f"command: {shlex.join(['python', *sys.argv])}",
        ]
    )


def processor():
    """The processor's name, which Linux tells only in a file."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line for line in lines if line.startswith("model name")]
        return names[0].split(":")[1].strip()
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train-per-topic", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=HERE / "target")
    return parser.parse_args()


def main(options):
    options.load = os.getloadavg()
    if options.load[0] > 0.5:
        say(f"the machine is busy (load {options.load[0]:.1f}): times mislead")
    options.work.mkdir(parents=True, exist_ok=True)
    told = circumstances(options)  # first, since the launcher may build
    results = measure_all(options)
    (options.work / "results.json").write_text(json.dumps(results, indent=1))
    print(told, end="\n\n")
    print(table(results))


if __name__ == "__main__":
    main(options())
