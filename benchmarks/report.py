"""Medians and ratios as Markdown."""

import os
import platform
import shlex
import statistics
import sys
from importlib.metadata import version

from arithmetic import operations
from measuring import output_of
from rows import JOBS, LORIKEET, precision
from workloads import LAUNCHER

COLUMNS = {
    "train_seconds": ("training, s", "{:.1f}"),
    "step_seconds": ("a step, s", "{:.3f}"),
    "tokens_per_second": ("tokens/s", "{:,.0f}"),
    "padding_ratio": ("padding", "{:.0%}"),
    "process_peak_mib": ("peak memory, MiB", "{:,.0f}"),
    "process_seconds": ("whole process, s", "{:.1f}"),
    "eval_accuracy": ("accuracy", "{:.4f}"),
}


# ---- the goals ----


def goals(rows, results, plan):
    lines = [["", "lorikeet", "peer", "ratio", "rounds", "goal", "of the peak"]]
    for row in rows:
        runs = results[row.job]
        theirs = best(row, runs)
        ratio = median(runs[row.ours], row.key) / median(runs[theirs], row.key)
        lines.append(
            [
                f"{row.name}: {row.what}",
                formatted(row.key, runs[row.ours]),
                f"{formatted(row.key, runs[theirs])} ({theirs})",
                f"**{ratio:.2f}**",
                spread(runs[row.ours], runs[theirs], row.key),
                verdict(row, ratio, runs[row.ours], runs[theirs]),
                "; ".join(share(row.job, name, runs[name], plan) for name in (row.ours, theirs)),
            ]
        )
    return table(lines)


def best(row, runs):
    """The peer's settings that do best, by the row's own number."""
    pick = max if row.at_least is not None else min
    return pick(row.theirs, key=lambda name: median(runs[name], row.key))


def spread(ours, theirs, key):
    """The ratios of single rounds, the smallest and the largest."""
    ratios = [a[key] / b[key] for a, b in zip(ours, theirs)]
    return f"{min(ratios):.2f} to {max(ratios):.2f}"


def verdict(row, ratio, ours, theirs):
    if not row.goal():
        return ""
    told = f"{row.goal()}: {'met' if row.is_met(ratio) else 'missed'}"
    if row.accuracy_within is not None:
        key = "eval_accuracy"
        told += f", accuracy {median(ours, key) - median(theirs, key):+.4f}"
        near = median(ours, key) >= median(theirs, key) - row.accuracy_within
        told += "" if near else " (too low)"
    return told


def share(job, contender, runs, plan):
    """The arithmetic done a second, as a share of the fastest products."""
    rate = plan.operations[job] / median(runs, "train_seconds") / 1e9
    peaks = plan.peak.of(precision(contender))
    told = " / ".join(f"{rate / peak:.0%} {name}" for name, peak in peaks.items())
    return f"{'lorikeet' if 'lorikeet' in contender else 'peer'} {told}"


# ---- all numbers ----


def details(job, runs, plan):
    keys = [key for key in COLUMNS if all(key in run[0] for run in runs.values())]
    titles = [COLUMNS[key][0] for key in keys]
    lines = [["", *titles, "GFLOP/s"]]
    for name, measured in runs.items():
        rate = plan.operations[job] / median(measured, "train_seconds") / 1e9
        cells = [formatted(key, measured) for key in keys]
        lines.append([name, *cells, f"{rate:,.0f}"])
    return f"{title(job, plan)}:\n\n{table(lines)}"


def title(job, plan):
    return JOBS[job].title.format(options=plan.options)


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def formatted(key, runs):
    return COLUMNS[key][1].format(median(runs, key))


def table(lines):
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(map(str.ljust, line, widths)) + " |"
        for line in [lines[0], rule, *lines[1:]]
    )


# ---- circumstances ----


class Plan:
    """What all tables need to know: sizes, operations, the machine."""

    def __init__(self, options, peak, workloads):
        self.options = options
        self.peak = peak
        self.operations = {
            job: operations(
                workload.config(), workload.lengths(JOBS[job].max_length), JOBS[job]
            )
            for job, workload in workloads.items()
        }

    def circumstances(self, results):
        load = ", ".join(f"{average:.1f}" for average in self.options.load)
        most = max(
            run["load"]
            for job in results.values()
            for runs in job.values()
            for run in runs
        )
        packages = ("torch", "transformers", "peft")
        variables = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
        return "\n".join(
            [
                f"- medians of {self.options.rounds} rounds, {self.options.threads} threads",
                f"- machine: {processor()}, {os.cpu_count()} CPUs, "
                f"{platform.system()} {platform.release()}, load {load} before, "
                f"at most {most:.1f} meanwhile, "
                + ", ".join(f"{v} {os.environ.get(v, 'not set')}" for v in variables),
                f"- fastest products, GFLOP/s: {self.products()}",
                f"- {LORIKEET}: {', '.join(output_of([LAUNCHER, '--version']).splitlines())}",
                f"- peer: Python {platform.python_version()}, "
                + ", ".join(f"{name} {version(name)}" for name in packages),
                f"- command: {shlex.join(['python', *sys.argv])}",
            ]
        )

    def products(self):
        return ", ".join(
            f"{kind} by {name} {rate:,.0f}"
            for kind in ("float32", "bfloat16")
            for name, rate in self.peak.of(kind).items()
        )


def processor():
    """The processor's name, which Linux tells only in a file."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line for line in lines if line.startswith("model name")]
        return names[0].split(":")[1].strip()
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
