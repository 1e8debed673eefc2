package dev.lorikeet.adapters;

import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The modules of a model that an adapter trains and saves whole, by PEFT's rule: an entry matches
 * every module whose path ends with it.
 *
 * @param modules paths of the matched modules
 */
record ModulesToSave(Set<String> modules) {
  /**
   * The modules that {@code entries} match, those that the checkpoint lacked, and a classifier's
   * module that answers.
   *
   * @throws dev.lorikeet.torch.UsageException when an entry matches none
   */
  static ModulesToSave of(Model model, List<String> entries) {
    Set<String> paths = modulePaths(model);
    Set<String> matched = new LinkedHashSet<>();
    model.newModules().forEach(module -> matched.add(model.nameInMemory(module)));
    for (String entry : entries(model, entries)) {
      List<String> found = paths.stream().filter(path -> path.endsWith(entry)).toList();
      if (found.isEmpty() && !PeftNames.isClassifier(entry)) {
        throw Targets.noMatch("modules_to_save", entry, paths);
      }
      matched.addAll(found);
    }
    return new ModulesToSave(matched);
  }

  private static List<String> entries(Model model, List<String> entries) {
    List<String> all = new ArrayList<>(entries);
    HeadType head = model.headType();
    if (head != null && head.isSavedWithAdapters()) {
      all.add(model.headModules().outputModule());
    }
    return all;
  }

  /** The paths of all modules: whatever stands before a dot in a parameter's name. */
  private static Set<String> modulePaths(Model model) {
    Set<String> paths = new LinkedHashSet<>();
    for (String parameter : model.moduleParameters().keySet()) {
      String name = model.nameInMemory(parameter);
      for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
        paths.add(name.substring(0, dot));
      }
    }
    return paths;
  }

  /** Whether a parameter or module lies in one of the modules, or is one. */
  boolean contains(String path) {
    return modules.stream()
        .anyMatch(module -> path.equals(module) || path.startsWith(module + "."));
  }
}
