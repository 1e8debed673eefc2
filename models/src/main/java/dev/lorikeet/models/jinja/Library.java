package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Callable.Arguments;
import dev.lorikeet.torch.Nearest;
import java.util.Map;

/** The filters and tests by name. */
record Library(Map<String, Filter> filters, Map<String, Test> tests) {
  static final Library STANDARD = new Library(Filters.all(), Tests.all());

  /** {@code value | filter(arguments)}. */
  @FunctionalInterface
  interface Filter {
    Object apply(Object value, Arguments arguments);
  }

  /** {@code value is test(arguments)}. */
  @FunctionalInterface
  interface Test {
    boolean holds(Object value, Arguments arguments);
  }

  Filter filter(String name, TokenStream where) {
    return known("filter", name, filters, where);
  }

  Test test(String name, TokenStream where) {
    return known("test", name, tests, where);
  }

  private static <T> T known(String what, String name, Map<String, T> all, TokenStream where) {
    T found = all.get(name);
    if (found == null) {
      String nearest = Nearest.of(name, all.keySet().stream().sorted().toList(), 1).get(0);
      throw where.failure("no " + what + " named '" + name + "'; nearest: " + nearest);
    }
    return found;
  }
}
