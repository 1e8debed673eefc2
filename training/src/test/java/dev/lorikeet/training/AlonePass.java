package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** The gradients of one run's steps. */
record AlonePass(GradientPass pass, List<Trainable> trainables, Loss loss, LossScale lossScale) {
  static AlonePass of(
      Model model,
      List<Trainable> trainables,
      Loss loss,
      int maxTokens,
      LossScale lossScale,
      Consumer<String> remarks) {
    return new AlonePass(
        new GradientPass(model, 0, maxTokens, false, remarks), trainables, loss, lossScale);
  }

  Map<Parameter, Tensor> gradients(
      List<EncodedExample> examples, List<int[]> batches, RunState state) {
    StepShare share = new StepShare(trainables, loss, lossScale, state, examples, batches);
    pass.run(List.of(share));
    return share.gradients();
  }
}
