package dev.lorikeet.models;

import java.util.Set;

/**
 * What a head consists of beside the base, under transformers' names, which are the same on disk
 * and in memory.
 *
 * @param modules the first names of its modules' paths: {@code pre_classifier}, {@code classifier}
 * @param output the path of the layer that answers: each row of its weight is an output, a class or
 *     a word
 */
public record HeadModules(Set<String> modules, String output) {
  /** That of an encoder alone. */
  public static final HeadModules NONE = new HeadModules(Set.of(), "");

  public HeadModules {
    modules = Set.copyOf(modules);
  }

  /** A head that is one linear layer. */
  static HeadModules of(String layer) {
    return new HeadModules(Set.of(layer), layer);
  }

  /** Whether a module or parameter lies in the head. */
  public boolean contains(String path) {
    return modules.contains(firstName(path));
  }

  /** The one of the modules that {@link #output} lies in, which PEFT saves whole. */
  public String outputModule() {
    return firstName(output);
  }

  private static String firstName(String path) {
    int dot = path.indexOf('.');
    return dot < 0 ? path : path.substring(0, dot);
  }
}
