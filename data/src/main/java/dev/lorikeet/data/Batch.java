package dev.lorikeet.data;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Examples side by side, padded on the right to the longest; arrays are row by row. {@code B} rows,
 * {@code T} tokens, {@code C} labels. A batch of images has no ids, mask and types, but {@link
 * #pixelValues}. Packed rows become one row without padding, B = 1.
 *
 * @param rows B
 * @param length T
 * @param inputIds [B, T]
 * @param attentionMask [B, T], 1 for tokens and 0 for padding
 * @param tokenTypeIds [B, T], 0 for the first text and 1 for the second
 * @param classes [B] for a single-label task; [B, T], {@link EncodedExample#IGNORED} at padding,
 *     where tokens have labels; [B, U] where the labels are an answer of U tokens; else empty
 * @param targets [B] for regression, [B, C] for a multi-label task, else empty
 * @param indices [B], the place of each row in the data set; of packed rows all their places
 * @param tokens how many of the B·T are not padding
 * @param images B pictures, or none where there are texts
 * @param documents the lengths of the documents that the one row of packed ones holds; else empty
 * @param columns [B], which of its example's texts a row is, from 0
 */
@SuppressWarnings("ArrayRecordComponent") // batches are never compared
public record Batch(
    int rows,
    int length,
    long[] inputIds,
    long[] attentionMask,
    long[] tokenTypeIds,
    long[] classes,
    float[] targets,
    int[] indices,
    int tokens,
    List<ImageFile> images,
    int[] documents,
    int[] columns) {

  private static final long[] NO_TOKENS = {};
  private static final int[] ALONE = {};

  /**
   * The batch of some examples of a data set; all texts of an example are rows, side by side.
   *
   * @param indices which, at least one
   * @param padTokenId the token that stands for padding
   * @throws IllegalArgumentException when some of them are labelled and some are not
   */
  public static Batch of(List<EncodedExample> all, int[] indices, int padTokenId) {
    List<EncodedExample> texts = new ArrayList<>();
    List<Integer> places = new ArrayList<>();
    List<Integer> columns = new ArrayList<>();
    for (int index : indices) {
      List<EncodedExample> own = all.get(index).texts();
      for (int column = 0; column < own.size(); column++) {
        texts.add(own.get(column));
        places.add(index);
        columns.add(column);
      }
    }
    return ofRows(texts, ints(places), ints(columns), padTokenId);
  }

  private static int[] ints(List<Integer> values) {
    return values.stream().mapToInt(i -> i).toArray();
  }

  /**
   * The batch of some texts, of one data set or of several.
   *
   * @param indices the place of each text's example in its data set
   * @param columns which of the example's texts each is, from 0
   * @throws IllegalArgumentException when some of them are labelled and some are not
   */
  public static Batch ofRows(
      List<EncodedExample> examples, int[] indices, int[] columns, int padTokenId) {
    int length = examples.stream().mapToInt(EncodedExample::length).max().orElseThrow();
    if (examples.get(0).documents().length > 0) {
      return ofPacked(examples, indices);
    }
    if (examples.get(0).image() != null) {
      return ofImages(examples, length, indices, columns);
    }
    return new Batch(
        indices.length,
        length,
        padded(examples.stream().map(e -> longs(e.ids())).toList(), length, padTokenId),
        padded(examples.stream().map(Batch::ones).toList(), length, 0),
        padded(examples.stream().map(e -> longs(e.typeIds())).toList(), length, 0),
        classes(examples),
        targets(examples),
        indices.clone(),
        examples.stream().mapToInt(EncodedExample::length).sum(),
        List.of(),
        ALONE,
        columns.clone());
  }

  private static Batch ofPacked(List<EncodedExample> rows, int[] indices) {
    int tokens = rows.stream().mapToInt(EncodedExample::length).sum();
    return new Batch(
        1,
        tokens,
        rows.stream().flatMapToLong(row -> LongStream.of(longs(row.ids()))).toArray(),
        rows.stream().flatMapToLong(row -> LongStream.of(ones(row))).toArray(),
        rows.stream().flatMapToLong(row -> LongStream.of(longs(row.typeIds()))).toArray(),
        rows.stream().flatMapToLong(row -> LongStream.of(row.classes())).toArray(),
        new float[0],
        indices.clone(),
        tokens,
        List.of(),
        rows.stream().flatMapToInt(row -> IntStream.of(row.documents())).toArray(),
        new int[1]);
  }

  private static Batch ofImages(
      List<EncodedExample> examples, int length, int[] indices, int[] columns) {
    return new Batch(
        indices.length,
        length,
        NO_TOKENS,
        NO_TOKENS,
        NO_TOKENS,
        classes(examples),
        targets(examples),
        indices.clone(),
        examples.stream().mapToInt(EncodedExample::length).sum(),
        examples.stream().map(e -> Objects.requireNonNull(e.image())).toList(),
        ALONE,
        columns.clone());
  }

  /** Some of its rows, padded as they are here; packed ones cannot be parted. */
  public Batch rows(int from, int to) {
    if (from == 0 && to == rows) {
      return this;
    }
    return new Batch(
        to - from,
        length,
        slice(inputIds, from, to),
        slice(attentionMask, from, to),
        slice(tokenTypeIds, from, to),
        slice(classes, from, to),
        Arrays.copyOfRange(targets, from * targets.length / rows, to * targets.length / rows),
        Arrays.copyOfRange(indices, from, to),
        images.isEmpty()
            ? (int) LongStream.of(slice(attentionMask, from, to)).sum()
            : tokens / rows * (to - from),
        images.isEmpty() ? images : images.subList(from, to),
        documents,
        Arrays.copyOfRange(columns, from, to));
  }

  private long[] slice(long[] values, int from, int to) {
    int width = values.length / rows;
    return Arrays.copyOfRange(values, from * width, to * width);
  }

  /**
   * Reads the pictures, which are in memory only from now on.
   *
   * @return [B, channels, height, width], float32, on the host
   * @throws LorikeetException when a file is no picture, or they end up in different sizes
   */
  public Tensor pixelValues() {
    return images.get(0).processor().read(images.stream().map(ImageFile::file).toList());
  }

  /**
   * How many labels a loss counts: the labelled tokens where tokens have labels, else the labelled
   * rows.
   */
  public int labelled() {
    return targets.length > 0
        ? rows
        : (int) LongStream.of(classes).filter(c -> c != EncodedExample.IGNORED).count();
  }

  /** How many labels a row has, padding included: 1, T or U; 0 without any. */
  public int labelLength() {
    return classes.length / rows;
  }

  private static long[] classes(List<EncodedExample> examples) {
    List<long[]> classes = examples.stream().map(EncodedExample::classes).toList();
    mustAgree(classes.stream().mapToInt(c -> c.length).toArray());
    int length = classes.stream().mapToInt(c -> c.length).max().orElse(0);
    return padded(classes, length, EncodedExample.IGNORED);
  }

  private static float[] targets(List<EncodedExample> examples) {
    mustAgree(examples.stream().mapToInt(e -> e.targets().length).toArray());
    int width = examples.get(0).targets().length;
    float[] targets = new float[examples.size() * width];
    for (int row = 0; row < examples.size(); row++) {
      System.arraycopy(examples.get(row).targets(), 0, targets, row * width, width);
    }
    return targets;
  }

  private static void mustAgree(int[] labels) {
    if (Arrays.stream(labels).mapToObj(count -> count > 0).distinct().count() > 1) {
      throw new IllegalArgumentException("labelled and unlabelled examples in one batch");
    }
  }

  private static long[] padded(List<long[]> values, int length, long padding) {
    long[] padded = new long[values.size() * length];
    Arrays.fill(padded, padding);
    for (int row = 0; row < values.size(); row++) {
      System.arraycopy(values.get(row), 0, padded, row * length, values.get(row).length);
    }
    return padded;
  }

  private static long[] longs(int[] values) {
    return Arrays.stream(values).asLongStream().toArray();
  }

  private static long[] ones(EncodedExample example) {
    long[] ones = new long[example.length()];
    Arrays.fill(ones, 1);
    return ones;
  }
}
