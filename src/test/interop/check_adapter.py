"""Opens an adapter of ours in PEFT and compares its answers with ours.

PREDICTIONS is what `lorikeet predict --output` wrote for the texts in DATA.
"""

import argparse

import interop


def check(base, adapter, predictions, data):
    model = interop.open_adapter(base, adapter)
    theirs = interop.answer(
        model,
        interop.open_tokenizer(adapter),
        interop.read_jsonl(data),
        interop.max_length(adapter),
    )
    ours = interop.read_answers(predictions, interop.token_width(model))
    return interop.compare(ours, theirs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("model", "adapter", "predictions", "data"):
        parser.add_argument(name, metavar=name.upper())
    options = parser.parse_args()
    interop.report(
        check(
            options.model,
            options.adapter,
            options.predictions,
            options.data,
        )
    )
