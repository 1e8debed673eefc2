package dev.lorikeet.cli;

import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.ModelOptions;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Opens models to be written out again. */
final class Merging {
  private Merging() {}

  /** A base and its adapter on the CPU, in the type that the base is stored in. */
  static TextModel open(Path model, @Nullable Path adapter, boolean anyBase) {
    Checkpoint checkpoint = Checkpoint.open(model);
    String first = checkpoint.names().iterator().next();
    ModelOptions options = ModelOptions.DEFAULT.withPrecision(checkpoint.dtype(first));
    return TextModel.open(model, adapter, options, null, anyBase);
  }
}
