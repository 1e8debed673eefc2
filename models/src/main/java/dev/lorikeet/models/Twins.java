package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/**
 * Finds a tensor that nothing reads beside one that was filled in because the checkpoint lacks it:
 * most likely the same tensor under two names, and a model that computes something else in silence.
 */
final class Twins {
  private final Weights.Build build;
  private final Checkpoint checkpoint;

  Twins(Weights.Build build, Checkpoint checkpoint) {
    this.build = build;
    this.checkpoint = checkpoint;
  }

  /**
   * Checks that there are none.
   *
   * @throws LorikeetException naming both
   */
  void mustNotBe() {
    List<String> unread =
        checkpoint.names().stream().filter(name -> !build.read.contains(name)).toList();
    for (Map.Entry<String, long[]> filled : build.filledIn.entrySet()) {
      for (String name : unread) {
        if (Arrays.equals(checkpoint.shape(name), filled.getValue())
            && isTwin(filled.getKey(), name)) {
          throw new LorikeetException(
              checkpoint.folder()
                  + ": tensor \""
                  + name
                  + "\" is read by nothing, and \""
                  + filled.getKey()
                  + "\" of the same shape is missing: rename it if they are one, else remove it");
        }
      }
    }
  }

  /** A new head is beside an old one by right; what is filled in beside a stored head is not. */
  private boolean isTwin(String filled, String unread) {
    boolean aloneInSilence = build.goodAsTheyStart.contains(filled) && build.newModules.isEmpty();
    return aloneInSilence || isWithin(filled, unread) || isWithin(unread, filled);
  }

  /** Whether a path has all the names of another one in their order, and perhaps more. */
  private static boolean isWithin(String shorter, String longer) {
    Iterator<String> names = List.of(longer.split("\\.", -1)).iterator();
    return Arrays.stream(shorter.split("\\.", -1))
        .allMatch(
            name -> {
              while (names.hasNext()) {
                if (names.next().equals(name)) {
                  return true;
                }
              }
              return false;
            });
  }
}
