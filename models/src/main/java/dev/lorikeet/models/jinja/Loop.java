package dev.lorikeet.models.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The variable {@code loop} of one turn; called, it runs a recursive loop over other items. */
final class Loop implements Callable {
  private final List<Object> items;
  private final int index;
  private final int depth;
  private final @Nullable Callable recursion;

  Loop(List<Object> items, int index, int depth, @Nullable Callable recursion) {
    this.items = items;
    this.index = index;
    this.depth = depth;
    this.recursion = recursion;
  }

  @Nullable Object attribute(String name) {
    return switch (name) {
      case "index" -> index + 1L;
      case "index0" -> (long) index;
      case "revindex" -> (long) items.size() - index;
      case "revindex0" -> items.size() - index - 1L;
      case "first" -> index == 0;
      case "last" -> index == items.size() - 1;
      case "length" -> (long) items.size();
      case "depth" -> depth + 1L;
      case "depth0" -> (long) depth;
      case "previtem" -> index == 0 ? null : items.get(index - 1);
      case "nextitem" -> index == items.size() - 1 ? null : items.get(index + 1);
      case "cycle" -> (Callable) args -> args.positional().get(index % args.positional().size());
      default -> null;
    };
  }

  @Override
  public Object call(Arguments arguments) {
    if (recursion == null) {
      throw new JinjaException("the loop is not recursive");
    }
    return recursion.call(arguments);
  }

  @Override
  public String toString() {
    return "<LoopContext " + (index + 1) + "/" + items.size() + ">";
  }
}
