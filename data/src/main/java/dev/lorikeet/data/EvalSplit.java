package dev.lorikeet.data;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * A part of the examples held out for evaluation, drawn by a seed; both parts keep the order of the
 * file.
 *
 * @param train what is learned, at least one
 * @param held what is held out, at least one
 */
public record EvalSplit(List<Example> train, List<Example> held) {

  /**
   * Splits examples. Held out are {@code fraction} of them, rounded up as scikit-learn's
   * train_test_split does. Stratified, each label has its share of them, the largest remainders
   * first, and keeps an example to be learned from.
   *
   * @param fraction of the examples, above 0 and below 1
   * @param stratified whether each example has one label
   * @throws UsageException when the fraction is out of range
   * @throws LorikeetException when there are not two examples, or none that may be held out
   */
  public static EvalSplit of(
      List<Example> examples, double fraction, boolean stratified, long seed) {
    mustBeFraction(fraction);
    Map<String, List<Integer>> groups = new LinkedHashMap<>();
    for (int i = 0; i < examples.size(); i++) {
      String label = stratified ? examples.get(i).labels().get(0) : "";
      groups.computeIfAbsent(label, l -> new ArrayList<>()).add(i);
    }
    int wanted = (int) Math.ceil(examples.size() * fraction);
    Set<Integer> held = draw(groups.values(), wanted, examples.size(), seed);
    if (held.isEmpty()) {
      throw new LorikeetException(
          ("eval_fraction is " + fraction + ", and none of " + examples.size() + " examples can be")
              + " held out, as each label needs one to be learned from: add examples, or give"
              + " evaluation data of their own");
    }
    List<Example> train = new ArrayList<>();
    List<Example> eval = new ArrayList<>();
    for (int i = 0; i < examples.size(); i++) {
      (held.contains(i) ? eval : train).add(examples.get(i));
    }
    return new EvalSplit(List.copyOf(train), List.copyOf(eval));
  }

  /**
   * Checks a fraction.
   *
   * @throws UsageException when it is out of range
   */
  public static void mustBeFraction(double fraction) {
    if (!(fraction > 0 && fraction < 1)) {
      throw new UsageException("eval_fraction is " + fraction + ": it must be between 0 and 1");
    }
  }

  private static Set<Integer> draw(
      Collection<List<Integer>> groups, int wanted, int all, long seed) {
    List<List<Integer>> lists = List.copyOf(groups);
    int[] shares = new int[lists.size()];
    double[] remainders = new double[lists.size()];
    int left = wanted;
    for (int i = 0; i < shares.length; i++) {
      double share = (double) wanted * lists.get(i).size() / all;
      shares[i] = Math.min((int) share, lists.get(i).size() - 1);
      remainders[i] = share - shares[i];
      left -= shares[i];
    }
    List<Integer> byRemainder =
        IntStream.range(0, shares.length)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> -remainders[i]))
            .toList();
    for (int i : byRemainder) {
      if (left > 0 && shares[i] < lists.get(i).size() - 1) {
        shares[i]++;
        left--;
      }
    }
    SplittableRandom random = Seeds.random(seed, 0, 0, 2);
    Set<Integer> held = new HashSet<>();
    for (int i = 0; i < shares.length; i++) {
      int[] places = lists.get(i).stream().mapToInt(Integer::intValue).toArray();
      Seeds.shuffle(places, random);
      IntStream.range(0, shares[i]).forEach(place -> held.add(places[place]));
    }
    return held;
  }
}
