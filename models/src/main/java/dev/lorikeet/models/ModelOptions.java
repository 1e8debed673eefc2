package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How to open a checkpoint.
 *
 * @param headType the head to build; null for the head that config.json names
 * @param labels the classes' names in the order of their ids; empty to take those of config.json
 * @param problemType what a sequence's labels are; null to take that of config.json
 * @param precision the type of activations and frozen weights: float32 or bfloat16
 * @param device where the weights go
 * @param seed of everything that is initialised
 * @param dropouts probabilities other than those of config.json
 * @param padTokenId the padding token of a model whose config.json has none; null for none
 * @param scratch when not null, nothing is read but config.json and all weights are drawn anew
 */
public record ModelOptions(
    @Nullable HeadType headType,
    List<String> labels,
    @Nullable ProblemType problemType,
    DType precision,
    Device device,
    long seed,
    Dropouts dropouts,
    @Nullable Integer padTokenId,
    @Nullable Initialization scratch) {

  /** The checkpoint as it is: its own head and labels, float32, on the CPU. */
  public static final ModelOptions DEFAULT =
      new ModelOptions(
          null, List.of(), null, DType.FLOAT32, Device.CPU, 0, Dropouts.UNCHANGED, null, null);

  public ModelOptions {
    labels = List.copyOf(labels);
  }

  /** With a head for {@code newType} over these labels. */
  public ModelOptions withHead(HeadType newType, List<String> newLabels) {
    return new ModelOptions(
        newType, newLabels, problemType, precision, device, seed, dropouts, padTokenId, scratch);
  }

  public ModelOptions withProblemType(@Nullable ProblemType type) {
    return new ModelOptions(
        headType, labels, type, precision, device, seed, dropouts, padTokenId, scratch);
  }

  public ModelOptions withPrecision(DType type) {
    return new ModelOptions(
        headType, labels, problemType, type, device, seed, dropouts, padTokenId, scratch);
  }

  public ModelOptions withDevice(Device place) {
    return new ModelOptions(
        headType, labels, problemType, precision, place, seed, dropouts, padTokenId, scratch);
  }

  public ModelOptions withSeed(long newSeed) {
    return new ModelOptions(
        headType, labels, problemType, precision, device, newSeed, dropouts, padTokenId, scratch);
  }

  public ModelOptions withDropouts(Dropouts other) {
    return new ModelOptions(
        headType, labels, problemType, precision, device, seed, other, padTokenId, scratch);
  }

  /** With a padding token, by which a decoder that classifies finds the ends of texts. */
  public ModelOptions withPadTokenId(@Nullable Integer id) {
    return new ModelOptions(
        headType, labels, problemType, precision, device, seed, dropouts, id, scratch);
  }

  /** With all weights drawn anew. */
  public ModelOptions fromScratch(Initialization initialization) {
    return new ModelOptions(
        headType,
        labels,
        problemType,
        precision,
        device,
        seed,
        dropouts,
        padTokenId,
        initialization);
  }
}
