package dev.lorikeet.training;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * A parameter that is trained.
 *
 * @param name what groups match: the path in the model and the parameter's name, such as {@code
 *     bert.encoder.layer.0.attention.self.query.lora_A.weight}
 * @param head whether it belongs to the head, which no encoder layer is
 * @param inPlace whether it stands for one of the model's own, as trained biases do, and adds
 *     nothing to it
 */
public record Trainable(String name, Parameter parameter, boolean head, boolean inPlace) {
  private static final String PEFT_PREFIX = "^base_model\\.(model\\.)?";

  /** A parameter of its own. */
  public Trainable(String name, Parameter parameter, boolean head) {
    this(name, parameter, head, false);
  }

  /** All of an adapter's parameters. */
  public static List<Trainable> of(Adapter adapter) {
    List<Trainable> trainables = named(adapter);
    adapter.train();
    return trainables;
  }

  /** An adapter's parameters as they are. */
  static List<Trainable> named(Adapter adapter) {
    List<Trainable> trainables = new ArrayList<>();
    adapter
        .parameters()
        .forEach(
            (name, parameter) -> {
              String path = name.replaceFirst(PEFT_PREFIX, "");
              boolean inPlace = adapter.isTrainedInPlace(parameter);
              trainables.add(
                  new Trainable(path, parameter, adapter.model().isInHead(path), inPlace));
            });
    return trainables;
  }

  /** All of a model's parameters: full fine-tuning. */
  public static List<Trainable> allOf(Model model) {
    return train(model, model.parameters().values());
  }

  /** The head's parameters only: a linear probe. */
  public static List<Trainable> headOf(Model model) {
    List<Parameter> head =
        model.parameters().values().stream().filter(p -> model.isInHead(p.name())).toList();
    if (head.isEmpty()) {
      throw new LorikeetException("the model has no head to train: choose a task that has one");
    }
    return train(model, head);
  }

  /**
   * The biases of all layers, and the head's parameters (Ben Zaken et al. 2021, arXiv:2106.10199).
   */
  public static List<Trainable> biasesOf(Model model) {
    List<Parameter> trained =
        model.parameters().values().stream()
            .filter(p -> p.name().endsWith(".bias") || model.isInHead(p.name()))
            .toList();
    if (trained.stream().noneMatch(p -> p.name().endsWith(".bias"))) {
      throw new LorikeetException("the model has no biases to train: choose another method");
    }
    return train(model, trained);
  }

  private static List<Trainable> train(Model model, Collection<Parameter> parameters) {
    parameters.forEach(Parameter::train);
    return parameters.stream().map(p -> of(model, p.name(), p)).toList();
  }

  private static Trainable of(Model model, String name, Parameter parameter) {
    return new Trainable(name, parameter, model.isInHead(name));
  }
}
