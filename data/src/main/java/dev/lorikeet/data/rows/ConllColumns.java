package dev.lorikeet.data.rows;

import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.Locale;

/**
 * What the columns of a CoNLL file are called: numbers from 1, or from the last, −1. Those of
 * CoNLL-U (ten) and of CoNLL-2003 (four) have names, too. Where nobody says otherwise, words are in
 * the first column and labels in the last, in CoNLL-U in FORM and UPOS.
 */
final class ConllColumns {
  private static final List<String> UNIVERSAL =
      List.of("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc");
  private static final List<String> CONLL_2003 = List.of("word", "pos", "chunk", "ner");

  /** What columns are called where nobody names them. */
  private static final String TEXT = "text";

  private static final String LABEL = "label";

  private final int count;
  private final boolean universal;

  /** The columns of a file that begins with these fields. */
  ConllColumns(List<String> first) {
    count = first.size();
    universal = count == UNIVERSAL.size() && first.get(0).matches("\\d+([-.]\\d+)?");
  }

  int count() {
    return count;
  }

  /** Whether they are CoNLL-U's. */
  boolean isUniversal() {
    return universal;
  }

  /**
   * The place of a column, from 0.
   *
   * @throws UsageException when there is none of this name
   */
  int index(String source, String name, Selection columns) {
    if (name.equals(TEXT) && name.equals(columns.text())) {
      return universal ? UNIVERSAL.indexOf("form") : 0;
    }
    if (name.equals(LABEL) && columns.labels().contains(name)) {
      if (count == 1) {
        throw new UsageException(
            source + ": one column, which has the words: there are no labels in this file");
      }
      return universal ? UNIVERSAL.indexOf("upos") : count - 1;
    }
    List<String> names = universal ? UNIVERSAL : count == 4 ? CONLL_2003 : List.of();
    int named = names.indexOf(name.toLowerCase(Locale.ROOT));
    int index = named >= 0 ? named : numbered(name);
    if (index < 0 || index >= count) {
      throw new UnknownColumn(
          (source + ": no column \"" + name + "\" of " + count + ": name it by its number, from 1,")
              + " or -1 for the last"
              + (names.isEmpty() ? "" : ", or " + String.join(", ", names)),
          List.of(TEXT, LABEL));
    }
    return index;
  }

  private int numbered(String name) {
    if (!name.matches("-?\\d{1,4}")) {
      return -1;
    }
    int number = Integer.parseInt(name);
    return number < 0 ? count + number : number - 1;
  }
}
