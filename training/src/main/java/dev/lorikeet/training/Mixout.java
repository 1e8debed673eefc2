package dev.lorikeet.training;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Mixout (Lee et al. 2020, arXiv:1909.11299, §3): at every pass in training each element of a
 * linear layer's weight w is that of the checkpoint's weight u with probability p, scaled so that
 * its mean stays w. That is w' = u + dropout(w − u). As in the paper biases, norms, embeddings and
 * the head, which has no weights to return to, are left alone. Closing it ends the mixing.
 */
final class Mixout implements Hook {
  private final Scope checkpoint = Scope.unbound();
  private final List<ProjectionSlot> mixed = new ArrayList<>();

  private Mixout() {}

  /**
   * Mixes the weights of a model's linear layers that are trained.
   *
   * @param p above 0
   * @throws UsageException when none of them is trained
   */
  static Mixout on(Model model, List<Trainable> trainables, double p) {
    Mixout mixout = new Mixout();
    Set<Parameter> trained =
        trainables.stream()
            .filter(trainable -> !trainable.head())
            .map(Trainable::parameter)
            .collect(Collectors.toSet());
    for (ProjectionSlot slot : model.projections().values()) {
      if (trained.contains(slot.base().weight())) {
        mixout.mix(model, slot, p);
      }
    }
    if (mixout.mixed.isEmpty()) {
      throw new UsageException(
          "mixout is "
              + p
              + ", and no weight of the checkpoint is trained: use method full, or"
              + " leave it out");
    }
    return mixout;
  }

  private void mix(Model model, ProjectionSlot slot, double p) {
    Parameter weight = slot.base().weight();
    Tensor original = original(weight);
    mixed.add(slot);
    slot.fill(
        x -> {
          if (!model.mode().isTraining()) {
            return slot.base().forward(x);
          }
          try (Scope scope = Scope.open()) {
            Tensor drawn = original.add(Ops.dropout(weight.original().sub(original), p));
            Parameter substitute = new Parameter(weight.name(), drawn, scope);
            weight.substitute(substitute);
            try {
              return scope.keep(slot.base().forward(x));
            } finally {
              weight.restore(substitute);
            }
          }
        });
  }

  private Tensor original(Parameter weight) {
    try (Scope scope = Scope.open()) {
      return checkpoint.adopt(weight.original().detach().copy());
    }
  }

  @Override
  public void close() {
    mixed.forEach(ProjectionSlot::reset);
    checkpoint.close();
  }
}
