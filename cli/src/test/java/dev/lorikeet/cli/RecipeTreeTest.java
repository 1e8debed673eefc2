package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecipeTreeTest {
  @TempDir Path temporary;

  private final RecipeTree tree = new RecipeTree();

  @Test
  void valuesOfAssignmentsAreYaml() {
    tree.assign("a.b.c=1e-4");
    tree.assign("a.b.d=[x, 2]");
    tree.assign("e={f: true}");
    tree.assign("g=plain=text");
    assertThat(tree.root().toString())
        .isEqualTo(
            "{\"a\":{\"b\":{\"c\":1.0E-4,\"d\":[\"x\",2]}},\"e\":{\"f\":true},\"g\":\"plain=text\"}");
  }

  @Test
  void laterValuesComeOverEarlierOnesSectionBySection() {
    tree.set("training.lr", "1");
    tree.set("training.epochs", "2");
    RecipeTree flags = new RecipeTree();
    flags.set("training.lr", "3");
    flags.set("seed", "4");
    tree.merge(flags);
    assertThat(tree.root().toString())
        .isEqualTo("{\"training\":{\"lr\":\"3\",\"epochs\":\"2\"},\"seed\":\"4\"}");
  }

  @Test
  void entriesMayHaveDots() {
    tree.setEntry("training.groups", "layer.3=x2");
    assertThat(tree.root().toString())
        .isEqualTo("{\"training\":{\"groups\":{\"layer.3\":\"x2\"}}}");
  }

  @Test
  void emptySectionsCanBeFilled() throws IOException {
    tree.load(Files.writeString(temporary.resolve("recipe.yaml"), "training:\nmodel: x\n"));
    tree.set("training.lr", "1");
    assertThat(tree.root().toString()).isEqualTo("{\"training\":{\"lr\":\"1\"},\"model\":\"x\"}");
  }

  @Test
  void valueIsNoSection() {
    tree.set("model", "x");
    assertThatThrownBy(() -> tree.set("model.name", "y"))
        .isInstanceOf(UsageException.class)
        .hasMessage("recipe: model.name: model is not a section");
  }

  @Test
  void assignmentWithoutKeyOrValueIsExplained() {
    for (String typed : new String[] {"training.lr", "=1"}) {
      assertThatThrownBy(() -> tree.assign(typed))
          .isInstanceOf(UsageException.class)
          .hasMessage("--set " + typed + " is not KEY=VALUE: write training.lr=1e-4, for example");
    }
  }

  @Test
  void fileThatIsNotThereIsNamed() {
    Path file = temporary.resolve("none.yaml");
    assertThatThrownBy(() -> tree.load(file))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(file + " does not exist: give the path of a recipe");
  }

  @Test
  void emptyFileIsNoRecipe() throws IOException {
    Path file = Files.createFile(temporary.resolve("empty.yaml"));
    assertThatThrownBy(() -> tree.load(file))
        .isInstanceOf(UsageException.class)
        .hasMessage(file + " is not a recipe: it must be a section of keys");
  }
}
