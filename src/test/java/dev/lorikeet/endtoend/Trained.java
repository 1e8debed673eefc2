package dev.lorikeet.endtoend;

import java.nio.file.Path;

/** The adapter that the line which users type first trains; trained once for all tests. */
final class Trained {
  /** Every flag of the line, as its users' scripts have it. */
  private static final String LINE =
      """
      train --model %s --data %s --eval-data %s --task sequence-classification --text text --label label
         --method lora --rank 8 --alpha 16 --dropout 0.05 --target-modules all-linear --lr 1e-3 --lr-group 'lora_B=4e-3' --lr-group 'head=2e-3'
         --epochs 1 --batch-size 32 --max-length 64 --warmup-ratio 0.06 --schedule linear --weight-decay 0.01 --precision float32
         --device auto --threads 2 --seed 1 --output %s --json
      """;

  static final Path ADAPTER = Embedded.HOME.resolve("adapter");

  /** What training it printed. */
  static final Cli RUN = Cli.done(LINE, Embedded.MODEL, Embedded.TRAIN, Embedded.EVAL, ADAPTER);

  /** The flags that name the model with its adapter. */
  static final String FLAGS = "--model " + Embedded.MODEL + " --adapter " + ADAPTER;

  private Trained() {}
}
