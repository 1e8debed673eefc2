package dev.lorikeet.adapters.methods;

import dev.lorikeet.adapters.InputAdapter;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Vectors in front of the embedded tokens.
 *
 * @param parameters that are trained, by name
 * @param vectors [V, D], made of them
 */
record SoftPrompt(Map<String, Parameter> parameters, Supplier<Tensor> vectors)
    implements InputAdapter {

  /** Vectors that are trained themselves. */
  static SoftPrompt of(Parameter table) {
    return new SoftPrompt(Map.of("prompt_embeddings", table), table::value);
  }

  /** Refuses tasks whose labels go with tokens, which virtual ones have none of. */
  static void mustFit(Model model, String method) {
    HeadType head = model.headType();
    if (head != null && head.answersInPlace()) {
      throw new LorikeetException(
          method + " puts tokens without labels before those with labels: use PREFIX_TUNING");
    }
  }

  @Override
  public ModelInput prepare(ModelInput input) {
    Tensor prompt = vectors.get();
    return input.past() > 0 // the prompt is in the cache
        ? input.after(prompt.size(0))
        : input.withPrompt(prompt.unsqueeze(0).expand(input.rows(), -1, -1));
  }

  @Override
  public Tensor promptEmbeddings() {
    try (GradMode off = GradMode.disabled()) {
      return vectors.get();
    }
  }
}
