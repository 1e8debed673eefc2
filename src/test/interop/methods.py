"""Takes every method both ways between Lorikeet and PEFT, on tiny models.

    PYTHON src/test/interop/methods.py [--record] [METHOD ...]

For each case of method_cases.py:

  PEFT -> Lorikeet  Lorikeet opens the folder that PEFT wrote, and answers;
  Lorikeet -> PEFT  Lorikeet trains an adapter of the same settings and saves
                    it; PEFT opens the folder, holds every tensor of it, and
                    answers;
  merged            Lorikeet merges that adapter, and transformers opens the
                    checkpoint and answers.

A line a case and way tells the largest difference of two logits; above BOUND
the case fails, and so does the run. The table at the end has the largest of
each method. --record writes all of it to ../resources/interop/peft-0.21.csv,
which the README's table of methods is checked against.

Lorikeet's side is Interchange.java, run by the launcher (`lorikeet run`), which
the environment variable LORIKEET names unless it is the project's. Versions:
PEFT 0.21, transformers 5.18, PyTorch 2.13.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import interop
import peft
import torch
import transformers
from check_merged import open_merged
from method_cases import CASES, FAMILIES
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
LAUNCHER = os.environ.get("LORIKEET", str(HERE.parents[2] / "lorikeet"))
JAVA_SIDE = HERE.parent / "java/dev/lorikeet/endtoend/Interchange.java"
RECORD = HERE.parent / "resources/interop/peft-0.21.csv"

# Two float32 implementations of two or three layers sum in other orders; 1.2e-6
# was seen. Of logits above 1, as T5's, a fraction.
BOUND = 5e-6
NOISE = 0.1  # moves logits by tenths, far above the bound
MOVES = 1e-3  # an adapter that moves no logit by this much shows nothing

THEIRS, OURS, MERGED = "PEFT -> Lorikeet", "Lorikeet -> PEFT", "merged"
VERSIONS = {
    "peft": peft.__version__,
    "transformers": transformers.__version__,
    "torch": torch.__version__.split("+")[0],
}


# ---- before Lorikeet ----


def write_base(folder, family):
    torch.manual_seed(0)
    model = family.model().eval()
    shift((p for p in model.parameters() if p.dim() == 1), 0.05)
    model.save_pretrained(folder)
    save_file(family.inputs(), folder / "inputs.safetensors")


def shift(parameters, size):
    """Off initial values that would hide mistakes: zeros and ones."""
    for parameter in parameters:
        parameter.data.add_(torch.randn_like(parameter), alpha=size)


def open_base(folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    kind = getattr(transformers, config.architectures[0])
    attention = {"attn_implementation": "eager"}
    return kind.from_pretrained(folder, **attention).eval()


@torch.no_grad()
def answer(model, base):
    return model(**load_file(base / "inputs.safetensors")).logits


def write_theirs(case, family, base, folder):
    """PEFT's adapter with what it answers, and its settings for ours."""
    model = open_base(base)
    before = answer(model, base)
    settings = case.settings(family)
    torch.manual_seed(1)
    # It ends inference mode; PEFT changes what it is given.
    model = get_peft_model(model, case.settings(family)).eval()
    start = folder / "start"
    if case.convert:
        model.peft_config["default"].init_lora_weights = True
        model.save_pretrained(start)
        model.peft_config["default"].init_lora_weights = (
            settings.init_lora_weights
        )
    shift((p for p in model.parameters() if p.requires_grad), NOISE)
    converted = {"path_initial_model_for_weight_conversion": str(start)}
    model.save_pretrained(
        folder / "theirs", **converted if case.convert else {}
    )
    write_json(folder / "settings.json", settings.to_dict())
    logits = answer(model, base)
    moved(logits, before)
    return logits


def moved(logits, before):
    # Prompts make more rows of logits than there were.
    if logits.shape == before.shape:
        if (logits - before).abs().max() < MOVES:
            raise interop.Disagreement("the adapter moves nothing")


def write_json(path, value):
    plain = lambda part: sorted(part) if isinstance(part, set) else str(part)
    path.write_text(json.dumps(value, default=plain), encoding="utf-8")


# ---- after Lorikeet ----


def theirs(case, base, folder, logits):
    return difference(ours_for(folder, "theirs"), logits)


def ours(case, base, folder, logits):
    saved = load_file(folder / "ours" / "adapter_model.safetensors")
    model = PeftModel.from_pretrained(open_base(base), folder / "ours").eval()
    interop.must_hold(model, saved)
    found = ours_for(folder, "ours")
    moved(found, answer(open_base(base), base))
    return difference(found, answer(model, base))


def merged(case, base, folder, logits):
    ours_for(folder, "merged", read=False)
    model = open_merged(folder / "merged")
    model.set_attn_implementation("eager")
    return difference(ours_for(folder, "ours"), answer(model, base))


def ours_for(folder, way, read=True):
    problem = folder / f"{way}.error"
    if problem.exists():
        raise interop.Disagreement(problem.read_text(encoding="utf-8"))
    return load_file(folder / f"{way}.answers")["logits"] if read else None


def difference(found, wanted):
    if found.shape != wanted.shape:
        raise interop.Disagreement(f"{list(found.shape)}, {list(wanted.shape)}")
    scale = max(1.0, wanted.abs().max().item())
    return (found - wanted).abs().max().item() / scale


# ---- all cases ----


@dataclass
class Row:
    method: str
    case: str
    family: str
    direction: str
    largest_difference: float
    problem: str = ""

    def passes(self):
        return not self.problem and self.largest_difference <= BOUND

    def __str__(self):
        mark = "ok  " if self.passes() else "FAIL"
        found = self.problem or f"{self.largest_difference:.1e}"
        name = f"{self.method}, {self.case}"
        return f"{mark} {self.direction:<16} {self.family:<10} {name:<34} {found}"


def attempt(row, check, *arguments):
    """One broken case must not end the rest."""
    try:
        row.largest_difference = check(*arguments)
    except Exception as problem:
        first = (str(problem).splitlines() or [""])[0]
        row.problem = f"{type(problem).__name__}: {first}"
    print(row, flush=True)
    return row


def chosen(methods):
    return [
        (case, family)
        for case in CASES
        for family in case.families
        if not methods or case.method in methods
    ]


def run(work, methods):
    rows, answers = [], {}
    pairs = chosen(methods)
    for family in dict.fromkeys(family for _, family in pairs):
        write_base(work / "bases" / family, FAMILIES[family])
    for case, family in pairs:
        folder = work / "cases" / f"{case.method}.{case.name}.{family}"
        folder.mkdir(parents=True)
        base = work / "bases" / family
        write_json(folder / "base.json", {"base": str(base)})
        row = Row(case.method, case.name, family, THEIRS, float("nan"))
        try:
            answers[folder] = write_theirs(case, FAMILIES[family], base, folder)
        except Exception as problem:
            row.problem = f"PEFT: {type(problem).__name__}: {problem}"
            rows.append(row)
            print(row, flush=True)
    subprocess.run([LAUNCHER, "run", str(JAVA_SIDE), str(work)], check=True)
    for case, family in pairs:
        folder = work / "cases" / f"{case.method}.{case.name}.{family}"
        if folder not in answers:
            continue
        ways = [(THEIRS, theirs)] if case.theirs else []
        ways += [(OURS, ours)]
        ways += [(MERGED, merged)] if case.merges else []
        for direction, check in ways:
            row = Row(case.method, case.name, family, direction, float("nan"))
            base = work / "bases" / family
            rows.append(attempt(row, check, case, base, folder, answers[folder]))
    return rows


def print_table(rows):
    """The largest difference of each method, a column a way."""
    ways = [THEIRS, OURS, MERGED]
    print(f"\n{'method':<18}" + "".join(f"{way:>18}" for way in ways))
    for method in dict.fromkeys(row.method for row in rows):
        cells = []
        for way in ways:
            of_way = [
                row.largest_difference
                for row in rows
                if row.method == method and row.direction == way
            ]
            cells.append(f"{max(of_way):.1e}" if of_way else "-")
        print(f"{method:<18}" + "".join(f"{cell:>18}" for cell in cells))
    print("  ".join(f"{name} {version}" for name, version in VERSIONS.items()))


def record(rows):
    RECORD.parent.mkdir(exist_ok=True)
    with open(RECORD, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            ["method", "case", "family", "direction", "largest_difference"]
            + list(VERSIONS)
        )
        for row in rows:
            family, _, kind = row.family.partition("-")
            table.writerow(
                [row.method, " ".join([row.case, kind]).strip(), family]
                + [row.direction]
                + [f"{row.largest_difference:.1e}"]
                + list(VERSIONS.values())
            )


def main(methods, record_them):
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as name:
        rows = run(Path(name), methods)
    print_table(rows)
    failed = [row for row in rows if not row.passes()]
    if failed:
        sys.exit(f"{len(failed)} of {len(rows)} failed")
    if record_them and methods:
        sys.exit("--record goes with all methods")
    if record_them:
        record(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--record", action="store_true", dest="record_them")
    parser.add_argument("methods", metavar="METHOD", nargs="*")
    main(**vars(parser.parse_args()))
