package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.MaskFill;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.torch.Printable;
import java.util.List;
import java.util.stream.IntStream;

/** Tells what stands in the places of masks. */
final class MaskAnswering implements Answering {
  private final TextModel model;
  private final int topK;

  /**
   * Answers of a masked language model.
   *
   * @param topK how many candidates a mask gets
   */
  MaskAnswering(TextModel model, int topK) {
    this.model = model;
    this.topK = topK;
  }

  @Override
  public void mustAnswer(Example example) {
    model.mustHaveMasks(example);
  }

  @Override
  public List<Answer> of(List<Example> examples) {
    List<List<MaskFill>> fills = model.fillMasks(examples, topK);
    return IntStream.range(0, fills.size())
        .mapToObj(i -> new Answer(json(fills.get(i)), text(examples.get(i), fills.get(i))))
        .toList();
  }

  /** {@code label} and {@code score} are those of the first mask. */
  private static ObjectNode json(List<MaskFill> fills) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    MaskFill.Candidate first = fills.get(0).candidates().get(0);
    json.put("label", first.token()).put("score", first.score());
    ArrayNode masks = json.putArray("masks");
    for (MaskFill fill : fills) {
      ObjectNode mask = masks.addObject().put("position", fill.position());
      ArrayNode candidates = mask.putArray("candidates");
      for (MaskFill.Candidate candidate : fill.candidates()) {
        candidates
            .addObject()
            .put("token", candidate.token())
            .put("id", candidate.id())
            .put("score", candidate.score());
      }
    }
    return json;
  }

  private static String text(Example example, List<MaskFill> fills) {
    StringBuilder text = new StringBuilder(LabelAnswering.asked(example));
    for (int i = 0; i < fills.size(); i++) {
      if (fills.size() > 1) {
        text.append("\n  mask ").append(i + 1);
      }
      for (MaskFill.Candidate candidate : fills.get(i).candidates()) {
        text.append(Printable.format("%n  %.4f  %s", candidate.score(), candidate.token()));
      }
    }
    return text.toString();
  }
}
