package dev.lorikeet.adapters;

import dev.lorikeet.models.ModelInput;
import dev.lorikeet.torch.Tensor;

/** An adapter in front of a model's tokens: a soft prompt, or a learned prefix. */
public interface InputAdapter extends Adapted {
  /** The input as the model is to read it. */
  ModelInput prepare(ModelInput input);

  /** What files hold of it, one row a virtual token: [V, width], float32. */
  Tensor promptEmbeddings();
}
