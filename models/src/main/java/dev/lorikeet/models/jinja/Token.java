package dev.lorikeet.models.jinja;

/**
 * A piece of a template's source.
 *
 * @param text of data what is written out, of a string literal its value
 * @param line from 1
 */
record Token(Kind kind, String text, int line) {

  /** What a token is. */
  enum Kind {
    DATA,
    BLOCK_BEGIN,
    BLOCK_END,
    VARIABLE_BEGIN,
    VARIABLE_END,
    NAME,
    STRING,
    INTEGER,
    FLOAT,
    OPERATOR,
    END
  }

  boolean isName(String name) {
    return kind == Kind.NAME && text.equals(name);
  }

  boolean isOperator(String operator) {
    return kind == Kind.OPERATOR && text.equals(operator);
  }

  /** As errors quote it. */
  String quoted() {
    return kind == Kind.END ? "the end of the template" : "'" + text + "'";
  }
}
