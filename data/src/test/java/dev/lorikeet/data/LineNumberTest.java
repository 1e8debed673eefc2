package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DataReader.DataSet;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Files of good, bad and blank rows in any order give the good rows, and the bad ones' lines. */
class LineNumberTest {
  private static final Columns TEXT_AND_LABEL = new Columns("text", null, "label");

  /**
   * A piece of a file.
   *
   * @param written with its line break
   * @param text of the example; empty when the piece is bad or blank
   * @param bad whether it must be reported
   */
  record Piece(String written, String text, boolean bad) {}

  @Property(tries = 100)
  void badJsonLinesAreReportedWithTheirLines(@ForAll("jsonPieces") List<Piece> pieces)
      throws IOException {
    check(".jsonl", "{\"text\":\"first\",\"label\":\"x\"}\n", pieces);
  }

  @Property(tries = 100)
  void badCsvRowsAreReportedWithTheirLines(@ForAll("csvPieces") List<Piece> pieces)
      throws IOException {
    check(".csv", "text,label\nfirst,x\n", pieces);
  }

  @Provide
  Arbitrary<List<Piece>> jsonPieces() {
    Arbitrary<Piece> good =
        text().map(t -> new Piece("{\"text\":\"" + t + "\",\"label\":1}", t, false));
    Arbitrary<Piece> bad =
        Arbitraries.of("{\"text\"", "{\"label\":1}", "7", "{\"text\":\"\",\"label\":1}")
            .map(line -> new Piece(line, "", true));
    Arbitrary<Piece> blank = Arbitraries.of("", " ", "\t").map(line -> new Piece(line, "", false));
    return withLineBreaks(Arbitraries.oneOf(good, bad, blank));
  }

  @Provide
  Arbitrary<List<Piece>> csvPieces() {
    Arbitrary<Piece> plain = text().map(t -> new Piece(t + ",1", t, false));
    Arbitrary<Piece> quoted =
        Arbitraries.strings()
            .withChars("a\",\n\r é")
            .ofMinLength(1)
            .map(t -> "x" + t)
            .map(t -> new Piece("\"" + t.replace("\"", "\"\"") + "\",1", t, false));
    Arbitrary<Piece> bad =
        Arbitraries.of("x", "x,1,2", ",1", "x,\"\"", "\"x\ny\"", "\"x\n\n\",1,\"\r\n\"")
            .map(row -> new Piece(row, "", true));
    Arbitrary<Piece> blank = Arbitraries.of("", "  ").map(line -> new Piece(line, "", false));
    return withLineBreaks(Arbitraries.oneOf(plain, quoted, bad, blank));
  }

  private static Arbitrary<String> text() {
    return Arbitraries.strings().withChars("ab é雪").ofMaxLength(20).map(t -> "t" + t);
  }

  private static Arbitrary<List<Piece>> withLineBreaks(Arbitrary<Piece> pieces) {
    return Combinators.combine(pieces, Arbitraries.of("\n", "\r\n"))
        .as((piece, end) -> new Piece(piece.written() + end, piece.text(), piece.bad()))
        .list()
        .ofMinSize(1)
        .ofMaxSize(60);
  }

  private static void check(String ending, String head, List<Piece> pieces) throws IOException {
    Path file = Files.createTempFile("lines", ending);
    try {
      StringBuilder content = new StringBuilder(head);
      List<String> texts = new ArrayList<>(List.of("first"));
      List<String> places = new ArrayList<>();
      for (Piece piece : pieces) {
        if (piece.bad()) {
          places.add(file + ":" + (1 + content.chars().filter(c -> c == '\n').count()));
        } else if (!piece.text().isEmpty()) {
          texts.add(piece.text());
        }
        content.append(piece.written());
      }
      Files.writeString(file, content);
      DataSet data =
          DataReader.read(
              file.toString(),
              TEXT_AND_LABEL,
              Formats.of(HeadType.SEQUENCE_CLASSIFICATION, ProblemType.SINGLE_LABEL),
              OnBadRow.SKIP);
      assertThat(data.examples()).extracting(Example::text).isEqualTo(texts);
      assertThat(data.skipped()).isEqualTo(places.size());
      assertThat(data.reports())
          .extracting(report -> report.substring(0, report.indexOf(": ")))
          .isEqualTo(places.subList(0, Math.min(10, places.size())));
    } finally {
      Files.delete(file);
    }
  }
}
