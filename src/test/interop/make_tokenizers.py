"""Makes the tiny tokenizers of TextTokenizerTest, and prints what they make of some texts.

    python make_tokenizers.py        writes models/src/test/resources/tokenizers/{roberta,xlmr}.json

They are of the kinds that RoBERTa (BPE over bytes) and XLM-RoBERTa (Unigram) have, with their
special tokens. Made with tokenizers 0.23.2 and transformers 5.18.0.
"""

import os

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "..", "..", "..", "models", "src", "test", "resources", "tokenizers")
TEXTS = ["the bird sings", "a bird and the birds", "the small bird, the birds sing", "singing birds and a small cat"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
MASK = AddedToken("<mask>", lstrip=True, normalized=False, special=True)


def roberta(prefix_space=False):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([f" {text} {text}" for text in TEXTS], trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), add_prefix_space=prefix_space)
    tokenizer.add_special_tokens([MASK])
    return tokenizer


def xlmr():
    pieces = {"▁": -3.0, "▁the": -1.0, "▁a": -1.5, "▁bird": -2.0, "s": -2.5, "▁sing": -3.0, "ing": -3.5, "é": -6.0}
    pieces.update({letter: -7.0 for letter in "abcdefghijklmnopqrtuvwxyz,"})
    vocabulary = [(token, 0.0) for token in SPECIAL] + list(pieces.items())
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.add_special_tokens(SPECIAL + [MASK])
    return tokenizer


def show(name, tokenizer, split):
    tokenizer.save(os.path.join(FOLDER, name + ".json"))
    roles = dict(bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token=MASK)
    one = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles)
    print(name, len(one), "pad", one.pad_token_id, "mask", one.mask_token_id)
    print("text", one("the bird sings é").input_ids)
    pair = one("the bird", "a small cat", return_token_type_ids=True)
    print("pair", pair.input_ids, pair.token_type_ids)
    print("cut pair", one("the bird sings", "a cat", max_length=9, truncation="longest_first").input_ids)
    print("mask", one("the <mask> sings").input_ids)
    words = PreTrainedTokenizerFast(tokenizer_object=split, **roles)
    encoding = words(["singing", "birds", "", "and", ","], is_split_into_words=True)
    print("words", encoding.input_ids, encoding.word_ids())
    print("decoded", one.decode(one("the bird sings é").input_ids, skip_special_tokens=True))


if __name__ == "__main__":
    show("roberta", roberta(), roberta(prefix_space=True))  # transformers asks for that where words come split
    show("xlmr", xlmr(), xlmr())
