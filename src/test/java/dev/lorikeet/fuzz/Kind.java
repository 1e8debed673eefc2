package dev.lorikeet.fuzz;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The kinds of files that are damaged, each with its real files and the commands that read them.
 */
enum Kind {
  SAFETENSORS(ModelFiles::weights),
  INDEX(ModelFiles::index),
  CONFIG(ModelFiles::config),
  TOKENIZER(ModelFiles::tokenizer),
  TEMPLATE(ModelFiles::template),
  PICTURE(ModelFiles::pictures),
  ADAPTER(AdapterFolders::peft),
  OTHER_ADAPTER(AdapterFolders::otherTools),
  CHECKPOINT(AdapterFolders::checkpoints),
  ONNX(ImportedFiles::onnx),
  BUNDLE(ImportedFiles::easyBert),
  DATA(DataFiles::data),
  RECIPE(DataFiles::recipes);

  /** Makes the real files in a folder, unless they are there. */
  @FunctionalInterface
  private interface Maker {
    List<Specimen> in(RealFiles files) throws IOException;
  }

  @SuppressWarnings("ImmutableEnumChecker") // references to methods, which hold nothing
  private final Maker maker;

  Kind(Maker maker) {
    this.maker = maker;
  }

  /** The real files; made in {@code folder} where they are not there yet. */
  List<Specimen> specimens(Path folder) throws IOException {
    return maker.in(new RealFiles(folder));
  }
}
