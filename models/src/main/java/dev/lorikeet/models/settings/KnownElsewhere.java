package dev.lorikeet.models.settings;

import java.util.Map;

/** What transformers, PEFT, TRL and the command line call a recipe's keys. */
final class KnownElsewhere {
  private static final Map<String, String> KEYS =
      Map.ofEntries(
          Map.entry("learning_rate", "lr"),
          Map.entry("num_train_epochs", "epochs"),
          Map.entry("num_epochs", "epochs"),
          Map.entry("per_device_train_batch_size", "batch_size"),
          Map.entry("train_batch_size", "batch_size"),
          Map.entry("gradient_accumulation_steps", "gradient_accumulation"),
          Map.entry("lr_scheduler_type", "schedule"),
          Map.entry("lr_scheduler", "schedule"),
          Map.entry("optim", "optimizer"),
          Map.entry("adam_beta1", "beta1"),
          Map.entry("adam_beta2", "beta2"),
          Map.entry("adam_epsilon", "eps"),
          Map.entry("epsilon", "eps"),
          Map.entry("load_best_model_at_end", "keep_best"),
          Map.entry("metric", "metric_for_best_model"),
          Map.entry("max_seq_length", "max_length"),
          Map.entry("model_max_length", "max_length"),
          Map.entry("rank", "r"),
          Map.entry("lora_r", "r"),
          Map.entry("alpha", "lora_alpha"),
          Map.entry("dropout", "lora_dropout"),
          Map.entry("output_dir", "output"),
          Map.entry("model_name_or_path", "model"),
          Map.entry("dtype", "precision"),
          Map.entry("torch_dtype", "precision"),
          Map.entry("train_file", "train"),
          Map.entry("train_data", "train"),
          Map.entry("validation_file", "eval"),
          Map.entry("eval_data", "eval"),
          Map.entry("eval_dataset", "eval"));

  private KnownElsewhere() {}

  /** The recipe's own name of a key; the same name where others have none for it. */
  static String own(String key) {
    return KEYS.getOrDefault(key, key);
  }
}
