"""Opens a merged folder of ours in plain transformers and compares answers.

PREDICTIONS is what `lorikeet predict --output` wrote for the texts in DATA.
"""

import interop
import transformers


def check(merged, predictions, data):
    model = open_merged(merged)
    theirs = interop.answer(
        model,
        interop.open_tokenizer(merged),
        interop.read_jsonl(data),
        interop.max_length(merged),
    )
    ours = interop.read_answers(predictions, interop.token_width(model))
    return interop.compare(ours, theirs)


def open_merged(folder):
    """The model that config.json names; all its tensors must be there."""
    config = transformers.AutoConfig.from_pretrained(folder)
    kind = getattr(transformers, config.architectures[0])
    model, info = kind.from_pretrained(folder, output_loading_info=True)
    wrong = {name: keys for name, keys in info.items() if keys}
    if wrong:
        raise interop.Disagreement(f"transformers finds in {folder}: {wrong}")
    return model.eval()


if __name__ == "__main__":
    interop.main(check, __doc__, "merged", "predictions", "data")
