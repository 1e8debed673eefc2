"""Makes the tokenizers that tests of chats use, and records what transformers
says of them for ChatEncodingTest.

    python src/test/interop/chat_tokenizers.py

data/src/test/resources/chat/bytes: byte-level BPE, as Llama 3 and Qwen have.
src/test/resources/chat/tiny: 96 tokens, for the reference cases' models.
Made with tokenizers 0.23, transformers 5.18.0.
"""

import json
import pathlib
import string

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

ROOT = pathlib.Path(__file__).parents[3]
TEMPLATES = ROOT / "models/src/test/resources/chat"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA = ["<s>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]


def write(folder, tokenizer, template, **settings):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **settings}
    config["chat_template"] = (TEMPLATES / template).read_text()
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n")


def of_bytes():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    text = ["the assistant answers the user and the user thanks it", "Hello there, how are you today?"]
    tokenizer.train_from_iterator(
        text,
        trainers.BpeTrainer(
            vocab_size=300, special_tokens=[], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        ),
    )
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in SPECIAL + LLAMA])
    # As Llama 3's: a text by itself gets the beginning-of-text token.
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    folder = ROOT / "data/src/test/resources/chat/bytes"
    write(folder, tokenizer, "llama-3-generation.jinja", bos_token="<s>", eos_token="<|eot_id|>", pad_token="<|endoftext|>")
    return folder


def tiny():
    characters = string.ascii_lowercase + string.ascii_uppercase + string.digits + " \n.,:;?!'-+=()/"
    vocab = {token: place for place, token in enumerate(SPECIAL + ["<unk>", *characters, "the ", "is ", "user", "assistant", "system"])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in SPECIAL])
    assert tokenizer.get_vocab_size() <= 96, tokenizer.get_vocab_size()
    folder = ROOT / "src/test/resources/chat/tiny"
    write(folder, tokenizer, "chatml.jinja", eos_token="<|im_end|>", pad_token="<|endoftext|>", unk_token="<unk>")
    return folder


CHATS = [
    [("user", "Hello"), ("assistant", "Hi — schön, 世界 🦜!")],
    [("system", "Be kind"), ("user", "a"), ("assistant", " b "), ("user", "c"), ("assistant", "d\n\ne")],
    [("user", "🦜🦜"), ("assistant", "")],
]


def losses(folder):
    """The mean loss of the reference cases' base models on a few rows: what
    the assistant says, counted by hand; and targets."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]
    golden = ROOT / "src/test/resources/golden"
    model = AutoModelForCausalLM.from_pretrained(golden / "llama-lm-lora")
    total, count = 0.0, 0
    for question, answer in [("a", "apple"), ("b", "bee"), ("c", "cat"), ("d", "dog")]:
        prompt = ids(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n")
        said, rest = ids(f"{answer}<|im_end|>"), ids("\n")
        labels = [-100] * len(prompt) + said + [-100] * len(rest)
        out = model(input_ids=torch.tensor([prompt + said + rest]), labels=torch.tensor([labels]))
        total, count = total + out.loss.item() * len(said), count + len(said)
    recorded = {"causal-lm": total / count}
    model = AutoModelForSeq2SeqLM.from_pretrained(golden / "t5-seq2seq-lora")
    end = tokenizer.eos_token_id
    total, count = 0.0, 0
    for text, target in [("one two", "eins zwei"), ("three", "drei")]:
        labels = ids(target) + [end]
        out = model(input_ids=torch.tensor([ids(text)]), labels=torch.tensor([labels]))
        total, count = total + out.loss.item() * len(labels), count + len(labels)
    recorded["seq2seq-lm"] = total / count
    (folder / "losses.json").write_text(json.dumps(recorded) + "\n")


def main():
    losses(tiny())
    tokenizer = AutoTokenizer.from_pretrained(of_bytes())
    recorded = []
    for chat in CHATS:
        messages = [{"role": role, "content": content} for role, content in chat]
        answer = tokenizer.apply_chat_template(
            messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        recorded.append(
            {"messages": messages, "input_ids": answer["input_ids"], "assistant_masks": answer["assistant_masks"]}
        )
    plain = [{"text": t, "input_ids": tokenizer(t)["input_ids"]} for t in ["Hello there", "schön 🦜"]]
    file = ROOT / "data/src/test/resources/chat/masks.json"
    file.write_text(json.dumps({"chats": recorded, "texts": plain}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
