package dev.lorikeet.fuzz;

import java.io.IOException;
import java.util.Random;

/** Damages a file; the same random source gives the same damage. */
@FunctionalInterface
interface Mutation {
  /** The damaged bytes of a file; {@code original} stays as it is. */
  byte[] apply(byte[] original, Random random) throws IOException;

  /** This one, and one in {@code every} times the bytes alone, whatever they mean. */
  default Mutation orBytes(int every) {
    return (original, random) ->
        random.nextInt(every) == 0 ? Bytes.damaged(original, random) : apply(original, random);
  }
}
