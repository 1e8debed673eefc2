package dev.lorikeet.tasks;

import dev.lorikeet.data.Labels;
import dev.lorikeet.data.TrainOn;
import dev.lorikeet.models.ProblemType;
import org.jspecify.annotations.Nullable;

/**
 * How examples are encoded.
 *
 * @param labels those that have ids; null where none is needed
 * @param problemType what labels are, where the task has problem types
 * @param maxLength in tokens, special ones included; what is longer is cut
 * @param trainOn which tokens of chats and of prompts with completions are learned
 */
public record EncoderSettings(
    @Nullable Labels labels, ProblemType problemType, int maxLength, TrainOn trainOn) {}
