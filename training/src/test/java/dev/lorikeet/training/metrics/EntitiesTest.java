package dev.lorikeet.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.metrics.Entities.Entity;
import java.util.List;
import org.junit.jupiter.api.Test;

class EntitiesTest {
  private static List<Entity> entities(String tags) {
    return Entities.of(List.of(tags.split(" ", -1)));
  }

  private static List<Entity> strict(String tags, TagScheme scheme) {
    return Entities.of(List.of(tags.split(" ", -1)), scheme);
  }

  @Test
  void anEntityEndsBeforeTheNextBeginning() {
    assertThat(entities("B-PER I-PER O B-LOC B-LOC"))
        .containsExactly(new Entity("PER", 0, 2), new Entity("LOC", 3, 4), new Entity("LOC", 4, 5));
    assertThat(entities("O O")).isEmpty();
  }

  @Test
  void aStrayInsideBeginsAnEntityUnlessASchemeForbidsIt() {
    assertThat(entities("I-PER I-LOC"))
        .containsExactly(new Entity("PER", 0, 1), new Entity("LOC", 1, 2));
    assertThat(strict("I-PER I-LOC B-PER I-LOC", TagScheme.IOB2))
        .containsExactly(new Entity("PER", 2, 3));
    assertThat(strict("B-PER I-PER S-PER B-LOC I-LOC E-LOC E-LOC", TagScheme.IOBES))
        .containsExactly(new Entity("PER", 2, 3), new Entity("LOC", 3, 6));
  }

  @Test
  void labelsAreTagsWhenAllOfThemAre() {
    assertThat(Tag.areTags(List.of("O", "B-PER", "I-PER"))).isTrue();
    assertThat(Tag.areTags(List.of("O"))).isFalse();
    assertThat(Tag.areTags(List.of("NOUN", "VERB", "B-X"))).isFalse();
    assertThat(Tag.areTags(List.of("PER", "LOC", "O"))).isFalse();
  }

  @Test
  void aSchemeIsKnownByItsNames() {
    assertThat(TagScheme.of("bioes")).isEqualTo(TagScheme.IOBES);
    assertThat(TagScheme.of("IOB2")).isEqualTo(TagScheme.IOB2);
    assertThatThrownBy(() -> TagScheme.of("bio"))
        .isInstanceOf(UsageException.class)
        .hasMessage("unknown entity scheme \"bio\": use iob2, iobes, bilou");
    assertThatThrownBy(() -> TagScheme.IOB2.mustHave(List.of("O", "S-PER")))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "label \"S-PER\" is no tag of IOB2, whose tags begin with one of BIO: leave the entity"
                + " scheme out, or give another");
  }
}
