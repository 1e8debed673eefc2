package dev.lorikeet.adapters;

import dev.lorikeet.models.ModelInput;
import dev.lorikeet.torch.Tensor;
import java.util.Map;

/**
 * A batch of what a model will be trained on, for starts that are taken from data.
 *
 * @param input what the model reads
 * @param counted which positions count, where some do not: for layers that read so many positions a
 *     row, their flat indices in [B · positions], int64
 */
public record Sample(ModelInput input, Map<Long, Tensor> counted) {}
