package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * What a model reads: a batch of token sequences, or of images; for an encoder-decoder also what
 * its decoder reads, and for generation what earlier passes computed.
 *
 * <p>Axes: B batch, T tokens, S tokens with those of the cache, V virtual tokens of a soft prompt,
 * D width of the model.
 */
public final class ModelInput {
  private final @Nullable Tensor inputIds;
  private final @Nullable Tensor pixelValues;
  private @Nullable Tensor attentionMask;
  private @Nullable Tensor tokenTypeIds;
  private @Nullable Tensor positionIds;
  private @Nullable Tensor decoderInputIds;
  private @Nullable Tensor encoderStates;
  private @Nullable Tensor prompt;
  private @Nullable KeyValueCache cache;
  private boolean paddedBehind;
  private int logitsToKeep;
  private int[] documents = {};
  private Reads reads = new Reads();

  /** What the architecture has asked for, of this input or copies that it made. */
  private static final class Reads {
    private boolean prompt;
    private boolean cache;
    private boolean documents;
  }

  private ModelInput(@Nullable Tensor inputIds, @Nullable Tensor pixelValues) {
    this.inputIds = inputIds;
    this.pixelValues = pixelValues;
  }

  /**
   * Token sequences.
   *
   * @param inputIds [B, T], int64
   * @param attentionMask [B, T], or [B, S] beside a cache, int64, 1 for tokens and 0 for padding;
   *     null when nothing is padding
   * @param tokenTypeIds [B, T], int64, 0 for the first text and 1 for the second; null when all are
   *     0
   */
  public ModelInput(
      Tensor inputIds, @Nullable Tensor attentionMask, @Nullable Tensor tokenTypeIds) {
    this(inputIds, null);
    this.attentionMask = attentionMask;
    this.tokenTypeIds = tokenTypeIds;
  }

  /**
   * Images.
   *
   * @param pixelValues [B, channels, height, width], normalised as the checkpoint asks
   */
  public static ModelInput ofImages(Tensor pixelValues) {
    return new ModelInput(null, pixelValues);
  }

  private ModelInput copy() {
    ModelInput copy = new ModelInput(inputIds, pixelValues);
    copy.attentionMask = attentionMask;
    copy.tokenTypeIds = tokenTypeIds;
    copy.positionIds = positionIds;
    copy.decoderInputIds = decoderInputIds;
    copy.encoderStates = encoderStates;
    copy.prompt = prompt;
    copy.cache = cache;
    copy.paddedBehind = paddedBehind;
    copy.logitsToKeep = logitsToKeep;
    copy.documents = documents;
    copy.reads = reads;
    return copy;
  }

  /** With the places of the tokens, [B, T] or [1, T], int64, instead of their order in the row. */
  public ModelInput withPositionIds(Tensor ids) {
    ModelInput copy = copy();
    copy.positionIds = ids;
    return copy;
  }

  /** With what an encoder-decoder's decoder reads, [B, U], int64. */
  public ModelInput withDecoderInputIds(Tensor ids) {
    ModelInput copy = copy();
    copy.decoderInputIds = ids;
    return copy;
  }

  /** With the encoder's last hidden state, [B, T, D], which is then not computed again. */
  public ModelInput withEncoderStates(Tensor states) {
    ModelInput copy = copy();
    copy.encoderStates = states;
    return copy;
  }

  /**
   * With vectors in front of the embedded tokens, which attend to them and get places after them.
   *
   * @param vectors [B, V, D]
   */
  public ModelInput withPrompt(Tensor vectors) {
    ModelInput copy = after(vectors.size(1));
    copy.prompt = vectors;
    copy.reads = new Reads();
    if (positionIds != null && copy.positionIds != null) {
      Tensor own = Tensor.arange(0, vectors.size(1), vectors.device());
      copy.positionIds =
          Tensor.cat(
              List.of(own.unsqueeze(0).expand(positionIds.size(0), -1), copy.positionIds), 1);
    }
    if (tokenTypeIds != null) {
      Tensor first = Tensor.zeros(DType.INT64, vectors.device(), vectors.size(0), vectors.size(1));
      copy.tokenTypeIds = Tensor.cat(List.of(first, tokenTypeIds), 1);
    }
    return copy;
  }

  /** As it is to be read after {@code virtual} tokens that are in the cache or stand in front. */
  public ModelInput after(long virtual) {
    ModelInput copy = copy();
    if (attentionMask != null) {
      Tensor ones =
          Tensor.full(1, DType.INT64, attentionMask.device(), attentionMask.size(0), virtual);
      copy.attentionMask = Tensor.cat(List.of(ones, attentionMask), 1);
    }
    if (positionIds != null) {
      Tensor shift = Tensor.full((double) virtual, DType.INT64, positionIds.device(), 1);
      copy.positionIds = positionIds.add(shift);
    }
    return copy;
  }

  /** With the keys and values of earlier tokens, which the tokens attend to and join. */
  public ModelInput withCache(KeyValueCache earlier) {
    ModelInput copy = copy();
    copy.cache = earlier;
    copy.reads = new Reads();
    return copy;
  }

  /**
   * With the promise that all padding stands behind its row's tokens, and that nobody asks what the
   * model answers for it: tokens that look back only then see none, and need no mask.
   */
  public ModelInput withPaddingBehind() {
    ModelInput copy = copy();
    copy.paddedBehind = true;
    return copy;
  }

  /** With logits of the last {@code tokens} tokens only; 0 for all. */
  public ModelInput withLogitsToKeep(int tokens) {
    ModelInput copy = copy();
    copy.logitsToKeep = tokens;
    return copy;
  }

  /**
   * As documents that lie one after the other in the one row there is. Each has places of its own
   * and sees only itself.
   *
   * @param lengths in tokens, T together
   */
  public ModelInput withDocuments(int... lengths) {
    long[] places =
        IntStream.of(lengths).asLongStream().flatMap(n -> LongStream.range(0, n)).toArray();
    if (rows() != 1 || inputIds().size(1) != places.length) {
      throw new IllegalArgumentException(
          places.length + " tokens of documents for input ids " + inputIds());
    }
    ModelInput copy = withPositionIds(Tensor.of(places, 1, places.length).to(inputIds().device()));
    copy.documents = lengths.clone();
    copy.reads = new Reads();
    return copy;
  }

  // ---- what it is ----

  /**
   * The tokens, [B, T], int64.
   *
   * @throws LorikeetException when the input is of images
   */
  public Tensor inputIds() {
    if (inputIds == null) {
      throw new LorikeetException("the model reads texts, and was given images");
    }
    return inputIds;
  }

  /**
   * The images, [B, channels, height, width].
   *
   * @throws LorikeetException when the input is of texts
   */
  public Tensor pixelValues() {
    if (pixelValues == null) {
      throw new LorikeetException("the model reads images, and was given texts");
    }
    return pixelValues;
  }

  /**
   * What the decoder reads, [B, U], int64.
   *
   * @throws LorikeetException when the input says nothing of it
   */
  public Tensor decoderInputIds() {
    if (decoderInputIds == null) {
      throw new LorikeetException("an encoder-decoder needs decoder_input_ids beside input_ids");
    }
    return decoderInputIds;
  }

  /** 1 for tokens and 0 for padding, virtual and cached tokens included; null without padding. */
  public @Nullable Tensor attentionMask() {
    return attentionMask;
  }

  /** The mask for tokens that look back only; null where no padding stands before a token. */
  @Nullable Tensor earlierMask() {
    return paddedBehind ? null : attentionMask;
  }

  public @Nullable Tensor tokenTypeIds() {
    return tokenTypeIds;
  }

  public @Nullable Tensor positionIds() {
    return positionIds;
  }

  public @Nullable Tensor encoderStates() {
    return encoderStates;
  }

  public @Nullable KeyValueCache cache() {
    reads.cache = true;
    return cache;
  }

  /**
   * Refuses keys and values from outside, where an architecture has no place for them.
   *
   * @throws LorikeetException when there are some
   */
  void mustHaveNoCache(String modelType) {
    if (cache != null) {
      throw new LorikeetException(
          "model_type \""
              + modelType
              + "\" reads no cached or learned keys and values: use another method than prefix"
              + " tuning");
    }
  }

  /** The lengths of the documents that share the row; empty where each row is one. */
  int[] documents() {
    reads.documents = true;
    return documents;
  }

  /** How many tokens there are in the cache. */
  public long past() {
    return cache == null ? 0 : cache.length();
  }

  /** The number of rows, B. */
  public long rows() {
    return (inputIds != null ? inputIds : pixelValues()).size(0);
  }

  /** How many vectors of a soft prompt stand before the tokens, V. */
  long virtualTokens() {
    return prompt == null ? 0 : prompt.size(1);
  }

  /** The places of V + T {@code tokens}: as given, else those after the cached ones, [V + T]. */
  Tensor places(long tokens) {
    return positionIds != null
        ? positionIds
        : Tensor.arange(past(), past() + tokens, inputIds().device());
  }

  /** The soft prompt, where there is one, and after it the embedded tokens: [B, V + T, D]. */
  Tensor prepend(Tensor embedded) {
    reads.prompt = true;
    return prompt == null
        ? embedded
        : Tensor.cat(List.of(prompt.to(embedded.dtype()), embedded), 1);
  }

  /**
   * Checks that a pass has not left out a soft prompt or a cache.
   *
   * @throws LorikeetException when the architecture reads none, or no packed documents
   */
  void mustBeRead(String modelType) {
    if ((prompt != null && !reads.prompt) || (cache != null && !reads.cache)) {
      throw new LorikeetException(
          "model_type \""
              + modelType
              + "\" reads no "
              + (prompt != null && !reads.prompt ? "soft prompts" : "learned prefixes or caches")
              + ": use a method that adapts its layers");
    }
    if (documents.length > 0 && !reads.documents) {
      throw new LorikeetException(
          "model_type \"" + modelType + "\" reads no packed documents: leave packing out");
    }
  }

  /** What of [B, T, D] logits are asked for, a view [B, n, D]. */
  Tensor keep(Tensor hidden) {
    return logitsToKeep == 0 || logitsToKeep >= hidden.size(1)
        ? hidden
        : hidden.narrow(1, hidden.size(1) - logitsToKeep, logitsToKeep);
  }

  /** The batch in a device's memory. */
  public ModelInput to(Device device) {
    UnaryOperator<@Nullable Tensor> move = tensor -> tensor == null ? null : tensor.to(device);
    ModelInput moved = new ModelInput(move.apply(inputIds), move.apply(pixelValues));
    moved.attentionMask = move.apply(attentionMask);
    moved.tokenTypeIds = move.apply(tokenTypeIds);
    moved.positionIds = move.apply(positionIds);
    moved.decoderInputIds = move.apply(decoderInputIds);
    moved.encoderStates = encoderStates;
    moved.prompt = prompt;
    moved.cache = cache;
    moved.logitsToKeep = logitsToKeep;
    moved.documents = documents;
    moved.reads = reads;
    return moved;
  }
}
