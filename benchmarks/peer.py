"""Trains with transformers' Trainer and PEFT what `lorikeet train` trains.

The flags that both know have the same names and meaning. Prints one line of
JSON; training time runs from the Trainer's first batch to its last step, as
Lorikeet's does: loading, tokenising, evaluating and saving are left out.
"""

import argparse
import json
import math
import resource
import time

import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    get_linear_schedule_with_warmup,
)
from transformers.utils import logging

CAUSAL_LM = "causal-lm"
CLASSIFICATION = "sequence-classification"
HEAD = ("classifier", "pooler")


def read(path, tokenizer, options, labels=None):
    """The encoded examples of a file, and the labels in alphabetic order."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    encoded = tokenizer(
        [row["text"] for row in rows],
        truncation=True,
        max_length=options.max_length,
        return_token_type_ids=options.task == CLASSIFICATION,
    )
    examples = [
        {name: values[i] for name, values in encoded.items()}
        for i in range(len(rows))
    ]
    if options.task == CLASSIFICATION:
        labels = labels or sorted({row["label"] for row in rows})
        for example, row in zip(examples, rows):
            example["labels"] = labels.index(row["label"])
    return examples, labels


def trained_model(options, labels):
    """An adapter and, of a classifier, the head; or the head alone.

    The sentence-transformers checkpoint has no pooler, so it is new, too.
    """
    dtype = getattr(torch, options.precision)
    if options.task == CAUSAL_LM:
        model = AutoModelForCausalLM.from_pretrained(
            options.model, dtype=dtype, use_cache=False
        )
    else:
        model = AutoModelForSequenceClassification.from_pretrained(
            options.model, dtype=dtype, num_labels=len(labels)
        )
    if options.method == "probe":
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(any(part in name for part in HEAD))
        return model
    causal = options.task == CAUSAL_LM
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM if causal else TaskType.SEQ_CLS,
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=options.target_modules,
        modules_to_save=None if causal else list(HEAD),
    )
    return get_peft_model(model, config)


def optimizer_of(model, options):
    """The Trainer's default optimizer, with learning rates by group."""
    groups = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = rate_of(name, options), parameter.dim() > 1
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": rate,
                "weight_decay": options.weight_decay if decays else 0.0,
            }
            for (rate, decays), parameters in groups.items()
        ],
        fused=True,
    )


def rate_of(name, options):
    for pattern, rate in (group.split("=") for group in options.lr_group):
        if ("modules_to_save" if pattern == "head" else pattern) in name:
            return float(rate)
    return options.lr


class Clock(TrainerCallback):
    """Times the loop."""

    def on_train_begin(self, *arguments, **_):
        self.start = time.perf_counter()

    def on_train_end(self, *arguments, **_):
        self.seconds = time.perf_counter() - self.start


class Counting:
    """A collator that counts the positions it makes, padding among them."""

    def __init__(self, collator):
        self.collator = collator
        self.positions = 0

    def __call__(self, examples):
        batch = self.collator(examples)
        self.positions += batch["input_ids"].numel()
        return batch


def trainer_of(model, tokenizer, train, collator, clock, options):
    steps = math.ceil(len(train) / options.batch_size) * options.epochs
    optimizer = optimizer_of(model, options)
    schedule = get_linear_schedule_with_warmup(
        optimizer, math.ceil(steps * options.warmup_ratio), steps
    )
    arguments = TrainingArguments(
        output_dir=options.output,
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=options.batch_size,
        max_grad_norm=options.max_grad_norm,
        train_sampling_strategy=(
            "group_by_length" if options.group_by_length else "random"
        ),
        bf16=options.autocast,
        seed=options.seed,
        label_names=["labels"],
        use_cpu=True,
        dataloader_pin_memory=False,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    return Trainer(
        model=model,
        args=arguments,
        train_dataset=train,
        data_collator=collator,
        optimizers=(optimizer, schedule),
        callbacks=[clock],
    )


def accuracy(trainer, examples):
    answers = trainer.predict(examples)
    right = answers.predictions.argmax(-1) == answers.label_ids
    return float(right.mean())


def main(options):
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    train, labels = read(options.data, tokenizer, options)
    model = trained_model(options, labels)
    collator = Counting(
        DataCollatorForLanguageModeling(tokenizer, mlm=False)
        if options.task == CAUSAL_LM
        else DataCollatorWithPadding(tokenizer)
    )
    clock = Clock()
    trainer = trainer_of(model, tokenizer, train, collator, clock, options)
    trainer.train()

    tokens = options.epochs * sum(len(e["input_ids"]) for e in train)
    result = {
        "train_seconds": clock.seconds,
        "steps": trainer.state.global_step,
        "tokens": tokens,
        "tokens_per_second": tokens / clock.seconds,
        "padding_ratio": 1 - tokens / collator.positions,
        "peak_rss_mib": peak_mib(),
        "trainable_parameters": sum(
            p.numel() for p in model.parameters() if p.requires_grad
        ),
    }
    if options.eval_data:
        held, _ = read(options.eval_data, tokenizer, options, labels)
        result["eval_accuracy"] = accuracy(trainer, held)
    model.save_pretrained(options.output)
    tokenizer.save_pretrained(options.output)
    print(json.dumps(result))


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--eval-data")
    parser.add_argument("--output", required=True)
    parser.add_argument("--task", choices=[CLASSIFICATION, CAUSAL_LM])
    parser.add_argument("--method", choices=["lora", "probe"])
    parser.add_argument("--rank", type=int)
    parser.add_argument("--alpha", type=float)
    parser.add_argument("--dropout", type=float)
    parser.add_argument("--target-modules")
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--lr-group", action="append", default=[])
    parser.add_argument("--schedule", choices=["linear"])
    parser.add_argument("--warmup-ratio", type=float)
    parser.add_argument("--weight-decay", type=float)
    parser.add_argument("--max-grad-norm", type=float)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--max-length", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--precision", default="float32")
    # The peer's own.
    parser.add_argument("--group-by-length", action="store_true")
    parser.add_argument("--autocast", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    main(options())
