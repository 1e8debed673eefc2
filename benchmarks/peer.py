"""Trains a LoRA classifier with transformers' Trainer and PEFT.

The same job as `lorikeet train` in run.py: same checkpoint, texts, trained
parameters, learning rates and schedule. Prints one line of JSON.
"""

import argparse
import json
import math
import resource
import time

import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    get_linear_schedule_with_warmup,
)
from transformers.utils import logging

RATES = {"lora_A": 1e-3, "lora_B": 4e-3, "modules_to_save": 2e-3}
WEIGHT_DECAY = 0.01
WARMUP_RATIO = 0.06


def read(path, tokenizer, max_length, labels=None):
    """The encoded examples of a file, and the labels in alphabetic order."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    labels = labels or sorted({row["label"] for row in rows})
    encoded = tokenizer(
        [row["text"] for row in rows], truncation=True, max_length=max_length
    )
    examples = [
        {name: values[i] for name, values in encoded.items()}
        | {"labels": labels.index(row["label"])}
        for i, row in enumerate(rows)
    ]
    return examples, labels


def adapted_model(folder, labels):
    """LoRA on every linear layer; classifier and pooler trained whole.

    The sentence-transformers checkpoint has no pooler, so it is new, too.
    """
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=labels
    )
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=8,
        lora_alpha=16,
        target_modules="all-linear",
        modules_to_save=["classifier", "pooler"],
    )
    return get_peft_model(model, config)


def optimizer_of(model):
    """The Trainer's default optimizer, with a rate for A, B and the head."""
    groups = [
        {
            "params": [p for p in parameters if (p.dim() > 1) == decays],
            "lr": rate,
            "weight_decay": WEIGHT_DECAY if decays else 0.0,
        }
        for key, rate in RATES.items()
        for parameters in [trained(model, key)]
        for decays in (True, False)
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], fused=True)


def trained(model, key):
    return [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and key in name
    ]


def trainer_of(model, tokenizer, train, options):
    steps = math.ceil(len(train) / options.batch_size) * options.epochs
    optimizer = optimizer_of(model)
    schedule = get_linear_schedule_with_warmup(
        optimizer, math.ceil(steps * WARMUP_RATIO), steps
    )
    arguments = TrainingArguments(
        output_dir=options.output,
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=options.batch_size,
        train_sampling_strategy=(
            "group_by_length" if options.group_by_length else "random"
        ),
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
        data_collator=DataCollatorWithPadding(tokenizer),
        optimizers=(optimizer, schedule),
    )


def accuracy(trainer, examples):
    answers = trainer.predict(examples)
    right = answers.predictions.argmax(-1) == answers.label_ids
    return float(right.mean())


def main(options):
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    train, labels = read(options.data, tokenizer, options.max_length)
    held, _ = read(options.eval_data, tokenizer, options.max_length, labels)
    model = adapted_model(options.model, len(labels))
    trainer = trainer_of(model, tokenizer, train, options)

    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start

    tokens = options.epochs * sum(len(e["input_ids"]) for e in train)
    result = {
        "train_seconds": seconds,
        "tokens": tokens,
        "tokens_per_second": tokens / seconds,
        "eval_accuracy": accuracy(trainer, held),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        // 1024,
        "trainable_parameters": model.get_nb_trainable_parameters()[0],
    }
    model.save_pretrained(options.output)
    print(json.dumps(result))


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--eval-data", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--group-by-length", action="store_true")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    main(options())
