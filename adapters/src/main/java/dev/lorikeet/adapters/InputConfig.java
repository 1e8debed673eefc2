package dev.lorikeet.adapters;

import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.Scope;
import java.util.List;

/** The settings of a method that changes what a model reads, and puts nothing around its layers. */
public interface InputConfig extends AdapterConfig {
  /**
   * What stands before the tokens, initialised from the engine's random state.
   *
   * @param stored whether its values are to be read from a file, which holds the vectors alone and
   *     not what they were made of
   */
  InputAdapter input(Model model, boolean stored);

  /** The same settings with other {@link #modulesToSave}. */
  InputConfig with(List<String> modulesToSave);

  @Override
  default InputConfig with(Targets targets, List<String> modulesToSave) {
    return with(modulesToSave);
  }

  /** None. */
  @Override
  default Targets targets() {
    return Targets.of();
  }

  @Override
  default AdapterLayer layer(Linear base, Scope owner) {
    throw new UnsupportedOperationException(peftType() + " adapts no layers");
  }
}
