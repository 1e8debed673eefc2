package dev.lorikeet.models;

/**
 * A text as a model reads it; each array has one element per token.
 *
 * @param ids of the tokens
 * @param typeIds 0 for the first text of a pair, 1 for the second
 * @param wordIds the index of the word that a token is of, −1 for special tokens; of use for words
 *     that came split
 */
@SuppressWarnings("ArrayRecordComponent") // encodings are never compared
public record Encoding(int[] ids, int[] typeIds, int[] wordIds) {
  /** The number of tokens. */
  public int length() {
    return ids.length;
  }
}
