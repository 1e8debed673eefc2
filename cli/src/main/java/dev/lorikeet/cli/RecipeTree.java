package dev.lorikeet.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.lorikeet.models.JsonFile;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A recipe's keys and values before they are read: a YAML file's, overridden by flags. */
final class RecipeTree {
  /** A key that is said twice is an error, as one of them would be left out. */
  private static final YAMLMapper YAML =
      YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private static final Pattern PLACE = Pattern.compile("^ in .*line (\\d+), column");

  private final ObjectNode root = YAML.createObjectNode();

  /**
   * Takes over a YAML file's keys.
   *
   * @throws LorikeetException when it cannot be read or is not YAML
   */
  void load(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new LorikeetException(file + " does not exist: give the path of a recipe");
    }
    try {
      JsonNode read = YAML.readTree(file.toFile());
      if (!(read instanceof ObjectNode recipe)) {
        throw new UsageException(file + " is not a recipe: it must be a section of keys");
      }
      root.setAll(recipe);
    } catch (JsonProcessingException e) {
      throw new LorikeetException(file + " is not YAML" + where(e), e);
    } catch (IOException e) {
      throw new LorikeetException("cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  /** A recipe that comes with the command line. */
  static RecipeTree resource(String name) {
    RecipeTree tree = new RecipeTree();
    try (InputStream stream = RecipeTree.class.getResourceAsStream(name)) {
      tree.root.setAll((ObjectNode) YAML.readTree(stream));
      return tree;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** SnakeYAML tells of the place around a problem, the problem, and its place, a line each. */
  private static String where(JsonProcessingException e) {
    if (e instanceof StreamConstraintsException) {
      return ": " + JsonFile.problem(e);
    }
    String problem = "";
    String line = "";
    for (String told : e.getOriginalMessage().lines().toList()) {
      Matcher place = PLACE.matcher(told);
      if (place.find()) {
        line = ", line " + place.group(1);
      } else if (!told.isBlank() && !told.startsWith(" ")) {
        problem = told;
      }
    }
    if (line.isEmpty() && e.getLocation() != null) {
      line = ", line " + e.getLocation().getLineNr();
    }
    return line + ": " + problem;
  }

  /** Takes over another's keys, section by section. */
  void merge(RecipeTree other) {
    merge(root, other.root);
  }

  private static void merge(ObjectNode into, ObjectNode from) {
    from.properties()
        .forEach(
            entry -> {
              if (entry.getValue() instanceof ObjectNode section
                  && into.get(entry.getKey()) instanceof ObjectNode existing) {
                merge(existing, section);
              } else {
                into.set(entry.getKey(), entry.getValue());
              }
            });
  }

  /** Sets the value at a path of keys with dots between them. */
  void set(String path, String value) {
    int dot = path.lastIndexOf('.');
    parent(path, dot).put(path.substring(dot + 1), value);
  }

  /** Sets {@code ENTRY=VALUE} in a section whose keys may have dots, or the value of it all. */
  void setEntry(String section, String typed) {
    int equals = typed.lastIndexOf('=');
    if (equals < 0) {
      set(section, typed);
    } else {
      parent(section + ".", section.length())
          .put(typed.substring(0, equals), typed.substring(equals + 1));
    }
  }

  /** Sets {@code PATH=VALUE}, the value written as in a recipe. */
  void assign(String assignment) {
    int equals = assignment.indexOf('=');
    if (equals < 1) {
      throw new UsageException(
          "--set " + assignment + " is not KEY=VALUE: write training.lr=1e-4, for example");
    }
    String path = assignment.substring(0, equals);
    int dot = path.lastIndexOf('.');
    try {
      JsonNode value = YAML.readTree(assignment.substring(equals + 1));
      parent(path, dot).set(path.substring(dot + 1), value);
    } catch (JsonProcessingException e) {
      throw new UsageException("--set " + assignment + ": the value is not YAML");
    }
  }

  private ObjectNode parent(String path, int dot) {
    ObjectNode node = root;
    if (dot > 0) {
      for (String key : path.substring(0, dot).split("\\.", -1)) {
        JsonNode child = node.path(key);
        if (!child.isObject() && !child.isMissingNode() && !child.isNull()) {
          throw new UsageException(
              "recipe: " + path.replaceFirst("\\.$", "") + ": " + key + " is not a section");
        }
        node = child instanceof ObjectNode section ? section : node.putObject(key);
      }
    }
    return node;
  }

  ObjectNode root() {
    return root;
  }
}
