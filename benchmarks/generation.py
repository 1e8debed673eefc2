"""Generates from the same prompts with Lorikeet and transformers, alternately.

    python generation.py --model DIR [--dtype float32] [--rows 1] [--prompt-tokens 64] [--new-tokens 64]

Prints medians and ratios, and whether both chose the same tokens. The peer runs in the interpreter
that runs this file.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAUNCHER = os.environ.get("LORIKEET", str(HERE.parent / "lorikeet"))
COLUMNS = {"first_seconds": "first token, s", "token_seconds": "each further token, s"}


def prompts(rows, tokens, vocabulary):
    state, drawn = 1, []
    for _ in range(rows * tokens):
        state = (state * 1103515245 + 12345) % 2**31
        drawn.append(3 + state % (vocabulary - 3))
    return [drawn[row * tokens : (row + 1) * tokens] for row in range(rows)]


def peer(options):
    """One measurement, in a process of its own."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.generation.streamers import BaseStreamer

    class FirstToken(BaseStreamer):
        """The prompt is put first, then each token."""

        def __init__(self):
            self.times = []

        def put(self, value):
            self.times.append(time.perf_counter())

        def end(self):
            pass

    torch.set_num_threads(options.threads)
    model = AutoModelForCausalLM.from_pretrained(
        options.model, dtype=getattr(torch, options.dtype)
    ).eval()
    ids = torch.tensor(
        prompts(options.rows, options.prompt_tokens, model.config.vocab_size)
    )

    def generate(new_tokens, streamer=None):
        return model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=new_tokens,
            eos_token_id=None,
            use_cache=not options.no_cache,
            streamer=streamer,
        )

    generate(2)
    streamer = FirstToken() if options.rows == 1 else None
    start = time.perf_counter()
    answer = generate(options.new_tokens, streamer)
    end = time.perf_counter()
    if streamer is None:  # streamers take one row only: time a prefill by itself
        prefill = time.perf_counter()
        generate(1)
        first = time.perf_counter() - prefill
    else:
        first = streamer.times[1] - start
    print(
        json.dumps(
            {
                "first_seconds": first,
                "token_seconds": (end - start - first) / (options.new_tokens - 1),
                "tokens": answer[:, ids.size(1) :].tolist(),
            }
        )
    )


def ours(options):
    settings = [options.model, options.dtype, options.rows, options.prompt_tokens]
    settings += [options.new_tokens, options.threads, str(not options.no_cache).lower()]
    return [LAUNCHER, "run", str(HERE / "Generation.java"), *map(str, settings)]


def run(command):
    # What the launcher sets for `generate`; the peer's threads spin for as long by default.
    environment = {"GOMP_SPINCOUNT": "100000", **os.environ}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--prompt-tokens", type=int, default=64)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-cache", action="store_true")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        peer(options)
        return
    results = {"lorikeet": [], "transformers": []}
    for number in range(1, options.rounds + 1):
        theirs = [sys.executable, __file__, "--peer", *sys.argv[1:]]
        for name, command in (("lorikeet", ours(options)), ("transformers", theirs)):
            result = run(command)
            results[name].append(result)
            print(f"round {number}, {name}:", {k: result[k] for k in COLUMNS}, file=sys.stderr)
    print("| | " + " | ".join(COLUMNS.values()) + " |")
    print("|---" * (len(COLUMNS) + 1) + "|")
    medians = {
        name: [statistics.median(run[key] for run in runs) for key in COLUMNS]
        for name, runs in results.items()
    }
    for name, values in medians.items():
        print(f"| {name} | " + " | ".join(f"{value:.4f}" for value in values) + " |")
    pairs = zip(medians["lorikeet"], medians["transformers"])
    print("| ratio | " + " | ".join(f"{a / b:.2f}" for a, b in pairs) + " |")
    same = results["lorikeet"][0]["tokens"] == results["transformers"][0]["tokens"]
    print("the same tokens:", "yes" if same else "no")


if __name__ == "__main__":
    main()
