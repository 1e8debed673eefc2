package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PackingTest {
  private static final long NONE = EncodedExample.IGNORED;

  /** A document whose tokens are {@code first} and those after it, each its own label. */
  private static EncodedExample document(int first, int length) {
    int[] ids = IntStream.range(first, first + length).toArray();
    long[] classes = IntStream.of(ids).asLongStream().toArray();
    return new EncodedExample(ids, new int[length], classes, new float[0]);
  }

  @Test
  void theLongestComeFirstAndEachGoesWhereLeastRoomIsLeft() {
    List<EncodedExample> rows =
        Packing.rows(
            List.of(document(10, 3), document(20, 6), document(30, 2), document(40, 5)), 8);
    // 6 | 5 | 3 beside 5, which leaves 0 | 2 beside 6
    assertThat(rows)
        .extracting(row -> List.of(row.ids()[0], row.length()))
        .containsExactly(List.of(20, 8), List.of(40, 8));
    assertThat(rows.get(0).documents()).containsExactly(6, 2);
    assertThat(rows.get(1).documents()).containsExactly(5, 3);
  }

  @Test
  void noDocumentIsPredictedFromTheOneBeforeIt() {
    EncodedExample row = Packing.rows(List.of(document(10, 3), document(20, 2)), 8).get(0);
    assertThat(row.ids()).containsExactly(10, 11, 12, 20, 21);
    assertThat(row.classes()).containsExactly(NONE, 11, 12, NONE, 21);
  }

  @Test
  void aBatchOfPackedRowsIsOneRowWithoutPadding() {
    List<EncodedExample> rows =
        Packing.rows(List.of(document(10, 4), document(20, 3), document(30, 2)), 5);
    Batch batch = Batch.of(rows, new int[] {0, 1}, 0);
    assertThat(batch.rows()).isEqualTo(1);
    assertThat(batch.length()).isEqualTo(9);
    assertThat(batch.tokens()).isEqualTo(9);
    assertThat(batch.inputIds()).containsExactly(10, 11, 12, 13, 20, 21, 22, 30, 31);
    assertThat(batch.documents()).containsExactly(4, 3, 2);
    assertThat(batch.indices()).containsExactly(0, 1);
    assertThat(batch.labelled()).isEqualTo(3 + 2 + 1);
  }

  @Test
  void aDocumentLongerThanARowIsRefused() {
    assertThatThrownBy(() -> Packing.rows(List.of(document(10, 9)), 8))
        .isInstanceOf(UsageException.class)
        .hasMessage("a document has 9 tokens, and rows 8: raise max_length");
  }
}
