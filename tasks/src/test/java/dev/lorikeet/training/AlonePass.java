package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** The gradients of one run's steps. */
record AlonePass(
    GradientPass pass, List<Trainable> trainables, Objective loss, LossScale lossScale) {
  static AlonePass of(
      Model model,
      List<Trainable> trainables,
      Objective loss,
      int maxTokens,
      LossScale lossScale,
      Consumer<String> remarks) {
    return new AlonePass(
        new GradientPass(model, loss, 0, new PartLimit(maxTokens, remarks), false),
        trainables,
        loss,
        lossScale);
  }

  Map<Parameter, Tensor> gradients(
      List<EncodedExample> examples, List<int[]> batches, RunState state) {
    StepBatch step = new StepBatch(trainables, loss, lossScale, state, examples, batches);
    pass.run(step);
    return step.gradients();
  }
}
