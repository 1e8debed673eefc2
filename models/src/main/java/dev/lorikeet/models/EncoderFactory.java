package dev.lorikeet.models;

import java.util.List;

/** The factory of an encoder whose heads classify texts or tokens, or fill masks. */
interface EncoderFactory extends Architecture.Factory {
  List<HeadType> HEADS =
      List.of(HeadType.SEQUENCE_CLASSIFICATION, HeadType.TOKEN_CLASSIFICATION, HeadType.MASKED_LM);

  @Override
  default List<HeadType> heads() {
    return HEADS;
  }

  @Override
  default Dropouts.Keys dropouts() {
    return Dropouts.Keys.BERT;
  }

  @Override
  default String layerPattern() {
    return "layer";
  }
}
