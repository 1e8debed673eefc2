"""Opens an adapter of ours in PEFT and compares its answers with ours.

PREDICTIONS is what `lorikeet predict --output` wrote for the texts in DATA.
"""

import interop


def check(model, adapter, predictions, data):
    opened = interop.open_adapter(model, adapter)
    theirs = interop.answer(
        opened,
        interop.open_tokenizer(adapter),
        interop.read_jsonl(data),
        interop.max_length(adapter),
    )
    ours = interop.read_answers(predictions, interop.token_width(opened))
    return interop.compare(ours, theirs)


if __name__ == "__main__":
    interop.main(check, __doc__, "model", "adapter", "predictions", "data")
