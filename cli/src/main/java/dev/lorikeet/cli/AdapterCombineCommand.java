package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.compare.Provenance;
import dev.lorikeet.lora.Combination;
import dev.lorikeet.lora.CombinationType;
import dev.lorikeet.lora.CombinedAdapter;
import dev.lorikeet.lora.CombinedAdapter.Weighted;
import dev.lorikeet.lora.MajoritySign;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Makes one adapter of several. */
@Command(
    name = "combine",
    description = "Make one LoRA adapter of several, each with a weight, without their base.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class AdapterCombineCommand implements Callable<Integer> {
  @Mixin private Console console;

  @Option(
      names = "--adapter",
      required = true,
      paramLabel = "ADAPTER",
      description = "An adapter, a folder or on the hub; once for each.")
  private List<String> adapters;

  @Option(
      names = "--weight",
      required = true,
      paramLabel = "W",
      description = "The adapters' weights, in the same order; they may be negative.")
  private List<Double> weights;

  @Option(
      names = "--combination-type",
      required = true,
      paramLabel = "TYPE",
      description =
          "linear, cat, svd, ties, dare_linear, dare_ties or magnitude_prune; all but the first"
              + " three also with _svd.")
  private String type;

  @Option(
      names = "--svd-rank",
      paramLabel = "R",
      description = "For svd and _svd: the rank; unless given, the adapters' largest.")
  private @Nullable Integer svdRank;

  @Option(
      names = "--density",
      paramLabel = "SHARE",
      description = "For ties, dare and magnitude_prune: the share of elements that is kept.")
  private @Nullable Double density;

  @Option(
      names = "--majority-sign-method",
      paramLabel = "total|frequency",
      description = "For ties: whether the sign of the sum wins (the default), or the commonest.")
  private @Nullable String majoritySign;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "For dare: of what is left out.")
  private long seed;

  @Mixin private OutputFlags outputFlags;

  @Override
  public Integer call() {
    Output output = outputFlags.output();
    output.check(ResultKind.ADAPTER);
    if (weights.size() != adapters.size()) {
      throw new UsageException(
          "there are "
              + adapters.size()
              + " --adapter and "
              + weights.size()
              + " --weight: give each adapter one");
    }
    Combination how =
        new Combination(
            CombinationType.of(type),
            svdRank,
            density,
            majoritySign == null ? null : MajoritySign.of(majoritySign),
            seed);
    List<Weighted> opened = new ArrayList<>();
    for (int i = 0; i < adapters.size(); i++) {
      Path folder = Folders.adapter(adapters.get(i), console.messages());
      opened.add(new Weighted(AdapterFolder.open(folder), weights.get(i)));
    }
    CombinedAdapter combined = CombinedAdapter.of(how, opened);
    if (combined.bases().size() > 1) {
      console.say(
          "the adapters name different bases, "
              + String.join(" and ", combined.bases())
              + ": what comes out is right only where these are the same model");
    }
    ObjectNode made = made(opened);
    Path first = opened.get(0).adapter().folder();
    output.check(ResultKind.ADAPTER, folders(opened));
    SortedMap<String, Integer> ranks =
        output.written(
            place -> combined.write(place, temporary -> Provenance.write(first, made, temporary)));
    print(ranks, output.folder());
    return 0;
  }

  private static Path[] folders(List<Weighted> opened) {
    return opened.stream().map(one -> one.adapter().folder()).toArray(Path[]::new);
  }

  /** What lorikeet.json says of how the adapter came to be. */
  private ObjectNode made(List<Weighted> opened) {
    ObjectNode made = JsonNodeFactory.instance.objectNode();
    made.put("combination_type", type);
    made.put("svd_rank", svdRank);
    made.put("density", density);
    made.put("majority_sign_method", majoritySign);
    made.put("seed", seed);
    ArrayNode from = made.putArray("adapters");
    for (Weighted one : opened) {
      Path folder = one.adapter().folder();
      from.addObject()
          .put("path", folder.toString())
          .put("sha256", FileHash.sha256(folder.resolve(AdapterFolder.WEIGHTS)))
          .put("weight", one.weight());
    }
    return made;
  }

  private void print(SortedMap<String, Integer> ranks, Path output) {
    TreeSet<Integer> different = new TreeSet<>(ranks.values());
    ObjectNode results = JsonNodeFactory.instance.objectNode().put("output", output.toString());
    results.put("layers", ranks.size());
    different.forEach(results.putArray("ranks")::add);
    console.print(
        results,
        String.format(
            Locale.ROOT,
            "%d adapters combined (%s): %d layers of rank %s%nadapter written to %s",
            adapters.size(),
            type,
            ranks.size(),
            different.stream().map(String::valueOf).collect(Collectors.joining(", ")),
            output));
  }
}
