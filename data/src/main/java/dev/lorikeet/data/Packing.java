package dev.lorikeet.data;

import dev.lorikeet.torch.UsageException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * Lays documents of a causal language model one after the other into rows of at most so many
 * tokens, none of them cut: the longest first, each into the fullest row that has room for it (Ding
 * et al. 2024, arXiv:2404.10830, §3).
 */
public final class Packing {

  private Packing() {}

  /**
   * Rows that hold all documents once. The first token of each is no label, since nothing before it
   * can predict it.
   *
   * @param documents with a label a token
   * @param maxLength of a row, in tokens
   * @throws UsageException when a document is longer than that
   */
  public static List<EncodedExample> rows(List<EncodedExample> documents, int maxLength) {
    List<EncodedExample> sorted = new ArrayList<>(documents);
    sorted.sort(Comparator.comparingInt(document -> -document.length()));
    List<List<EncodedExample>> rows = new ArrayList<>();
    TreeMap<Integer, Deque<List<EncodedExample>>> byRoom = new TreeMap<>();
    for (EncodedExample document : sorted) {
      int length = document.length();
      if (length > maxLength) {
        throw new UsageException(
            "a document has " + length + " tokens, and rows " + maxLength + ": raise max_length");
      }
      Map.Entry<Integer, Deque<List<EncodedExample>>> fitting = byRoom.ceilingEntry(length);
      int room = fitting == null ? maxLength : fitting.getKey();
      List<EncodedExample> row;
      if (fitting == null) {
        row = new ArrayList<>();
        rows.add(row);
      } else {
        row = fitting.getValue().removeFirst();
        if (fitting.getValue().isEmpty()) {
          byRoom.remove(room);
        }
      }
      row.add(document);
      byRoom.computeIfAbsent(room - length, left -> new ArrayDeque<>()).addLast(row);
    }
    return rows.stream().map(Packing::row).toList();
  }

  private static EncodedExample row(List<EncodedExample> documents) {
    return EncodedExample.packed(
        documents.stream().flatMapToInt(d -> IntStream.of(d.ids())).toArray(),
        documents.stream().flatMapToInt(d -> IntStream.of(d.typeIds())).toArray(),
        documents.stream()
            .flatMapToLong(
                d ->
                    IntStream.range(0, d.length())
                        .mapToLong(i -> i == 0 ? EncodedExample.IGNORED : d.classes()[i]))
            .toArray(),
        EncodedExample.lengths(documents));
  }
}
